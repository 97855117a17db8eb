import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { runCli } from '../support/cli.js';
import { freePort } from '../support/ports.js';
import { counts, digest, makeCollection } from '../support/python.js';
import {
  checkOutput,
  dropCollections,
  exists,
  fixture,
  floatFields,
  planOf,
  QUICK,
  ran,
  run,
  runOk,
  temporaryFolder,
  unique,
  withClient,
  yamlFile,
} from './support.js';

const FLOATS = fixture('hdf5/float32.h5');

afterAll(dropCollections);

describe.concurrent('plan', () => {
  test('says what will happen and touches nothing', async () => {
    const collection = unique('plan');
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 20 }], aliases: [`${collection}_a`] });
    const before = await digest({ collection });
    const keys = { data_path: FLOATS, mode: 'overwrite', dest_collection_name: collection };
    const plan = await planOf(keys);
    expect(plan).toMatchObject({
      task: 'H2M',
      collections: [collection],
      rows: 300,
      bytes: 300 * (16 * 4 + 8),
      server: expect.stringMatching(/^Milvus v2\.3\.5.* at /),
      sources: [{ path: FLOATS, format: 'hdf5', rows: 300, dim: 16, ids: 'stored' }],
    });
    expect(plan.actions.map((action) => action.kind)).toEqual(['drop', 'create', 'index']);
    expect(plan.job_id).toBe((await planOf(keys)).job_id);
    expect(await digest({ collection })).toEqual(before);
  });

  test('--dry-run is the same', async () => {
    const collection = unique('plan');
    const path = await yamlFile({ data_path: FLOATS, dest_collection_name: collection });
    const dry = checkOutput(await runCli(['--yaml', path, '--dry-run', '--json']));
    expect(dry).toEqual(checkOutput(await runCli(['plan', path, '--json'])));
    expect(dry).toMatchObject({ status: 'planned', exit_code: 0, rows: 300 });
    expect(await exists(collection)).toBe(false);
  });

  test('as text names the same', async () => {
    const collection = unique('plan');
    const plan = await runCli(['plan', await yamlFile({ data_path: FLOATS, dest_collection_name: collection })]);
    expect(plan.code).toBe(0);
    for (const part of [collection, '300', 'create', 'AUTOINDEX']) expect(plan.stdout).toContain(part);
  });

  test('refuses what a run would refuse, with the same code', async () => {
    const collection = unique('plan');
    await makeCollection({ collection, fields: floatFields(4) });
    const path = await yamlFile({ data_path: FLOATS, mode: 'append', dest_collection_name: collection });
    const done = ran(await runCli(['plan', path, '--json']));
    expect(done.code).toBe(4);
    expect(done.report.error!.code).toBe('DST_SCHEMA_MISMATCH');
  });
});

describe.concurrent('a run', () => {
  test('as text, by `run FILE`: the report on stdout, the phases on stderr', async () => {
    const collection = unique('text');
    const done = await runCli([
      'run',
      await yamlFile({ ...QUICK, data_path: FLOATS, dest_collection_name: collection }),
    ]);
    expect(done.code).toBe(0);
    expect(done.stdout).toContain(collection);
    expect(done.stdout).toContain('300');
    expect(done.stdout).not.toContain('\u001b[');
    expect(done.stderr).toMatch(/phase write/);
    expect(done.stderr).not.toContain('\u001b[');
  });

  test('with --log-format json has one JSON object a line on stderr', async () => {
    const collection = unique('text');
    const keys = { ...QUICK, data_path: FLOATS, dest_collection_name: collection };
    const done = await runOk(
      { ...keys, index_file_size: undefined },
      { args: ['--log-format', 'json', '--log-level', 'debug'] },
    );
    const lines = done.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; msg: string });
    expect(lines.map((line) => line.msg)).toContain('phase write');
    for (const { msg } of lines) expect(msg).not.toMatch(/^\{/);
  });

  test('with --quiet has nothing on stderr', async () => {
    const done = await runOk(
      { ...QUICK, data_path: FLOATS, dest_collection_name: unique('quiet') },
      { args: ['--quiet'] },
    );
    expect(done.stderr).toBe('');
  });

  test('with --limit rehearses on the first rows', async () => {
    const collection = unique('limit');
    const data_path = [fixture('faiss/flat_l2.index'), fixture('faiss/flat_l2.index')];
    const keys = { ...QUICK, data_path, dest_collection_name: collection };
    const done = await runOk(keys, { args: ['--limit', '310'] });
    expect(done.target).toMatchObject({ rows_read: 310, rows_written: 310, target_rows: 310 });
    expect((await counts({ collection })).count).toBe(310);
  });

  test('into a database that is not the default one', async () => {
    const collection = unique('db');
    const db = `db_${collection}`;
    await withClient((client) => client.createDatabase({ db_name: db }));
    const done = await runOk({ data_path: FLOATS, dest_collection_name: collection, dest_db: db });
    expect(done.target).toMatchObject({ target_rows: 300, verified: 'sample' });
    expect((await digest({ collection, db })).count).toBe(300);
    expect(await exists(collection)).toBe(false);
    await withClient(async (client) => {
      await client.dropCollection({ collection_name: collection, db_name: db });
      await client.dropDatabase({ db_name: db });
    });
  });

  test('into a database that is not there is refused', async () => {
    const done = await run({ data_path: FLOATS, dest_collection_name: unique('db'), dest_db: 'no_such_db' });
    expect(done.code).toBe(4);
    expect(done.report.error!.message).toContain('no_such_db');
  });

  test('with max_rate takes its time', async () => {
    const keys = { ...QUICK, data_path: FLOATS, dest_collection_name: unique('rate'), batch_bytes: '64KiB' };
    const done = await runOk({ ...keys, data_path: fixture('hdf5/quickstart.h5'), max_rate: '1000 rows/s' });
    expect(done.target.rows_written).toBe(5000);
    expect(done.report.seconds).toBeGreaterThan(4);
  });
});

