import { describe, expect, it } from 'vitest';
import type { AckLine, LedgerLine } from '../../../../src/job/ledger/lines.js';
import { openStoreLedger, readStoreLedger } from '../../../../src/job/shards/store-ledger.js';
import { createMemoryStore, type MemoryStore } from '../../../support/memory-store.js';

const ack = (from: number): AckLine => ({ t: 'ack', c: '', s: 0, from, to: from + 1, w: 1, b: 8 });

async function read(store: MemoryStore): Promise<{ lines: LedgerLine[]; runs: number }> {
  const lines: LedgerLine[] = [];
  const runs = await readStoreLedger(store, 'shards/0', (line) => void lines.push(line));
  return { lines, runs };
}

describe('a ledger in a store', () => {
  it('gives back what runs have noted, in its order', async () => {
    const store = createMemoryStore();
    for (let run = 1; run <= 3; run++) {
      await using file = openStoreLedger(store, 'shards/0', run);
      for (let i = 0; i < 5; i++) await file.append(ack(run * 10 + i));
    }
    const { lines, runs } = await read(store);
    expect(runs).toBe(3);
    expect(lines.map((l) => (l as AckLine).from)).toStrictEqual(
      [1, 2, 3].flatMap((run) => [0, 1, 2, 3, 4].map((i) => run * 10 + i)),
    );
  });

  it('gathers lines in few objects, each of which is written shortly', async () => {
    const store = createMemoryStore();
    await using file = openStoreLedger(store, 'shards/0', 1);
    await Promise.all(Array.from({ length: 5000 }, (_, i) => file.append(ack(i))));
    for (let i = 5000; i < 5400; i++) await file.append(ack(i));
    expect(store.objects.size).toBe(2);
    for (let i = 5400; i < 7000; i++) await file.append(ack(i));
    expect(store.objects.size).toBeLessThan(6);
    expect((await read(store)).lines).toHaveLength(7000);
  });

  it('notes nothing more once the store has refused a line', async () => {
    const store = createMemoryStore();
    await using file = openStoreLedger({ ...store, write: () => Promise.reject(new Error('full')) }, 'shards/0', 1);
    await expect(file.append(ack(0))).rejects.toThrow('full');
    await expect(file.append(ack(1))).rejects.toThrow('full');
    expect((await read(store)).lines).toStrictEqual([]);
  });

  it('is refused when an object is gone or has been changed', async () => {
    const store = createMemoryStore();
    await using file = openStoreLedger(store, 'shards/0', 1);
    await Promise.all(Array.from({ length: 3000 }, (_, i) => file.append(ack(i))));
    await file.append(ack(3000));
    const [first] = [...store.objects.keys()];
    const bytes = store.objects.get(first!)!;
    const changed = Buffer.from(bytes);
    changed[20]! ^= 1;
    store.objects.set(first!, changed);
    await expect(read(store)).rejects.toMatchObject({ code: 'JOB_DAMAGED' });
    store.objects.delete(first!);
    await expect(read(store)).rejects.toMatchObject({ code: 'JOB_DAMAGED', message: expect.stringContaining('gone') });
  });
});
