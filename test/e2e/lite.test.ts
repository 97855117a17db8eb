import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../src/milvus/embedded.js';
import { untilGone } from '../support/processes.js';
import { counts, digest, makeCollection } from '../support/python.js';
import {
  faissIdMap,
  fixture,
  floatFields,
  type Keys,
  ran,
  run,
  runOk,
  slowTask,
  sourceFile,
  startWriting,
  temporaryFolder,
} from './support.js';

const FLOATS = fixture('hdf5/float32.h5');
const SOURCE_SHA = '78b347';

beforeAll(() => {
  vi.stubEnv('MILVUSDM_EMBEDDED_PATH', inject('embeddedPath'));
});
afterAll(() => {
  vi.unstubAllEnvs();
});

const served = (folder: string): Promise<EmbeddedServer> => startEmbedded(folder, { log: () => {} });
const keysFor = async (more: Keys = {}): Promise<Keys & { dest_uri: string }> => ({
  data_path: FLOATS,
  dest_uri: join(await temporaryFolder(), 'milvus'),
  dest_collection_name: 'c',
  ...more,
});

test('HDF5 into a folder, and again into the same one', async () => {
  const keys = await keysFor({ mode: 'overwrite' });
  const first = await runOk(keys);
  expect(first.target).toMatchObject({ rows_written: 300, target_rows: 300, verified: 'sample' });
  const second = await runOk({ ...keys, mode: 'append', id_offset: 10_000, dest_partition_name: 'p' });
  expect(second.target).toMatchObject({ partition: 'p', rows_written: 300, target_rows: 300, verified: 'sample' });
  const third = await runOk({ ...keys, mode: 'skip' });
  expect(third.report.status).toBe('skipped');
  await using server = await served(keys.dest_uri);
  const uri = `http://${server.address}`;
  const found = await digest({ uri, collection: 'c', partition: '_default' });
  expect(found).toMatchObject({ rows: 300, partition_counts: { _default: 300, p: 300 } });
  expect(found.sha256.startsWith(SOURCE_SHA)).toBe(true);
  expect((await counts({ uri, collection: 'c' })).indexes).toMatchObject([{ field: 'embedding', metric: 'L2' }]);
});

test('overwriting a partition replaces only that one', async () => {
  const keys = await keysFor({ mode: 'overwrite' });
  {
    await using server = await served(keys.dest_uri);
    await makeCollection({
      uri: `http://${server.address}`,
      collection: 'c',
      fields: floatFields(16),
      partitions: ['p'],
      insert: [{ rows: 20 }, { rows: 30, partition: 'p' }],
      index: { field: 'embedding', type: 'FLAT', metric: 'L2' },
    });
  }
  const done = await runOk({ ...keys, dest_partition_name: 'p' });
  expect(done.target).toMatchObject({ rows_written: 300, target_rows: 300 });
  const emptied = await runOk({ ...keys, dest_partition_name: '_default', id_offset: 100_000 });
  expect(emptied.target).toMatchObject({ rows_written: 300, target_rows: 300 });
  await using server = await served(keys.dest_uri);
  const found = await counts({ uri: `http://${server.address}`, collection: 'c' });
  expect(found.partition_counts).toEqual({ _default: 300, p: 300 });
});

test('binary vectors are refused before anything is written', async () => {
  const keys = await keysFor({ data_path: fixture('hdf5/binary_uint8.h5'), mode: 'overwrite' });
  const done = await run(keys);
  expect(done.code).toBe(4);
  expect(done.report.error).toMatchObject({
    code: 'DST_UNSUPPORTED',
    message: expect.stringContaining('BINARY_VECTOR'),
  });
  const floats = await runOk({ ...keys, data_path: FLOATS, mode: 'skip' });
  expect(floats.report.status).toBe('done');
});

test('text keys and further columns', async () => {
  const text = await runOk(await keysFor({ data_path: fixture('hdf5/ids_text_vlen.h5') }));
  expect(text.target).toMatchObject({ rows_written: 120, target_rows: 120, verified: 'sample' });
  const columns = { a_int8: 'small', n_free: 'title', l_bool: 'flag', j_float64: 'price', d_int64: 'long' };
  const more = await runOk(await keysFor({ data_path: fixture('hdf5/columns.h5'), columns }));
  expect(more.target.verified).toBe('sample');
});

test('ids that repeat: only the last copy is kept, which is said and no failure', async () => {
  const data_path = await sourceFile(
    'twice.index',
    faissIdMap([7n, 1n, 7n, 3n], 4, (row) => row),
  );
  const done = await runOk(await keysFor({ data_path }));
  expect(done.target).toMatchObject({ rows_written: 4, duplicates: 1, target_rows: 3, verified: 'sample' });
  expect(done.report.warnings.join('\n')).toMatch(/keeps only the last copy/);
});

test('rows with NaN are refused, though the server would take them', async () => {
  const done = await run(await keysFor({ data_path: fixture('hdf5/not_finite.h5') }));
  expect(done.code).toBe(3);
  expect(done.report.error!.code).toBe('SRC_BAD_ROW');
});

test('a folder that another run uses is refused by its name', async () => {
  const keys = await keysFor();
  await using _server = await served(keys.dest_uri);
  const done = await run(keys);
  expect(done.code).toBe(4);
  expect(done.report.error).toMatchObject({ code: 'ENV_START', message: expect.stringContaining(keys.dest_uri) });
});

/** The process of Milvus Lite below a running command. */
async function serverOf(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number);
  for (const child of children) {
    if ((await readFile(`/proc/${child}/cmdline`, 'latin1')).includes('milvus_lite')) return child;
  }
  throw new Error(`none of the processes ${children} below ${pid} is Milvus Lite`);
}

describe('however a run ends, no server is left behind', () => {
  test.for(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('%s', async (signal) => {
    const keys = await keysFor({ ...(await slowTask()) });
    const running = await startWriting(keys);
    const server = await serverOf(running.child.pid!);
    running.child.kill(signal);
    const result = await running.result;
    await untilGone(server, 60_000);
    if (signal !== 'SIGKILL') {
      const done = ran(result);
      expect(done).toMatchObject({ code: 130, report: { status: 'interrupted' } });
      await using again = await served(keys.dest_uri);
      const found = await counts({ uri: `http://${again.address}`, collection: 'c' });
      expect(found.count).toBe(done.target.rows_written);
    } else {
      await using _free = await served(keys.dest_uri);
    }
  });
});