describe.concurrent('failures are one JSON document, too', () => {
  test('mistakes in the file, all at once', async () => {
    const path = join(await temporaryFolder(), 'wrong.yaml');
    await writeFile(path, 'H2M:\n  data_path: x.h5\n  dest_colection_name: a\n  mode: replace\n');
    for (const command of [
      ['--yaml', path],
      ['run', path],
      ['plan', path],
      ['validate', path],
    ]) {
      const result = await runCli([...command, '--json']);
      expect(result.code).toBe(2);
      const document = checkOutput(result) as { issues: { line: number; message: string }[] };
      expect(document.issues.map((issue) => issue.line)).toEqual(expect.arrayContaining([3, 4]));
      expect(JSON.stringify(document.issues)).toContain('dest_collection_name');
    }
  });

  test.for([
    ['no such file', ['--yaml', '/no/such.yaml']],
    ['no task', []],
    ['an unknown option', ['--no-such-option']],
    ['an unknown command', ['migrate', 'x.yaml']],
    ['a limit of nothing', ['--yaml', 'x.yaml', '--limit', '0']],
  ] as const)('%s: exit 2', async ([, args]) => {
    const result = await runCli([...args, '--json']);
    expect(result.code, result.stderr).toBe(2);
    expect(checkOutput(result)).toMatchObject({ status: 'failed', task: null, error: { hint: expect.any(String) } });
  });

  test('a source that is not there: exit 3', async () => {
    const done = await run({ data_path: '/no/such.h5', dest_collection_name: unique('absent') });
    expect(done.code).toBe(3);
    expect(done.report.error).toMatchObject({ code: 'SRC_NOT_FOUND', message: expect.stringContaining('/no/such.h5') });
  });

  test.for(['127.0.0.1', 'localhost'])('no server at %s: exit 5 in good time', async (host) => {
    const port = await freePort();
    const done = await run({ data_path: FLOATS, dest_host: host, dest_port: port, dest_collection_name: 'never' });
    expect(done.code).toBe(5);
    expect(done.report.error).toMatchObject({
      code: 'NET_UNAVAILABLE',
      message: expect.stringContaining(String(port)),
    });
    expect(done.report.seconds).toBeLessThan(20);
  });

  test('something that is no Milvus: exit 5 in good time', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.0 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const done = await run({
      data_path: FLOATS,
      dest_host: '127.0.0.1',
      dest_port: port,
      dest_collection_name: 'never',
    });
    server.close();
    expect(done.code).toBe(5);
    expect(done.report.seconds).toBeLessThan(20);
  });
});

describe.concurrent('credentials that the server refuses', () => {
  test.for([grpc.status.UNAUTHENTICATED, grpc.status.PERMISSION_DENIED])(
    'status %i: exit 4, DST_AUTH',
    async (code) => {
      const server = new grpc.Server();
      const raw = { requestStream: false, responseStream: false, requestSerialize, requestDeserialize };
      const method = (path: string) => ({
        ...raw,
        path,
        responseSerialize: requestSerialize,
        responseDeserialize: requestDeserialize,
      });
      const names = ['Connect', 'GetVersion', 'DescribeCollection', 'ShowCollections'];
      const paths = names.map((name) => [name, method(`/milvus.proto.milvus.MilvusService/${name}`)]);
      const refuse: grpc.handleUnaryCall<Buffer, Buffer> = (_call, answer) =>
        answer({ code, details: 'auth check failure' });
      server.addService(Object.fromEntries(paths), Object.fromEntries(names.map((name) => [name, refuse])));
      const port = await new Promise<number>((resolve, reject) =>
        server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
          error ? reject(error) : resolve(bound),
        ),
      );
      const keys = { data_path: FLOATS, dest_collection_name: 'never', dest_token: 'wrong-token-a1b2' };
      const done = await run({ ...keys, dest_uri: `http://127.0.0.1:${port}` });
      server.forceShutdown();
      expect(done.code).toBe(4);
      expect(done.report.error).toMatchObject({
        code: 'DST_AUTH',
        message: expect.stringContaining('auth check failure'),
      });
      expect(done.stdout + done.stderr).not.toContain('wrong-token');
    },
  );
});

