import { readdirSync } from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunOptions } from '../../../src/config/types.js';
import { collectBadRows } from '../../../src/job/bad-rows.js';
import { type Preflight, preflight } from '../../../src/job/preflight.js';
import { placeSplits } from '../../../src/job/run-context.js';
import { idTransform } from '../../../src/transforms/ids.js';
import { type MemoryFile, type MemoryReader, memoryReader } from '../../support/memory-reader.js';
import { fileOf, plainFile, taskConfig, useStateFolder, WITH_IDS, WITHOUT_IDS } from './support.js';

const state = useStateFolder();
beforeEach(() => {
  // Other test files use the folder of the machine at the same time.
  vi.stubEnv('TMPDIR', state.path);
});

interface Checked {
  readonly result: Preflight;
  readonly reader: MemoryReader;
  readonly progress: number[];
}

async function check(files: readonly MemoryFile[], options: Partial<RunOptions> = {}, stored = true): Promise<Checked> {
  const config = taskConfig(options);
  const reader = memoryReader(stored ? WITH_IDS : WITHOUT_IDS, files);
  const ids = idTransform(
    reader.schema,
    stored ? { kind: 'stored', offset: config.options.idOffset } : { kind: 'rows', field: 'id', start: 0n },
  );
  const progress: number[] = [];
  await using badRows = collectBadRows({ quarantine: config.options.onBadRow === 'quarantine', limit: 10, jobId: 'j' });
  const result = await preflight({
    reader,
    splits: placeSplits(await reader.splits(), config),
    ids,
    storedIds: stored,
    digest: true,
    config,
    badRows,
    signal: new AbortController().signal,
    onProgress: (rows) => progress.push(rows),
  });
  return { result, reader, progress };
}

describe('a full preflight', () => {
  it('reads everything once when the ids ascend', async () => {
    const { result, reader, progress } = await check([fileOf([1, 2, 3, 9]), fileOf([10, 11], { name: 'b' })]);
    expect(reader.reads).toStrictEqual(['a: *', 'b: *']);
    expect(result.duplicates).toStrictEqual({ extraRows: 0, ids: 0, first: [] });
    expect(result.digests!.get('')!.result().rows).toBe(6);
    expect(progress).toStrictEqual([3, 4, 6]);
  });

  it.each([
    ['fall', [3, 2, 1]],
    ['repeat', [1, 1]],
    ['fall from one file to the next', [5, 6]],
  ])('reads the ids once more when they %s', async (_, ids) => {
    const { result, reader } = await check([fileOf(ids), fileOf([4], { name: 'b' })]);
    expect(reader.reads).toStrictEqual(['a: *', 'b: *', 'a: id', 'b: id']);
    expect(result.duplicates!.extraRows).toBe(ids[0] === ids[1] ? 1 : 0);
    expect(readdirSync(state.path)).toStrictEqual([]);
  });

  it('keeps a digest per partition', async () => {
    const { result } = await check([fileOf([1, 2], { partition: 'p' }), fileOf([3], { name: 'b', partition: 'q' })]);
    expect([...result.digests!].map(([name, digester]) => [name, digester.result().rows])).toStrictEqual([
      ['p', 2],
      ['q', 1],
    ]);
  });

  it('gives no digest when rows are left out, which are named by their number in the run', async () => {
    const { result } = await check([fileOf([1, 2]), fileOf([2, 3], { name: 'b' })], { onDuplicateId: 'last' });
    expect(result.digests).toBeUndefined();
    expect([0, 1, 2, 3].filter((row) => result.dropped!.has(row))).toStrictEqual([1]);
  });

  it('counts the ids that no query finds, after the offset', async () => {
    const { result } = await check([fileOf([2n ** 63n - 2n, 5n])], { idOffset: 1n });
    expect(result.edgeIds).toBe(1);
  });

  it('of row numbers looks for no duplicates', async () => {
    const { result, reader } = await check([plainFile(3), plainFile(2, 'b')], {}, false);
    expect(reader.reads).toStrictEqual(['a: *', 'b: *']);
    expect(result).toMatchObject({ duplicates: { ids: 0 }, edgeIds: 0 });
  });

  it('looks only at the rows that a limit lets through', async () => {
    const { result } = await check([fileOf([1, 2, 2])], { limit: 2, onDuplicateId: 'error' });
    expect(result.duplicates).toMatchObject({ ids: 0 });
  });
});

describe('a preflight of headers', () => {
  it('reads nothing while duplicates do not matter', async () => {
    const { result, reader } = await check([fileOf([2, 2])], { preflight: 'headers' });
    expect(reader.reads).toStrictEqual([]);
    expect(result).toStrictEqual({ edgeIds: 0 });
  });

  it.each(['first', 'last', 'error'] as const)('reads the ids alone for on_duplicate_id: %s', async (onDuplicateId) => {
    const { result, reader } = await check([fileOf([2, 1])], { preflight: 'headers', onDuplicateId });
    expect(reader.reads).toStrictEqual(['a: id']);
    expect(result).toMatchObject({ edgeIds: 0, duplicates: { ids: 0 } });
    expect(result).not.toHaveProperty('dropped');
  });

  it('knows that row numbers differ', async () => {
    const { result, reader } = await check([plainFile(3)], { preflight: 'headers', onDuplicateId: 'error' }, false);
    expect(reader.reads).toStrictEqual([]);
    expect(result.duplicates).toMatchObject({ ids: 0 });
  });
});
