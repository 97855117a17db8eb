import { expect, it } from 'vitest';
import * as milvusdm from '../../../src/index.js';
import { startDouble } from '../job/snapshot/support.js';

it('the library has a function for each verb', async () => {
  await using double = await startDouble();
  const source = { source_uri: `http://${double.server.address}`, source_collection: 'articles' };
  const named = { ...source, snapshot_name: 'daily_20260101' };
  const made = await milvusdm.createSnapshot({ ...named, description: 'd' });
  expect(made).toMatchObject({ name: 'daily_20260101', description: 'd' });
  expect(await milvusdm.listSnapshots(source)).toEqual([made]);
  expect((await milvusdm.describeSnapshot(named)).shape?.shards).toBe(2);
  const events: string[] = [];
  const onEvent = ({ type }: milvusdm.JobEvent): unknown => events.push(type);
  const report = await milvusdm.restoreSnapshot({ ...named, dest_collection_name: 'restored' }, { onEvent });
  expect(report).toMatchObject({ status: 'done', targets: [{ target_rows: 300 }] });
  expect(events).toContain('progress');
  const [job] = await milvusdm.snapshotJobs({ ...source, source_collection: 'restored' });
  expect(await milvusdm.snapshotJob({ ...source, job_id: job!.job_id })).toEqual(job);
  expect((await milvusdm.pruneSnapshots({ ...source, keep_last: 1 })).kept).toHaveLength(1);
  expect(await milvusdm.dropSnapshot(named)).toEqual(made);
  await expect(milvusdm.dropSnapshot(named)).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
  await expect(milvusdm.createSnapshot(source)).rejects.toMatchObject({ code: 'CFG_INVALID' });
});

it('a wait that is stopped says that the server goes on', async () => {
  await using double = await startDouble(undefined, { lateBy: 1000 });
  const keys = { source_uri: `http://${double.server.address}`, snapshot_name: 'daily_20260101' };
  await milvusdm.createSnapshot({ ...keys, source_collection: 'articles' });
  const stop = new AbortController();
  const onEvent = (event: milvusdm.JobEvent): void => {
    if (event.type === 'log' && event.message.startsWith('restore job')) setTimeout(() => stop.abort(), 50);
  };
  const into = { ...keys, dest_collection_name: 'restored' };
  const restoring = milvusdm.restoreSnapshot(into, { signal: stop.signal, onEvent });
  await expect(restoring).rejects.toMatchObject({
    code: 'INTERRUPTED',
    message: expect.stringMatching(/^the server goes on with the restore, which is job [0-9]+$/),
  });
});
