import { describe, expect, it } from 'vitest';
import { openStage, type Stage } from '../../../../src/job/restore/stage.js';
import { createMemoryStore, type MemoryStore } from '../../../support/memory-store.js';

function staged(o: { signal?: AbortSignal; onFile?: (bytes: number) => void } = {}): {
  store: MemoryStore;
  stage: Stage;
} {
  const store = createMemoryStore('server');
  const { signal = new AbortController().signal, onFile = () => {} } = o;
  return { store, stage: openStage(store, 'job1', { parallelism: 3, signal, onFile }) };
}

function source(count: number): { from: MemoryStore; files: { key: string; size: number }[] } {
  const from = createMemoryStore('backup');
  const files = Array.from({ length: count }, (_, i) => ({ key: `b/${i}`, size: 2 }));
  for (const { key } of files) from.objects.set(key, Buffer.from('xy'));
  return { from, files };
}

describe('the place for files of a restore', () => {
  it('takes them, tells how many bytes, and is emptied of all that is in it', async () => {
    let bytes = 0;
    const { store, stage } = staged({ onFile: (size) => (bytes += size) });
    store.objects.set('insert_log/1', new Uint8Array(1));
    store.objects.set('milvusdm-restore/job1/left/behind', new Uint8Array(1));
    store.objects.set('milvusdm-restore/job2/of/others', new Uint8Array(1));
    const { from, files } = source(10);
    await stage.fill(from, files);
    expect(bytes).toBe(20);
    expect(store.objects.has(stage.place('b/9'))).toBe(true);
    await stage.clear();
    expect([...store.objects.keys()].sort()).toEqual(['insert_log/1', 'milvusdm-restore/job2/of/others']);
    await stage.clear();
  });

  it('stops at the first failure, once nothing is under way any more', async () => {
    const { store, stage } = staged();
    const { from, files } = source(50);
    from.objects.delete('b/5');
    await expect(stage.fill(from, files)).rejects.toThrow('b/5 is not in backup');
    const then = store.objects.size;
    expect(then).toBeLessThan(20);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(store.objects.size).toBe(then);
  });

  it('copies nothing once the run is stopped', async () => {
    const { store, stage } = staged({ signal: AbortSignal.abort() });
    const { from, files } = source(3);
    await expect(stage.fill(from, files)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(store.objects.size).toBe(0);
  });
});
