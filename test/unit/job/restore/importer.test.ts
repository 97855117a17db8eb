import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { ImportUnit } from '../../../../src/job/restore/folders.js';
import { importUnits } from '../../../../src/job/restore/import.js';
import { importerFor } from '../../../../src/job/restore/importer.js';
import type { Connection } from '../../../../src/milvus/connection.js';
import { type JobAnswer, type RestDoubleOptions, startRestDouble } from '../../../support/rest-double.js';
import { protoDecode, protoEncode } from '../../milvus/proto.js';

const TOKEN = 'root:Milvus';
const DONE = (importedRows: number): JobAnswer => ({ state: 'Completed', progress: 100, importedRows });

const unit = (name: string, more: Partial<ImportUnit> = {}): ImportUnit => ({
  partition: 'p',
  insert: `i/${name}/`,
  rows: 10,
  deltaBytes: 0,
  bytes: 1,
  storageVersion: 0,
  name: `segment ${name}`,
  ...more,
});

const deletes = (name: string): ImportUnit => {
  const { insert: _, ...rest } = unit(name, { partition: '', delta: `d/${name}/`, rows: 0 });
  return rest;
};

interface Ran {
  readonly rows: readonly (readonly [name: string, rows: number])[];
  readonly log: string[];
  /** Requests of gRPC's Import. */
  readonly grpc: Record<string, unknown>[];
}

/** Imports at an address as a server of this version is told to. */
async function run(address: string, version: string, units: readonly ImportUnit[], token = TOKEN): Promise<Ran> {
  const grpc: Record<string, unknown>[] = [];
  const call = async (method: string, request: Uint8Array): Promise<Uint8Array> => {
    if (method !== 'Import') return protoEncode('GetImportStateResponse', { status: {}, state: 6, row_count: 10 });
    grpc.push(protoDecode('ImportRequest', request));
    return protoEncode('ImportResponse', { status: {}, tasks: [grpc.length] });
  };
  const connection = { version, call, retry: { totalMs: 0 } } as unknown as Connection;
  const log: string[] = [];
  const endpoint = { at: { kind: 'server', address, tls: false }, token } as const;
  const o = { endpoint, db: 'shop', collection: 'made', log: (message: string) => log.push(message) };
  const importer = await importerFor(connection, o);
  const { signal } = new AbortController();
  const view = (key: string): string => `seen/${key}`;
  const rows = await importUnits(importer, units, { ...o, view, signal, onRows: () => {} });
  return { rows: [...rows].map(([one, count]) => [one.name, count]), log, grpc };
}

const double = (states: NonNullable<RestDoubleOptions['states']>, failures: RestDoubleOptions['failures'] = []) =>
  startRestDouble({ token: TOKEN, db: 'shop', states, failures });

