import { appendFileSync, copyFileSync, mkdirSync, readFileSync, renameSync, truncateSync, utimesSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { inspectFaiss, openFaiss } from '../../../../src/adapters/faiss/index.js';
import {
  copyOf,
  DEFAULT_BYTES,
  errorOf,
  FIXTURES,
  NAMES,
  openFiles,
  readAll,
  readRows,
  temporaryFolder,
} from './support.js';

/** Runs an action and returns how often the file was read, and how many bytes, after headers were parsed. */
async function countReads(action: () => Promise<unknown>): Promise<{ calls: number; bytes: number }> {
  const probe = await open(join(FIXTURES, 'expected.json'));
  const prototype = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const spy = vi.spyOn(prototype, 'read');
  try {
    await action();
    const results = await Promise.all(spy.mock.results.map((result) => result.value as Promise<{ bytesRead: number }>));
    return { calls: results.length, bytes: results.reduce((sum, { bytesRead }) => sum + bytesRead, 0) };
  } finally {
    spy.mockRestore();
  }
}

describe('several files', () => {
  it('are splits of one reader, each with its partition', async () => {
    const files = [
      { path: join(FIXTURES, 'idmap2_flat.index'), partition: 'a' },
      { path: join(FIXTURES, 'ivf_ondisk.index') },
      { path: join(FIXTURES, 'idmap2_flat.index'), partition: 'b' },
    ];
    await using reader = await openFaiss({ adapter: 'faiss', files }, { idField: 'key', vectorField: 'v' });
    expect(reader.schema.fields.map((field) => field.name)).toEqual(['key', 'v']);
    const splits = await reader.splits();
    expect(splits.map(({ source, partition }) => [source, partition])).toEqual(
      files.map(({ path, partition }) => [path, partition]),
    );
    expect(new Set(splits.map(({ id }) => id)).size).toBe(3);
    expect(splits[0]!.fingerprint).toBe(splits[2]!.fingerprint);
    expect(splits[0]!.fingerprint).toMatch(/^21690:\d+:[0-9a-f]{16}$/);
    expect(splits[1]!.fingerprint).toMatch(/^1633:\d+:[0-9a-f]{16}\+65536:\d+:[0-9a-f]{16}$/);
  });

  it.each([
    ['ids', 'flat_l2.index', 'idmap2_flat.index', /idmap2_flat.*stores ids.*flat_l2.*does not/],
    ['dimension', 'flat_l2.index', 'one_row_one_dim.index', /flat_l2.*dimension 16.*one_row.*has 1$/],
    ['vector type', 'flat_l2.index', 'binary_flat.index', /flat_l2.*FLOAT_VECTOR.*binary_flat.*BINARY_VECTOR/],
  ])('that differ in %s are refused', async (_, one, other, message) => {
    for (const pair of [
      [one, other],
      [other, one],
    ]) {
      const error = await errorOf(() => openFiles(...pair));
      expect([error.code, error.exitCode]).toEqual(['SRC_MISMATCH', 3]);
      for (const name of pair) expect(error.message).toContain(join(FIXTURES, name));
    }
    expect((await errorOf(() => openFiles(one, other))).message).toMatch(message);
  });

  it('that differ in the metric give a warning', async () => {
    await using reader = await openFiles('flat_l2.index', 'flat_ip.index');
    expect(reader.warnings).toEqual([expect.stringMatching(/metrics.*flat_l2.index \(L2\), .*flat_ip.index \(IP\)/)]);
  });

  it('must be there', async () => {
    expect((await errorOf(() => openFiles())).code).toBe('NOTHING_MATCHED');
  });
});

describe('what is known of a file', () => {
  it.each([
    [
      'flat_ip.index',
      'IP',
      ['index: Flat IP (IxFI)', 'metric: IP', 'ids: none stored, rows are known by their number'],
    ],
    ['flat_lp.index', 'Lp', [expect.stringContaining('metric: Lp (parameter 3), which Milvus does not have')]],
    ['idmap2_flat.index', 'L2', ['index: IDMap2 (IxM2) over Flat L2 (IxF2)', 'ids: id map over row numbers']],
    ['idmap_ivf.index', 'L2', ['nlist: 8, 8 with rows; nprobe 1', 'ids: id map over the ids of the inner index']],
    ['ivf_hnsw.index', 'L2', ['quantizer: HNSWFlat (IHNf) over Flat L2 (IxF2), 16 centroids']],
    ['ivfflat_ids_hash.index', 'IP', ['direct map: hashtable', 'ids: stored in the inverted lists']],
    ['ivfflat_array_map.index', 'L2', ['direct map: array', 'inverted lists: array, full (ilar)']],
    ['ivfflat_sprs.index', 'L2', ['direct map: none', 'inverted lists: array, sparse (ilar)']],
    ['ivf_ondisk.index', 'L2', ['inverted lists: on disk (ilod), in ivf_ondisk.ivfdata']],
    ['empty_ivf_il00.index', 'L2', ['inverted lists: none (il00)']],
    ['binary_idmap_ivf.index', 'HAMMING', ['metric: HAMMING', 'quantizer: BinaryFlat (IBxF), 4 centroids']],
  ])('%s', async (name, metric, details) => {
    const info = await inspectFaiss(join(FIXTURES, name));
    expect(info.metric).toBe(metric);
    expect(info.details).toEqual(expect.arrayContaining(details));
  });

  it('includes bytes behind the index', async () => {
    const path = copyOf('idmap2_flat.index', (bytes) => Buffer.concat([bytes, Buffer.from('tail!')]));
    await using reader = await openFiles(path);
    expect(reader.warnings).toEqual([`${path}: 5 bytes behind the index are ignored`]);
    expect(await readRows(reader)).toEqual(await readAll('idmap2_flat.index'));
  });
});

describe('a file that changes', () => {
  const touch = (path: string): void => utimesSync(path, new Date(), new Date(Date.now() + 5000));
  const changes: [string, (path: string) => void][] = [
    ['grows', (path) => appendFileSync(path, 'x')],
    ['shrinks', (path) => truncateSync(path, 700)],
    ['is written to', touch],
  ];

  it.each(changes)('%s before it is read', async (_, change) => {
    const path = copyOf('ivfflat_full.index');
    await using reader = await openFiles(path);
    change(path);
    const error = await errorOf(() => readRows(reader));
    expect([error.code, error.exitCode]).toEqual(['SRC_CHANGED', 3]);
    expect(error.message).toContain(path);
  });

  it.each(changes)('%s between two batches', async (_, change) => {
    const path = copyOf('ivfflat_full.index');
    await using reader = await openFiles(path);
    const [split] = await reader.splits();
    const batches = reader.read(split!, { maxBytes: 1000 })[Symbol.asyncIterator]();
    expect((await batches.next()).value?.cursor).toBe('13');
    change(path);
    expect((await errorOf(() => batches.next())).code).toBe('SRC_CHANGED');
  });

  it('is noticed for the data file of on-disk lists', async () => {
    const path = copyOf('ivf_ondisk.index');
    await using reader = await openFiles(path);
    const before = (await reader.splits())[0]!.fingerprint;
    touch(join(dirname(path), 'ivf_ondisk.ivfdata'));
    const error = await errorOf(() => readRows(reader));
    expect([error.code, error.message]).toEqual(['SRC_CHANGED', expect.stringContaining('ivf_ondisk.ivfdata')]);
    await using again = await openFiles(path);
    expect((await again.splits())[0]!.fingerprint).not.toBe(before);
  });
});

describe('the data file of on-disk lists', () => {
  /** An index file alone in a folder, naming its data file by `stored`. */
  function indexNaming(stored: string): string {
    const path = copyOf('ivf_ondisk.index', (bytes) => {
      const name = 'ivf_ondisk.ivfdata';
      const at = bytes.indexOf(name);
      const length = Buffer.alloc(8);
      length.writeUInt32LE(Buffer.byteLength(stored));
      return Buffer.concat([bytes.subarray(0, at - 8), length, Buffer.from(stored), bytes.subarray(at + name.length)]);
    });
    const folder = join(dirname(path), 'alone');
    mkdirSync(folder);
    renameSync(path, join(folder, 'x.index'));
    return join(folder, 'x.index');
  }

  it('is taken from beside the index, whatever folder the writer named', async () => {
    for (const stored of ['/nowhere/lists.ivfdata', 'C:\\data\\lists.ivfdata']) {
      const path = indexNaming(stored);
      copyFileSync(join(FIXTURES, 'ivf_ondisk.ivfdata'), join(dirname(path), 'lists.ivfdata'));
      expect(await readAll(path)).toEqual(await readAll('ivf_ondisk.index'));
    }
  });

  it('is taken from the stored path when it is not beside the index', async () => {
    const data = join(temporaryFolder(), 'elsewhere.ivfdata');
    copyFileSync(join(FIXTURES, 'ivf_ondisk.ivfdata'), data);
    expect(await readAll(indexNaming(data))).toEqual(await readAll('ivf_ondisk.index'));
  });

  it('is named with both places when it is nowhere', async () => {
    const path = indexNaming('/nowhere/lists.ivfdata');
    const error = await errorOf(() => openFiles(path));
    expect(error.code).toBe('SRC_NOT_FOUND');
    expect(error.message).toContain(join(dirname(path), 'lists.ivfdata'));
    expect(error.message).toContain('/nowhere/lists.ivfdata');
  });
});

describe('reading', () => {
  it('takes the lists of a batch together', async () => {
    await using reader = await openFiles('ivf_2000_lists.index');
    const whole = await countReads(() => readRows(reader));
    expect(whole).toEqual({ calls: 1, bytes: 3000 * 24 });
    const small = await countReads(() => readRows(reader, { maxBytes: 24 * 100 }));
    expect(small.calls).toBeLessThanOrEqual(60);
  });

  it('of ids alone leaves the vectors, and of vectors alone the ids', async () => {
    await using mapped = await openFiles('idmap2_flat.index');
    expect((await countReads(() => readRows(mapped, { columns: ['id'] }))).bytes).toBe(300 * 8);
    expect((await countReads(() => readRows(mapped, { columns: ['embedding'] }))).bytes).toBe(300 * 64);
    const path = join(temporaryFolder(), 'wide.index');
    // Lists of 1024-dimensional rows, so that codes are larger than what is read along for the sake of fewer calls.
    await writeWideLists(path, 1024, [10, 0, 1, 30]);
    await using lists = await openFiles(path);
    expect((await countReads(() => readRows(lists, { columns: ['id'] }))).bytes).toBeLessThanOrEqual(41 * 8 + 4096);
  });

  it('gives overlapping passes memory of their own', async () => {
    await using reader = await openFiles('ivfflat_full.index');
    const whole = await readRows(reader);
    const both = await Promise.all([readRows(reader, { maxBytes: 300 }), readRows(reader, { maxBytes: 500 })]);
    for (const { ids, vectors } of both) expect({ ids, vectors }).toEqual({ ids: whole.ids, vectors: whole.vectors });
  });

  it('uses the same memory for every batch', async () => {
    await using reader = await openFiles('flat_l2.index');
    const [split] = await reader.splits();
    const buffers = new Set<ArrayBufferLike>();
    for (let pass = 0; pass < 2; pass++) {
      for await (const { batch } of reader.read(split!, { maxBytes: 640 })) {
        buffers.add(batch.data.children[0]!.children[0]!.values.buffer);
      }
    }
    expect(buffers.size).toBe(1);
  });

  it('stops when asked to', async () => {
    await using reader = await openFiles('flat_l2.index');
    const stop = new AbortController();
    const [split] = await reader.splits();
    let batches = 0;
    const error = await errorOf(async () => {
      for await (const _ of reader.read(split!, { maxBytes: 64, signal: stop.signal })) {
        if (++batches === 3) stop.abort();
      }
    });
    expect([error.code, batches]).toEqual(['INTERRUPTED', 3]);
  });

  it('refuses positions, columns and splits that are not its own', async () => {
    await using reader = await openFiles('flat_l2.index');
    for (const after of ['301', '-1', '1.5', '', 'x', '1e2']) {
      expect((await errorOf(() => readRows(reader, { after }))).code, after).toBe('INTERNAL');
    }
    expect((await errorOf(() => readRows(reader, { columns: ['id'] }))).message).toContain('"id"');
    await using other = await openFiles('flat_ip.index');
    const [split] = await other.splits();
    expect(() => reader.read(split!, { maxBytes: 1 })).toThrow('no split');
  });

  it('reaches rows beyond 4 GiB', async () => {
    const path = join(temporaryFolder(), 'large.index');
    const rows = 5_000_000;
    const dim = 256;
    const header = readFileSync(join(FIXTURES, 'flat_l2.index')).subarray(0, 45);
    header.writeInt32LE(dim, 4);
    header.writeBigInt64LE(BigInt(rows), 8);
    header.writeBigInt64LE(BigInt(rows * dim), 37);
    const last = Float32Array.from({ length: dim }, (_, i) => i / 7);
    const file = await open(path, 'w');
    await file.write(header, 0, 45, 0);
    await file.write(last, 0, dim * 4, 45 + (rows - 1) * dim * 4);
    await file.close();
    await using reader = await openFiles(path);
    const read = await readRows(reader, { after: String(rows - 2) });
    expect(read.vectors).toEqual([new Uint8Array(dim * 4), new Uint8Array(last.buffer)]);
    expect(read.firstRows).toEqual([rows - 2]);
    expect(read.cursors).toEqual([String(rows)]);
  });
});

/** Writes an IVFFlat of given list sizes, with ids 0.. and rows full of zeros. */
async function writeWideLists(path: string, dim: number, sizes: readonly number[]): Promise<void> {
  const rows = sizes.reduce((sum, size) => sum + size, 0);
  const flat = readFileSync(join(FIXTURES, 'empty_flat.index'));
  flat.writeInt32LE(dim, 4);
  const head = Buffer.from(flat.subarray(0, 37));
  head.write('IwFl');
  head.writeBigInt64LE(BigInt(rows), 8);
  const words = (...values: number[]): Buffer => Buffer.from(BigInt64Array.from(values, BigInt).buffer);
  const lists: Buffer[] = [];
  let id = 0;
  for (const size of sizes) {
    lists.push(Buffer.alloc(size * dim * 4), words(...Array.from({ length: size }, () => id++)));
  }
  const directMap = Buffer.alloc(9);
  const parts = [head, words(sizes.length, 1), flat, directMap, Buffer.from('ilar'), words(sizes.length, dim * 4)];
  const file = await open(path, 'w');
  await file.writeFile(Buffer.concat([...parts, Buffer.from('full'), words(sizes.length, ...sizes), ...lists]));
  await file.close();
}

it('reads what the helper of these tests writes', async () => {
  const path = join(temporaryFolder(), 'w.index');
  await writeWideLists(path, 8, [2, 0, 3]);
  await using reader = await openFaiss({ adapter: 'faiss', files: [{ path }] }, NAMES);
  expect((await readRows(reader, { maxBytes: DEFAULT_BYTES })).ids).toEqual([0n, 1n, 2n, 3n, 4n]);
  expect(reader.warnings).toEqual([expect.stringContaining('0 centroids for 3 lists')]);
});
