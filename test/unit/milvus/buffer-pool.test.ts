import { describe, expect, it } from 'vitest';
import { type BufferLease, createBufferPool } from '../../../src/milvus/buffer-pool.js';

/** Whether a promise is settled after everything that is due has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('the buffer pool', () => {
  it('lets so many take a place and has the next one wait', async () => {
    const pool = createBufferPool(2);
    expect(pool.size).toBe(2);
    const [first] = [await pool.take(), await pool.take()];
    const third = pool.take();
    expect(await settled(third)).toBe(false);
    first.release();
    expect(await settled(third)).toBe(true);
  });

  it('serves those who wait in their order', async () => {
    const pool = createBufferPool(1);
    let holder = await pool.take();
    const order: number[] = [];
    const waiting = [0, 1, 2].map((number) =>
      pool.take().then((lease) => {
        order.push(number);
        return lease;
      }),
    );
    for (const next of waiting) {
      holder.release();
      holder = await next;
    }
    expect(order).toStrictEqual([0, 1, 2]);
  });

  it('gives a buffer of at least the size asked for, and uses it again', async () => {
    const pool = createBufferPool(1);
    const first = await pool.take();
    const large = first.acquire(1000);
    expect(large.length).toBeGreaterThanOrEqual(1000);
    expect(first.acquire(10)).toBe(large);
    first.release();
    const second = await pool.take();
    expect(second.acquire(1000)).toBe(large);
    expect(second.acquire(2000).length).toBeGreaterThanOrEqual(2000);
    second.release();
  });

  it('hands the buffer on to the one who waits', async () => {
    const pool = createBufferPool(1);
    const first = await pool.take();
    const buffer = first.acquire(100);
    const next = pool.take();
    first.release();
    expect((await next).acquire(100)).toBe(buffer);
  });

  it('does not hand on a buffer that may be read still', async () => {
    const pool = createBufferPool(1);
    const first = await pool.take();
    const buffer = first.acquire(100);
    const next = pool.take();
    first.release(true);
    const second = await next;
    const other = second.acquire(100);
    expect(other.buffer).not.toBe(buffer.buffer);
    second.release(true);
    expect((await pool.take()).acquire(100).buffer).not.toBe(other.buffer);
  });

  it('does not share a buffer between two holders, nor with the pool of Node', async () => {
    const pool = createBufferPool(3);
    const leases = [await pool.take(), await pool.take(), await pool.take()];
    const buffers = leases.map((lease) => lease.acquire(16));
    expect(new Set(buffers.map((buffer) => buffer.buffer)).size).toBe(3);
    expect(buffers.every((buffer) => buffer.buffer.byteLength < 32)).toBe(true);
  });

  it('frees one place when a lease is released twice', async () => {
    const pool = createBufferPool(1);
    const first = await pool.take();
    first.release();
    first.release();
    const second = await pool.take();
    const third = pool.take();
    expect(await settled(third)).toBe(false);
    // Whoever released long ago has no say in the place of another.
    first.release();
    expect(await settled(third)).toBe(false);
    second.release();
    expect(await settled(third)).toBe(true);
  });

  it('never has more holders than places, whatever the order', async () => {
    const pool = createBufferPool(3);
    let inside = 0;
    let most = 0;
    const worker = async (number: number): Promise<void> => {
      const lease: BufferLease = await pool.take();
      most = Math.max(most, ++inside);
      for (let turn = 0; turn < (number * 7) % 5; turn++) await null;
      inside--;
      lease.release();
    };
    await Promise.all(Array.from({ length: 50 }, (_, number) => worker(number)));
    expect([most, inside]).toStrictEqual([3, 0]);
  });

  it('has fewer places when told so, lets go what is beyond them, and has all of them again', async () => {
    const pool = createBufferPool(3);
    const leases = [await pool.take(), await pool.take(), await pool.take()];
    const buffers = leases.map((lease) => lease.acquire(100));
    pool.resize(1);
    const waiting = [pool.take(), pool.take(), pool.take()];
    leases[0]!.release();
    leases[1]!.release();
    expect(await settled(waiting[0]!)).toBe(false);
    leases[2]!.release();
    expect(await settled(waiting[0]!)).toBe(true);
    expect(await settled(waiting[1]!)).toBe(false);
    const kept = (await waiting[0]!).acquire(100);
    expect(kept).toBe(buffers[2]);
    pool.resize(99);
    expect([await settled(waiting[1]!), await settled(waiting[2]!)]).toStrictEqual([true, true]);
    expect(buffers).not.toContain((await waiting[1]!).acquire(100));
    expect(await settled(pool.take())).toBe(false);
  });

  it('lets go of free buffers at once when it gets smaller', async () => {
    const pool = createBufferPool(2);
    const leases = [await pool.take(), await pool.take()];
    const buffers = leases.map((lease) => lease.acquire(100));
    for (const lease of leases) lease.release();
    pool.resize(0);
    pool.resize(2);
    const again = [await pool.take(), await pool.take()].map((lease) => lease.acquire(100));
    expect(again.filter((buffer) => buffers.includes(buffer))).toHaveLength(1);
  });
});
