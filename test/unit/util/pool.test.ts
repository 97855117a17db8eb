import { describe, expect, it } from 'vitest';
import { sleep } from '../../../src/util/abort.js';
import { allSettled, createPool } from '../../../src/util/pool.js';

describe('a pool', () => {
  it('runs so much at a time and no more, in order', async () => {
    const pool = createPool(3);
    let [running, most] = [0, 0];
    const order: number[] = [];
    const one = async (at: number): Promise<void> => {
      order.push(at);
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
    };
    await Promise.all(Array.from({ length: 10 }, (_, at) => pool(() => one(at))));
    expect([most, running]).toEqual([3, 0]);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('goes on after a failure', async () => {
    const pool = createPool(1);
    await expect(pool(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await pool(async () => 5)).toBe(5);
  });
});

describe('waiting for all', () => {
  it('gives what each gave', async () => {
    expect(await allSettled([sleep(5).then(() => 'a'), Promise.resolve('b')])).toEqual(['a', 'b']);
  });

  it('throws the error that came first, once nothing is under way any more', async () => {
    let ended = false;
    const told: unknown[] = [];
    const slow = sleep(20).then(() => {
      ended = true;
      throw new Error('late');
    });
    const quick = sleep(5).then(() => {
      throw new Error('first');
    });
    await expect(allSettled([slow, quick], (reason) => told.push(reason))).rejects.toThrow('first');
    expect(ended).toBe(true);
    expect(told).toEqual([expect.objectContaining({ message: 'first' })]);
  });
});
