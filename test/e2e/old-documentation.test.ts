import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ensureMariaDb, type MariaDb } from '../support/mariadb.js';
import { type MilvusServer, startMilvus } from '../support/milvus-server.js';
import { digest, makeCollection } from '../support/python.js';
import {
  buildFolder,
  type ExpectedPart,
  figuresOf,
  metadataOf,
  openOne,
  range,
  readAll,
  writeSegment,
} from '../unit/adapters/legacy/support.js';
import { legacyDigest } from './catalog-support.js';
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

const M2M = `M2M:
  milvus_version: {{var.release_version}}
  source_milvus_path: '/home/user/milvus'
  mysql_parameter:
    host: '127.0.0.1'
    user: 'root'
    port: 3306
    password: '123456'
    database: 'milvus'
  source_collection:
    test:
      - 'partition_1'
      - 'partition_2'
  dest_host: '127.0.0.1'
  dest_port: 19530
  mode: 'skip' # 'skip/append/overwrite'
`;

const M2H = `M2H:
  milvus_version: {{var.release_version}}
  source_milvus_path: '/home/user/milvus'
  mysql_parameter:
    host: '127.0.0.1'
    user: 'root'
    port: 3306
    password: '123456'
    database: 'milvus'
  source_collection: # specify the 'partition_1' and 'partition_2' partitions of the 'test' collection.
    test:
      - 'partition_1'
      - 'partition_2'
  data_dir: '/home/user/data'
`;

/** A server of its own, since the files name the collections. */
let server: MilvusServer;
beforeAll(async () => {
  server = await startMilvus();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

/** The collection that all of these files but one write to. */
async function dropTest(): Promise<void> {
  const client = new MilvusClient({ address: server.address, telemetry: { enabled: false }, logLevel: 'none' });
  try {
    await client.releaseCollection({ collection_name: 'test' });
    await client.dropCollection({ collection_name: 'test' });
  } finally {
    await client.closeConnection();
  }
}
beforeEach(dropTest);

/** Writes the file with nothing changed but what depends on the place. */
async function adapted(text: string, changes: Readonly<Record<string, string>>): Promise<string> {
  const [host, port] = server.address.split(':') as [string, string];
  let here = text
    .replace("dest_host: '127.0.0.1'", `dest_host: '${host}'`)
    .replace('dest_port: 19530', `dest_port: ${port}`);
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

describe.each(['SQLite', 'MySQL'])('an old Milvus with its metadata in %s', (kind) => {
  const TABLES = [
    { name: 'test', dim: 2 },
    { name: '16', owner: 'test', tag: 'partition_1' },
    { name: '17', owner: 'test', tag: 'partition_2' },
    { name: '18', owner: 'test', tag: 'partition_3' },
  ];
  const FILES = [
    { table: 'test', segment: '1', rows: 5 },
    { table: '16', segment: '2', rows: 98 },
    { table: '16', segment: '3', type: 2, rows: 50 },
    { table: '17', segment: '4', type: 7, rows: 30 },
    { table: '18', segment: '5', rows: 7 },
  ];
  const WANTED = ['partition_1', 'partition_2'];
  let path: string;
  let mysql: MariaDb | undefined;
  let expected: ReadonlyMap<string, ExpectedPart>;

  beforeAll(async () => {
    path = buildFolder(TABLES, FILES);
    writeSegment(path, 'test', '1', range(5, 9000));
    writeSegment(path, '16', '2', range(100), { deleted: [7, 3] });
    writeSegment(path, '16', '3', range(50, 200));
    writeSegment(path, '17', '4', range(30, 1000));
    writeSegment(path, '18', '5', range(7, 5000));
    await using reader = await openOne(path);
    expected = new Map([...(await readAll(reader))].map(([name, rows]) => [name, figuresOf(rows)]));
    if (kind === 'SQLite') return;
    mysql = await ensureMariaDb();
    const login = (host: string): string =>
      `CREATE USER IF NOT EXISTS 'root'@'${host}'; ALTER USER 'root'@'${host}' IDENTIFIED BY '123456'; GRANT SELECT ON milvus.* TO 'root'@'${host}';`;
    const statements = [metadataOf(TABLES, FILES), login('localhost'), login('127.0.0.1')];
    await mysql.load('milvus', statements.join('\n'));
  });
  afterAll(async () => {
    await mysql?.[Symbol.asyncDispose]();
  });

  /** The file with its paths, hosts and ports of here; without MySQL, the parameter is '', as the documentation says. */
  async function adaptedHere(text: string, changes: Readonly<Record<string, string>> = {}): Promise<string> {
    const group = text.slice(text.indexOf('  mysql_parameter:'), text.indexOf('  source_collection:'));
    const here = mysql ? group.replace('3306', String(mysql.port)) : "  mysql_parameter: ''\n";
    return adapted(text.replace(group, here), { '/home/user/milvus': path, ...changes });
  }

  function figures(name: string): { rows: number; sha256: string } {
    const { rows, sha256 } = expected.get(name)!;
    return { rows, sha256 };
  }

  /** Exactly the named partitions, and nothing in `_default`. */
  async function expectTest(): Promise<void> {
    const found = await legacyDigest('test', `http://${server.address}`);
    const { _default: rest, ...named } = found;
    expect(rest?.rows).toBe(0);
    expect(named).toEqual(Object.fromEntries(WANTED.map((name) => [name, figures(name)])));
  }

  test('M2M', async () => {
    const file = await adaptedHere(M2M);
    const done = await runYaml(file);
    expect(done.report.error, done.stderr).toBe(null);
    expect(done.report.targets.map((t) => [t.partition, t.rows_written, t.verified])).toEqual([
      ['partition_1', 148, 'sample'],
      ['partition_2', 30, 'sample'],
    ]);
    await expectTest();
    expect((await runYaml(file)).report.status).toBe('skipped');
  });

  test('M2H, and then the file that it wrote', async () => {
    const folder = await temporaryFolder();
    const done = await runYaml(await adaptedHere(M2H, { '/home/user/data': folder }));
    expect(done.report.error, done.stderr).toBe(null);
    expect(done.report.targets.map((t) => [t.partition, t.rows_written, t.verified])).toEqual([
      ['partition_1', 148, 'full'],
      ['partition_2', 30, 'full'],
    ]);
    const [run] = readdirSync(folder);
    const written = join(folder, run!, 'test');
    expect(readdirSync(written).sort()).toEqual(['partition_1.h5', 'partition_2.h5', 'test.yaml']);
    const back = await runYaml(await adapted(readFileSync(join(written, 'test.yaml'), 'utf8'), {}));
    expect(back.report.error, back.stderr).toBe(null);
    expect(back.report.targets.map((t) => t.digest)).toEqual(done.report.targets.map((t) => t.digest));
    await expectTest();
  });
});
