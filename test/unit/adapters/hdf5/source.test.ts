import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectHdf5, isHdf5, openHdf5 } from '../../../../src/adapters/hdf5/index.js';
import { fromArrowField } from '../../../../src/batch/fields.js';
import { errorOf, FIXTURES, NAMES, readAll, source } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'hdf5-source-'));
afterAll(() => rmSync(folder, { recursive: true }));

const fixture = (name: string): string => join(FIXTURES, name);
const inFolder = (dir: string) => ({ ...source([]), files: undefined, dir }) as never;

describe('a folder', () => {
  const dir = join(folder, 'data');
  beforeAll(() => {
    mkdirSync(join(dir, 'sub.h5'), { recursive: true });
    copyFileSync(fixture('float32.h5'), join(dir, 'b.hdf5'));
    copyFileSync(fixture('gzip_chunked.h5'), join(dir, 'a.h5'));
    copyFileSync(fixture('float64.h5'), join(dir, 'B.H5'));
    writeFileSync(join(dir, 'notes.txt'), 'x');
    writeFileSync(join(dir, 'old.h5.bak'), 'x');
    symlinkSync(join(dir, 'a.h5'), join(dir, 'c.h5'));
  });

  it('gives its .h5 and .hdf5 files by name and lists the rest', async () => {
    await using reader = await openHdf5(inFolder(dir), NAMES);
    const splits = await reader.splits();
    expect(splits.map((split) => split.source)).toEqual(['B.H5', 'a.h5', 'b.hdf5', 'c.h5'].map((n) => join(dir, n)));
    expect(new Set(splits.map((split) => split.id)).size).toBe(4);
    expect(reader.warnings[0]).toContain('notes.txt, old.h5.bak, sub.h5');
    expect(reader.warnings[1]).toMatch(/float64: narrowed to float32/);
    expect(reader.warnings).toHaveLength(2);
  });

  it('without such files matches nothing', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    writeFileSync(join(empty, 'x.csv'), '1');
    const error = await errorOf(openHdf5(inFolder(empty), NAMES));
    expect([error.code, error.exitCode]).toEqual(['NOTHING_MATCHED', 8]);
    expect(error.message).toContain('1 other entry');
  });

  it('that does not exist, or is none, is refused', async () => {
    expect((await errorOf(openHdf5(inFolder(join(folder, 'nowhere')), NAMES))).code).toBe('SRC_NOT_FOUND');
    expect((await errorOf(openHdf5(inFolder(fixture('float32.h5')), NAMES))).code).toBe('SRC_UNREADABLE');
  });
});

describe('files', () => {
  it('that are missing or folders are refused', async () => {
    const missing = join(folder, 'missing.h5');
    expect((await errorOf(openHdf5(source([missing]), NAMES))).code).toBe('SRC_NOT_FOUND');
    expect((await errorOf(openHdf5(source([folder]), NAMES))).code).toBe('SRC_UNREADABLE');
    expect((await errorOf(inspectHdf5(missing))).code).toBe('SRC_NOT_FOUND');
    expect((await errorOf(isHdf5(missing))).code).toBe('SRC_NOT_FOUND');
    expect(await isHdf5(fixture('expected.json'))).toBe(false);
  });

  it('keep their order and partitions, and may be listed twice', async () => {
    const files = ['float32.h5', 'gzip_chunked.h5', 'float32.h5'].map((name, i) => ({
      path: fixture(name),
      partition: `p${i}`,
    }));
    await using reader = await openHdf5(source([], { files }), NAMES);
    const splits = await reader.splits();
    expect(splits.map((split) => split.partition)).toEqual(['p0', 'p1', 'p2']);
    expect(splits[0]?.id).not.toBe(splits[2]?.id);
    const [first, third] = [await readAll(reader, { maxBytes: 5000 }, 0), await readAll(reader, { maxBytes: 9000 }, 2)];
    expect(third.fields).toEqual(first.fields);
    expect(splits[0]).toMatchObject({ rows: 300, bytes: 300 * (8 + 64) });
    expect(splits[0]?.fingerprint).toMatch(/^23648-\d+-[0-9a-f]{16}$/);
  });

  it.each([
    ['a file without ids', 'float32.h5', 'no_ids.h5', /the ids differ/],
    ['text ids', 'float16.h5', 'ids_text_vlen.h5', /the ids differ/],
    ['another dimension', 'float32.h5', 'int8.h5', /dimension 16.*dimension 8/],
    ['another vector type', 'binary_uint8.h5', 'float32.h5', /BINARY_VECTOR.*FLOAT_VECTOR/],
  ])('of one run must agree: %s', async (_, one, other, message) => {
    const error = await errorOf(openHdf5(source([fixture(one), fixture(other)]), NAMES));
    expect(error.code).toBe('SRC_MISMATCH');
    expect(error.message).toMatch(message);
    expect(error.message).toContain(one);
    expect(error.message).toContain(other);
  });

  it('with text ids of several lengths get the largest', async () => {
    const names = ['ids_text_spaces.h5', 'ids_text_fixed.h5'];
    await using reader = await openHdf5(source(names.map(fixture)), NAMES);
    expect(reader.schema.fields.map(fromArrowField)[0]).toMatchObject({
      type: 'VARCHAR',
      maxLength: 16,
      primaryKey: true,
    });
  });

  it('that change between opening and reading are noticed', async () => {
    const path = join(folder, 'changing.h5');
    copyFileSync(fixture('float32.h5'), path);
    await using reader = await openHdf5(source([path]), NAMES);
    const [split] = await reader.splits();
    const batches = reader.read(split!, { maxBytes: 2000 })[Symbol.asyncIterator]();
    await batches.next();
    appendFileSync(path, 'more');
    expect((await errorOf(batches.next())).code).toBe('SRC_CHANGED');
    expect((await errorOf(readAll(reader, { maxBytes: 2000 }))).code).toBe('SRC_CHANGED');
    await using again = await openHdf5(source([path]), NAMES);
    const [next] = await again.splits();
    expect(next?.fingerprint).not.toBe(split?.fingerprint);
    utimesSync(path, 1000, 1000);
    expect((await errorOf(readAll(again, { maxBytes: 2000 }))).code).toBe('SRC_CHANGED');
  });
});