const requestSerialize = (bytes: Buffer): Buffer => bytes;
const requestDeserialize = (bytes: Buffer): Buffer => bytes;

describe.concurrent('inspect', () => {
  test.for([
    [
      'faiss/ivfflat_full.index',
      { format: 'faiss', rows: 300, dim: 16, vectorType: 'FLOAT_VECTOR', metric: 'L2', ids: 'stored' },
    ],
    ['faiss/binary_flat.index', { format: 'faiss', rows: 300, dim: 64, vectorType: 'BINARY_VECTOR', ids: 'none' }],
    ['faiss/pq.index', { format: 'faiss', rows: 300, dim: 16, verdict: 'lossy' }],
    ['faiss/lsh.index', { format: 'faiss', rows: 300, dim: 16, verdict: 'refused' }],
    ['hdf5/float32.h5', { format: 'hdf5', rows: 300, dim: 16, vectorType: 'FLOAT_VECTOR', ids: 'stored' }],
    ['hdf5/ids_extreme.h5', { format: 'hdf5', rows: 120, dim: 16 }],
  ] as const)('%s', async ([name, facts]) => {
    const path = fixture(name);
    const result = await runCli(['inspect', path, '--json']);
    expect(result.code).toBe(0);
    expect(checkOutput(result)).toMatchObject({ path, ...facts });
    if (name.includes('extreme')) expect(result.stdout).toContain('"-9223372036854775808"');
    const text = await runCli(['inspect', path]);
    expect(text.stdout).toContain(String(facts.rows));
  });

  test.for([
    ['faiss/truncated.index', 'truncated.index'],
    ['hdf5/not_hdf5.h5', 'not_hdf5.h5'],
  ] as const)('%s is refused by its name: %s', async ([name, said]) => {
    const done = ran(await runCli(['inspect', fixture(name), '--json']));
    expect(done.code).toBe(3);
    expect(done.report.error!.message).toContain(said);
  });
});

describe.concurrent('secrets', () => {
  const secret = 'tok-3nq8Zs+/x%y&z';

  test('appear in no output, log, report or mark', async () => {
    const file = join(await temporaryFolder(), 'password');
    await writeFile(file, `${secret}\n`);
    const stateFolder = await temporaryFolder();
    const env = { MILVUS_SECRET: secret };
    const args = ['--log-level', 'debug'];
    const keys = { data_path: FLOATS, dest_collection_name: unique('secret') };
    const token = { ...QUICK, ...keys, dest_token: `\${MILVUS_SECRET}` };
    const results = [
      await run(token, { env, args, stateFolder }),
      await run({ ...token, dest_uri: `http://127.0.0.1:${await freePort()}` }, { env, args, stateFolder }),
      await run({ ...token, mode: 'replace' }, { env, args, stateFolder }),
      await run(
        { ...QUICK, ...keys, dest_user: 'root', dest_password: `\${file:${file}}` },
        { env, args, stateFolder },
      ),
    ];
    expect(results.map((result) => result.code)).toEqual([0, 5, 2, 0]);
    const hidden = [secret, encodeURIComponent(secret), ...[0, 1, 2].map((skip) => base64Core(secret, skip))];
    const stored = await Promise.all((await filesBelow(stateFolder)).map((path) => readFile(path, 'latin1')));
    expect(stored.join('\n')).toContain('phase write');
    for (const text of [...results.flatMap((r) => [r.stdout, r.stderr]), ...stored]) {
      for (const form of hidden) expect(text).not.toContain(form);
    }
  });
});

/** The part of a secret's base64 that does not depend on what stands around it, `skip` bytes into a group of three. */
function base64Core(secret: string, skip: number): string {
  const bytes = Buffer.from('..'.slice(0, skip) + secret);
  return bytes.toString('base64').slice(4, -4);
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test.concurrent('the log file of the day says what happened, and the state folder is private', async () => {
  const done = await runOk({ ...QUICK, data_path: FLOATS, dest_collection_name: unique('log') });
  const [name] = await readdir(join(done.stateFolder, 'logs'));
  const lines = (await readFile(join(done.stateFolder, 'logs', name!), 'utf8')).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain('phase write');
  expect(await readdir(join(done.stateFolder, 'jobs')).catch(() => [])).toEqual([]);
});

test.concurrent('schema and init print what they promise', async () => {
  for (const task of ['F2M', 'H2M']) {
    const schema = await runCli(['schema', task]);
    expect(JSON.parse(schema.stdout)).toMatchObject({ $schema: expect.stringContaining('2020-12') });
    const example = await runCli(['init', task]);
    const path = join(await temporaryFolder(), 'example.yaml');
    await writeFile(path, example.stdout);
    expect((await runCli(['validate', path])).code).toBe(0);
  }
});

test.concurrent('the server of the run is a real Milvus', async () => {
  const plan = await planOf({ data_path: FLOATS, dest_collection_name: unique('server') });
  expect(plan.server).toContain(inject('milvusAddress'));
  expect(plan.server).not.toContain('Lite');
});
