import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MilvusServer, startMilvus } from '../support/milvus-server.js';
import { digest, makeCollection } from '../support/python.js';
import { fixture, floatFields, runYaml, temporaryFolder } from './support.js';

/** The example of MilvusDM's documentation, as it stands there. */
const F2M = `F2M:
  milvus_version: {{var.release_version}}
  data_path: '/home/data/faiss.index'
  dest_host: '127.0.0.1'
  dest_port: 19530
  mode: 'append'        # 'skip/append/overwrite'
  dest_collection_name: 'test'
  dest_partition_name: ''
  collection_parameter:
    dimension: 256
    index_file_size: 1024
    metric_type: 'L2'
`;

const H2M = `H2M:
  milvus-version: {{var.release_version}}
  data_path:
    - /Users/zilliz/float_1.h5
    - /Users/zilliz/float_2.h5
  data_dir:
  dest_host: '127.0.0.1'
  dest_port: 19530
  mode: 'overwrite'        # 'skip/append/overwrite'
  dest_collection_name: 'test_float'
  dest_partition_name: 'partition_1'
  collection_parameter:
    dimension: 128
    index_file_size: 1024
    metric_type: 'L2'
`;

/** A server of its own, since the files name the collections. */
let server: MilvusServer;
beforeAll(async () => {
  server = await startMilvus();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

/** Writes the file with nothing changed but what depends on the place. */
async function adapted(text: string, changes: Readonly<Record<string, string>>): Promise<string> {
  const [host, port] = server.address.split(':') as [string, string];
  let here = text.replace("'127.0.0.1'", `'${host}'`).replace('19530', port);
  for (const [from, to] of Object.entries(changes)) {
    expect(here).toContain(from);
    here = here.replace(from, to);
  }
  const path = join(await temporaryFolder(), 'old.yaml');
  await writeFile(path, here);
  return path;
}

test('F2M', async () => {
  const path = await adapted(F2M, { '/home/data/faiss.index': fixture('faiss/flat_l2.index'), '256': '16' });
  const done = await runYaml(path);
  expect(done.report.error, done.stderr).toBe(null);
  expect(done.target).toMatchObject({ collection: 'test', partition: null, rows_written: 300, verified: 'sample' });
  expect(done.report.warnings.join('\n')).toMatch(/index_file_size/);
  const found = await digest({ uri: `http://${server.address}`, collection: 'test' });
  expect(found).toMatchObject({ count: 300, indexes: [{ field: 'embedding', type: 'AUTOINDEX', metric: 'L2' }] });
  expect(found.sha256.startsWith('4c52bc')).toBe(true);
});

test('H2M', async () => {
  const uri = `http://${server.address}`;
  const insert = [{ rows: 20 }, { rows: 30, partition: 'partition_1' }];
  const collection = 'test_float';
  const index = { field: 'embedding', type: 'FLAT', metric: 'L2' };
  await makeCollection({ uri, collection, fields: floatFields(16), partitions: ['partition_1'], insert, index });
  const path = await adapted(H2M, {
    '/Users/zilliz/float_1.h5': fixture('hdf5/float32.h5'),
    '/Users/zilliz/float_2.h5': fixture('hdf5/ids_int32.h5'),
    '128': '16',
  });
  const done = await runYaml(path);
  expect(done.report.error, done.stderr).toBe(null);
  expect(done.target).toMatchObject({ collection, partition: 'partition_1', rows_written: 420, verified: 'sample' });
  const found = await digest({ uri, collection });
  expect(found.partition_counts).toEqual({ _default: 20, partition_1: 420 });
});