describe('settings', () => {
  const open = (name: string, more: Parameters<typeof source>[1], names = NAMES) =>
    openHdf5(source([fixture(name)], more), names);

  it('that contradict the file are refused', async () => {
    expect((await errorOf(open('float32.h5', { vectorType: 'BINARY_VECTOR' }))).code).toBe('CFG_CONFLICT');
    expect((await errorOf(open('columns.h5', { columns: { a_int8: 'x', c_int32: 'x' } }))).code).toBe('CFG_CONFLICT');
    expect((await errorOf(open('columns.h5', { columns: { a_int8: 'key' } }))).code).toBe('CFG_CONFLICT');
  });

  it('that name what is not there list what is', async () => {
    const absent = await errorOf(open('no_embeddings.h5', {}));
    expect(absent.code).toBe('SRC_UNREADABLE');
    expect(absent.message).toContain('it has "ids", "vectors"');
    expect(absent.hint).toContain('`dataset`');
    const ids = await errorOf(open('no_ids.h5', { idsOptional: false }));
    expect([ids.code, ids.hint]).toEqual(['SRC_UNREADABLE', expect.stringContaining('`ids_dataset`')]);
    expect((await errorOf(open('float32.h5', { columns: { price: 'price' } }))).code).toBe('SRC_UNREADABLE');
  });

  it('say which filter is missing', async () => {
    expect((await errorOf(open('lzf.h5', {}))).message).toContain('lzf (filter 32000)');
  });

  it('say which rows are damaged', async () => {
    await using reader = await open('corrupt_gzip.h5', {});
    const error = await errorOf(readAll(reader, { maxBytes: 64 * 72 }));
    expect(error.message).toMatch(/dataset "embeddings", rows 128 to 191/);
    // Ids lie in another dataset, which is whole.
    expect((await readAll(reader, { maxBytes: 4096, columns: ['key'] })).fields.get('key')).toHaveLength(300);
  });

  it('say which row has an id that does not fit', async () => {
    await using reader = await open('ids_uint64_large.h5', {});
    expect((await errorOf(readAll(reader, { maxBytes: 999 }))).message).toMatch(/row 77 .* 9223372036854775808/);
  });

  it('give batches of whole chunks', async () => {
    await using reader = await open('gzip_chunked.h5', {});
    expect((await readAll(reader, { maxBytes: 150 * 72 })).starts).toEqual([0, 128, 256]);
    expect((await readAll(reader, { maxBytes: 150 * 72, after: '70' })).starts).toEqual([70, 192]);
  });

  it('report every narrowing', async () => {
    const warnings = async (name: string): Promise<readonly string[]> => {
      await using reader = await open(name, {});
      return reader.warnings;
    };
    expect(await warnings('float32.h5')).toEqual([]);
    expect(await warnings('binary_uint8.h5')).toEqual([]);
    expect((await warnings('int32.h5'))[0]).toMatch(/not exact beyond 2\^24/);
    expect((await warnings('float16.h5'))[0]).toMatch(/every value exact/);
  });
});