describe('imports of a server from 2.4 on', () => {
  it('are jobs of many segments, with their deletes, by partition, channel and storage version', async () => {
    await using server = await double([
      [{ state: 'Pending' }, { state: 'Importing', progress: 50 }, DONE(28)],
      [DONE(10)],
    ]);
    const units = [
      unit('1', { channel: 'v0' }),
      unit('2', { channel: 'v0', delta: 'd/2/', deltaBytes: 3 }),
      unit('3', { channel: 'v1', storageVersion: 2 }),
      unit('4', { channel: 'v0' }),
    ];
    const { rows, grpc, log } = await run(server.address, 'v2.5.3', units);
    expect(server.jobs).toEqual([
      {
        collectionName: 'made',
        partitionName: 'p',
        files: [['seen/i/1/'], ['seen/i/2/', 'seen/d/2/'], ['seen/i/4/']],
        options: { backup: 'true', skip_disk_quota_check: 'true' },
      },
      {
        collectionName: 'made',
        partitionName: 'p',
        files: [['seen/i/3/']],
        options: { backup: 'true', skip_disk_quota_check: 'true', storage_version: '2' },
      },
    ]);
    expect(rows).toEqual([
      ['segment 1 and 2 more', 28],
      ['segment 3', 10],
    ]);
    expect([grpc, log]).toEqual([[], []]);
  });

  it('have no more segments than one likes to repeat', async () => {
    await using server = await double([[DONE(640)], [DONE(10)]]);
    const units = Array.from({ length: 65 }, (_, at) => unit(String(at)));
    await run(server.address, '2.4.0', units);
    expect(server.jobs.map(({ files }) => files.length)).toEqual([64, 1]);
  });

  it.each([
    ['2.6.4', [1, 1]],
    ['2.6.5', [2]],
    ['3.0.0', [2]],
  ])('of deletes come behind the rows, one a job before 2.6.5: %s', async (version, lengths) => {
    await using server = await double([[DONE(10)], [DONE(0)], [DONE(0)]]);
    await run(server.address, version, [deletes('8'), unit('1'), deletes('9')]);
    const [first, ...rest] = server.jobs;
    expect(first?.files).toEqual([['seen/i/1/']]);
    expect(rest.map(({ files }) => files.length)).toEqual(lengths);
    expect(rest.flatMap(({ files }) => files)).toEqual([['seen/d/8/'], ['seen/d/9/']]);
    expect(rest[0]).not.toHaveProperty('partitionName');
    expect(rest[0]?.options).toEqual({ l0_import: 'true', skip_disk_quota_check: 'true' });
  });

  it('that fail are named by job and begun again', async () => {
    const failed: JobAnswer = { state: 'Failed', reason: 'disk hiccup' };
    await using server = await double([[failed], [DONE(20)]]);
    const { log, rows } = await run(server.address, 'v2.4.1', [unit('1'), unit('2')]);
    expect(log).toEqual([
      'the import of segment 1 and 1 more into made/p failed (job 449839014328146739): disk hiccup; once more',
    ]);
    expect(rows).toEqual([['segment 1 and 1 more', 20]]);
  });

  it('go by gRPC, segment by segment, where the server has no such path', async () => {
    await using server = await double([], [{ status: 404, body: '404 page not found' }]);
    const { grpc, log } = await run(server.address, '2.4.0', [unit('1'), unit('2', { delta: 'd/2/' })]);
    // An empty place would be looked for in the whole bucket.
    expect(grpc.map(({ files }) => files)).toEqual([['seen/i/1/'], ['seen/i/2/', 'seen/d/2/']]);
    expect(log).toEqual([expect.stringMatching(/^one import for each segment, .*this server does not know the call/)]);
    expect(server.asked).toEqual(['jobs/import/list']);
  });

  it.each([
    ['a server that speaks no HTTP', 'not HTTP at all\r\n\r\n'],
    ['one that closes the connection', ''],
  ])('go by gRPC at %s', async (_, greeting) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(greeting);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { grpc } = await run(`127.0.0.1:${port}`, '2.4.0', [unit('1')]);
    expect(grpc).toHaveLength(1);
    server.close();
  });

  it('go by gRPC where the login does not count for HTTP', async () => {
    await using server = await double([]);
    const { grpc, log } = await run(server.address, '2.4.0', [unit('1')], 'somebody:else');
    expect(grpc).toHaveLength(1);
    expect(log).toEqual([expect.stringContaining('user not authenticated (Milvus code 1800)')]);
    expect(log.join()).not.toContain('somebody:else');
  });

  it('that the server refuses end the restore; nothing is begun twice when an answer is lost', async () => {
    const ok = { status: 200, body: '{"code":0,"data":{}}' };
    const refused = { status: 200, body: '{"code":2100,"message":"no binlog to import"}' };
    await using first = await double([], [ok, refused]);
    await expect(run(first.address, '2.4.0', [unit('1')])).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('no binlog to import (Milvus code 2100)'),
    });
    await using second = await double([], [ok, { status: 502, body: 'bad gateway' }]);
    await expect(run(second.address, '2.4.0', [unit('1')])).rejects.toMatchObject({ code: 'NET_UNAVAILABLE' });
    expect(second.asked).toEqual(['jobs/import/list', 'jobs/import/create']);
  });
});

it('imports of a server up to 2.3 go by gRPC, and HTTP is not asked for', async () => {
  await using server = await double([]);
  const { grpc } = await run(server.address, 'v2.3.5', [unit('1')]);
  expect(grpc.map(({ files }) => files)).toEqual([['seen/i/1/', '']]);
  expect(server.asked).toEqual([]);
});
