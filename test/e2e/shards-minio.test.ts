import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore } from '../../src/store/index.js';
import { settle } from '../crash/harness.js';
import { prepare, ROWS } from '../crash/scenarios.js';
import { kill, sharedJob } from '../crash/shards.js';
import { until } from '../support/cli.js';
import { type Minio, startMinio } from '../support/minio.js';
import { dropCollections } from './support.js';

/** The build of MinIO may not be over yet. */
const BUILD_MS = 1_200_000;

let minio: Minio;

beforeAll(async () => {
  minio = await startMinio();
}, BUILD_MS);
afterAll(async () => {
  await dropCollections();
  await minio?.[Symbol.asyncDispose]();
});

test('shards that share a bucket: killed, continued, finished', async () => {
  const prepared = await prepare({ task: 'F2M', ids: 'none', mode: 'overwrite' });
  const bucket = await minio.bucket('a-bucket', 'jobs/shared');
  await using store = await openStore(bucket);
  const endpoint = `http://127.0.0.1:${minio.port}`;
  const login = { access_key: minio.user, secret_key: minio.password };
  const job = await sharedJob(prepared, { type: 's3', endpoint, bucket: 'a-bucket', prefix: 'jobs/shared', ...login });
  expect(await job.prepare(2)).toMatchObject({ code: 0 });
  const victim = await job.start(0, 2, { slowly: true });
  await until(victim, async () => {
    let acks = 0;
    for await (const { key } of store.list('shards/0/ledger/')) {
      acks +=
        Buffer.from(await store.read(key))
          .toString('latin1')
          .split('"t":"ack"').length - 1;
    }
    return acks >= 3;
  });
  await kill(victim);
  const shards = [await job.run(1, 2), await job.run(0, 2)];
  for (const shard of shards) expect(shard).toMatchObject({ code: 0, report: { status: 'done' } });
  expect(shards.map((s) => s.target.rows_written)).toEqual([ROWS / 2, ROWS / 2]);
  expect(await job.finish()).toMatchObject({ code: 0, target: { rows_written: ROWS } });
  const texts: string[] = [];
  for await (const { key } of store.list('')) texts.push(Buffer.from(await store.read(key)).toString('latin1'));
  expect(texts.join('\n')).not.toContain(minio.password);
  await settle(prepared, 'shards that share a bucket', 'kill', 1);
});