describe('a reader', () => {
  it('reads two splits side by side without mixing them', async () => {
    await using reader = await openHdf5(source([fixture('float32.h5'), fixture('float64.h5')]), NAMES);
    const alone = [await readAll(reader, { maxBytes: 1000 }, 0), await readAll(reader, { maxBytes: 1000 }, 1)];
    const both = await Promise.all([readAll(reader, { maxBytes: 1000 }, 0), readAll(reader, { maxBytes: 1000 }, 1)]);
    expect(both).toEqual(alone);
  });

  it('stops when it is aborted, and is of no use when disposed of', async () => {
    const reader = await openHdf5(source([fixture('float32.h5')]), NAMES);
    const abort = new AbortController();
    const [split] = await reader.splits();
    const batches = reader.read(split!, { maxBytes: 1000, signal: abort.signal })[Symbol.asyncIterator]();
    await batches.next();
    abort.abort();
    expect((await errorOf(batches.next())).code).toBe('INTERRUPTED');
    await reader[Symbol.asyncDispose]();
    expect((await errorOf(readAll(reader, { maxBytes: 1000 }))).code).toBe('INTERNAL');
  });

  it('prints nothing, whatever the library finds', () => {
    const adapter = fileURLToPath(new URL('../../../../src/adapters/hdf5/index.ts', import.meta.url));
    const files = ['corrupt_gzip.h5', 'not_hdf5.h5', 'external_link.h5', 'broken_link.h5'].map(fixture);
    const script = `
      const { openHdf5, inspectHdf5 } = await import(${JSON.stringify(adapter)});
      let failed = 0;
      for (const path of ${JSON.stringify(files)}) {
        const source = { adapter: 'hdf5', files: [{ path }], dataset: 'embeddings', idsDataset: 'ids', idsOptional: true, columns: {} };
        try {
          const reader = await openHdf5(source, { idField: 'id', vectorField: 'v' });
          for await (const _ of reader.read((await reader.splits())[0], { maxBytes: 1e6 })) continue;
        } catch (error) { if (error.name === 'MilvusdmError') failed++; }
        await inspectHdf5(path).catch(() => {});
      }
      process.exitCode = failed === 4 ? 0 : 1;`;
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect([run.stdout, run.stderr, run.status]).toEqual(['', '', 0]);
  });
});

describe('inspect', () => {
  it('shows datasets, filters and attributes', async () => {
    const info = await inspectHdf5(fixture('gzip_chunked.h5'));
    expect(info).toMatchObject({ format: 'hdf5', rows: 300, dim: 16, vectorType: 'FLOAT_VECTOR', ids: 'stored' });
    expect(info.details).toContain('dataset embeddings: 300 x 16 float32, chunks 64 x 16, shuffle + gzip 4');
    expect(info.fields.map((field) => field.name)).toEqual(['id', 'embedding']);
  });

  it('shows what ann-benchmarks files state', async () => {
    const info = await inspectHdf5(fixture('ann_benchmarks.h5'));
    expect(info).toMatchObject({ rows: 300, dim: 16, metric: 'COSINE', ids: 'none', kind: 'HDF5 dataset train' });
    expect(info.details[0]).toContain('`dataset: train`');
    expect(info.details).toContain('attribute distance: angular');
    expect(info.details).toContain('attribute dimension: 16');
  });

  it('describes what a run would refuse', async () => {
    const info = await inspectHdf5(fixture('lzf.h5'));
    expect(info).toMatchObject({ rows: 300, dim: 16 });
    expect(info.details[0]).toMatch(/cannot be migrated as it is: .*lzf/);
    expect((await inspectHdf5(fixture('rank1.h5'))).details[0]).toMatch(/is 10; vectors are rows x dimension/);
    const none = await inspectHdf5(fixture('group.h5'));
    expect(none).toMatchObject({ rows: 0, kind: 'HDF5 without vectors' });
    expect((await inspectHdf5(fixture('external_link.h5'))).details).toContain('link into another file embeddings');
  });
});
