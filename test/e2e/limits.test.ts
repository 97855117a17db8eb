import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MilvusServer, startMilvus } from '../support/milvus-server.js';
import { digest } from '../support/python.js';
import { digestsOf, faissFlat, QUICK, runOk, sourceFile } from './support.js';

const DIM = 64;
const ROWS = 16_000;
const value = (row: number, column: number): number => row + column / DIM;
const rows = Array.from({ length: ROWS }, (_, row) => ({
  id: BigInt(row),
  vector: Array.from({ length: DIM }, (__, column) => value(row, column)),
}));
/** Bytes of the rows as they are sent. */
const BYTES = ROWS * (DIM * 4 + 3);

describe.concurrent('a real server', () => {
  const MESSAGE_LIMIT = 256 * 1024;
  const MEGABYTES_PER_SECOND = 0.25;
  const servers: MilvusServer[] = [];
  let data_path: string;
  let [narrow, slow] = ['', ''];

  beforeAll(async () => {
    data_path = await sourceFile('limits.index', faissFlat(ROWS, DIM, value));
    for (const settings of [
      { PROXY_GRPC_SERVERMAXRECVSIZE: String(MESSAGE_LIMIT) },
      { QUOTAANDLIMITS_DML_ENABLED: 'true', QUOTAANDLIMITS_DML_INSERTRATE_MAX: String(MEGABYTES_PER_SECOND) },
    ]) {
      servers.push(await startMilvus({ settings }));
    }
    [narrow, slow] = servers.map((server) => `http://${server.address}`) as [string, string];
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });

  test('that takes small messages only gets batches in halves, nothing lost', async () => {
    const done = await runOk({
      ...QUICK,
      data_path,
      dest_uri: narrow,
      dest_collection_name: 'halves',
      batch_bytes: '1MiB',
    });
    expect(done.stderr.match(/takes no request of 1\.\d MiB: batches are sent in halves/g)).toHaveLength(1);
    expect(await digest({ uri: narrow, collection: 'halves' })).toMatchObject({ count: ROWS, ...digestsOf(rows) });
  });

  test('that limits the rate slows the run down, said once, nothing lost', async () => {
    const began = performance.now();
    const done = await runOk({
      ...QUICK,
      data_path,
      dest_uri: slow,
      dest_collection_name: 'slow',
      batch_bytes: '128KiB',
    });
    const seconds = (performance.now() - began) / 1000;
    process.stderr.write(`limit ${MEGABYTES_PER_SECOND} MB/s: ${BYTES / 1e6} MB in ${seconds.toFixed(1)} s\n`);
    expect(done.stderr.match(/\(Milvus code \d+\): slowing down until the server takes more/g)).toHaveLength(1);
    expect(done.stderr).not.toContain('trying again');
    expect(seconds).toBeGreaterThan(BYTES / 1e6 / MEGABYTES_PER_SECOND / 2);
    expect(await digest({ uri: slow, collection: 'slow' })).toMatchObject({ count: ROWS, ...digestsOf(rows) });
  });
});
