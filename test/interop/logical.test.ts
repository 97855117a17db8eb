import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { rawColumns } from '../../src/batch/columns.js';
import { type Value, valueAt } from '../../src/batch/values.js';
import { runYaml, temporaryFolder } from '../e2e/support.js';
import { litePython, onLite } from '../support/lite.js';
import { batchOf, EVERYTHING } from '../unit/adapters/hdf5-archive/support.js';
import { scratch, writeBooks } from '../unit/adapters/ipc/support.js';
import { schemaOf } from '../unit/batch/support.js';

// Logical backups: their files by pyarrow, and the round trip of a Milvus Lite.

beforeAll(() => {
  vi.stubEnv('MILVUSDM_EMBEDDED_PATH', inject('embeddedPath'));
});
afterAll(() => {
  vi.unstubAllEnvs();
});

interface ArrowColumn {
  readonly type: string;
  readonly milvus: string;
  readonly nulls: number;
  readonly values: readonly unknown[];
}

interface ArrowFile {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ArrowColumn>>;
}

/** Integers, text and bytes as read_arrow.py shows them; undefined for floats, whose text differs. */
function shown(value: Value, type: string, text: boolean): unknown {
  if (value === null) return null;
  if (value instanceof Uint8Array) return text ? Buffer.from(value).toString() : Buffer.from(value).toString('hex');
  if (type === 'BOOL') return value === 1 ? 'True' : 'False';
  return String(value);
}

test.each(['zstd', 'none'] as const)('pyarrow opens the files of a logical backup (%s)', async (compression) => {
  const [first, second] = fc.sample(batchOf(EVERYTHING, { min: 5, max: 30 }), { numRuns: 2, seed: 5 });
  const folder = scratch();
  const parts = { red: [first!], blue: [second!], none: [] };
  await writeBooks(folder, { schema: schemaOf(...EVERYTHING), parts, target: { compression } });
  const files = ['red', 'blue', 'none'].map((name) => join(folder, `b/data/default/books/${name}.0001.arrow`));
  const found = JSON.parse(await litePython('read_arrow.py', ...files)) as ArrowFile[];
  expect(found.map(({ rows }) => rows)).toEqual([first!.numRows, second!.numRows, 0]);
  for (const [i, batch] of [first!, second!].entries()) {
    for (const column of rawColumns(batch)) {
      const spec = EVERYTHING.find(({ name }) => name === column.field.name)!;
      const arrow = found[i]!.columns[spec.name]!;
      expect(arrow.milvus, spec.name).toBe(spec.type);
      if (!/^(?:BOOL|INT\d+|VARCHAR|JSON|BINARY_VECTOR|FLOAT16_VECTOR|SPARSE_FLOAT_VECTOR)$/.test(spec.type)) continue;
      const vector = spec.type.endsWith('_VECTOR');
      const text = spec.type === 'VARCHAR' || spec.type === 'JSON';
      const values = Array.from({ length: batch.numRows }, (_, row) =>
        shown(valueAt(column, row, vector), spec.type, text),
      );
      expect(arrow.values, spec.name).toEqual(values);
    }
  }
});

test('a Milvus Lite comes back from its logical backup: schema, partitions, indexes and every row', async () => {
  const [from, to, store] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
  const folder = (of: string): string => join(of, 'milvus');
  await onLite(folder(from), 'make', 'books', '300');
  const before = JSON.parse(await onLite(folder(from), 'dump', 'books')) as object;
  const backup_store = { type: 'local', path: store };
  const run = async (task: string, keys: object): Promise<void> => {
    const path = join(store, `${task}.yaml`);
    await writeFile(path, stringify({ [task]: { backup_store, backup_name: 'b', ...keys } }));
    const done = await runYaml(path);
    expect(done.report, done.stderr).toMatchObject({ task, status: 'done', error: null });
  };
  await run('BACKUP', { source_uri: folder(from) });
  expect(readdirSync(join(store, 'b/data/default/books')).sort()).toEqual([
    '_default.0001.arrow',
    'collection.json',
    'first.0001.arrow',
  ]);
  await run('RESTORE', { dest_uri: folder(to) });
  expect(JSON.parse(await onLite(folder(to), 'dump', 'books'))).toEqual(before);
});
