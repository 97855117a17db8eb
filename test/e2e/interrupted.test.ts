import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { sleep } from '../../src/util/abort.js';
import { startCli } from '../support/cli.js';
import { untilAcks } from '../support/ledger.js';
import { type MilvusServer, startMilvus } from '../support/milvus-server.js';
import { startProxy } from '../support/proxy.js';
import { counts } from '../support/python.js';
import {
  dropCollections,
  exists,
  ran,
  runYaml,
  slowTask,
  startWriting,
  unique,
  untilSaid,
  yamlFile,
} from './support.js';

afterAll(dropCollections);

/** Lets the next run of a task of {@link slowTask} take seconds. */
async function faster(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  expect(text).toContain('max_rate: 2000\n');
  await writeFile(path, text.replace('max_rate: 2000\n', 'max_rate: 50000\n'));
}

describe.concurrent('a signal', () => {
  test.for(['SIGINT', 'SIGTERM'] as const)('%s ends the run after the batches in flight', async (signal) => {
    const collection = unique('signal');
    const running = await startWriting({ ...(await slowTask()), dest_collection_name: collection });
    const began = performance.now();
    running.child.kill(signal);
    const done = ran(await running.result);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(done.code).toBe(130);
    expect(done.report).toMatchObject({ status: 'interrupted', error: { code: 'INTERRUPTED' } });
    expect(done.stderr).toContain(signal);
    const { rows_written } = done.target;
    expect(rows_written).toBeGreaterThan(0);
    expect(rows_written).toBeLessThan(200_000);
    expect((await counts({ collection })).count).toBe(rows_written);
  });

  test('twice ends it at once', async () => {
    const running = await startWriting({ ...(await slowTask()), dest_collection_name: unique('signal') });
    running.child.kill('SIGINT');
    running.child.kill('SIGTERM');
    const began = performance.now();
    const done = ran(await running.result);
    expect(performance.now() - began).toBeLessThan(5000);
    expect(done).toMatchObject({ code: 130, report: { status: 'interrupted' } });
  });

  test('before anything is written leaves the target alone', async () => {
    const collection = unique('signal');
    // So far away that we come before the first write, however late we are.
    await using proxy = await startProxy(inject('milvusAddress'));
    proxy.delay(2000);
    const dest = { dest_uri: `http://${proxy.address}`, dest_collection_name: collection };
    const running = await startCli(['--yaml', await yamlFile({ ...(await slowTask()), ...dest }), '--json']);
    await untilSaid(running, 'phase connect');
    running.child.kill('SIGINT');
    const done = ran(await running.result);
    expect(done).toMatchObject({ code: 130, report: { status: 'interrupted' } });
    expect(await exists(collection)).toBe(false);
  });

  test.for(['skip', 'append', 'overwrite'] as const)('is made good by the same command (mode %s)', async (mode) => {
    const collection = unique('again');
    const path = await yamlFile({ ...(await slowTask()), mode, dest_collection_name: collection });
    const running = await startCli(['--yaml', path, '--json']);
    await untilAcks(running, 3);
    running.child.kill('SIGINT');
    const first = ran(await running.result);
    await faster(path);
    expect(first).toMatchObject({ code: 130, report: { resumable: true } });
    expect(first.report.error!.hint).toContain(`milvusdm --yaml ${path}`);
    const again = await runYaml(path, { stateFolder: first.stateFolder });
    expect(again).toMatchObject({ code: 0, report: { status: 'done', resumable: false } });
    expect(again.target).toMatchObject({ rows_read: 200_000, rows_written: 200_000, target_rows: 200_000 });
    expect(again.stderr).toContain('continues behind');
    expect((await counts({ collection })).count).toBe(200_000);
    expect(await readdir(join(first.stateFolder, 'jobs'))).toEqual([]);
  });

  test('kill -9 is made good by the same command, too, and by --restart', async () => {
    const collection = unique('killed');
    const path = await yamlFile({ ...(await slowTask()), dest_collection_name: collection });
    let state: { stateFolder?: string } = {};
    for (const args of [[], ['--restart']]) {
      const running = await startCli(['--yaml', path, '--json', ...args], state);
      // Those of the run that was killed before go with --restart.
      if (args.length > 0) await untilSaid(running, 'phase write');
      await untilAcks(running, 3);
      running.child.kill('SIGKILL');
      const { code, stateFolder } = await running.result;
      expect(code).toBe(null);
      expect((await readdir(join(stateFolder, 'jobs'))).filter((name) => name.endsWith('.jsonl'))).toHaveLength(1);
      state = { stateFolder };
    }
    await faster(path);
    const again = await runYaml(path, state);
    expect(again.report.error).toBe(null);
    // Without an index only statistics can be asked, and these count rows that were sent twice as two.
    expect(again.target.rows_written).toBe(200_000);
    expect((await counts({ collection })).count).toBe(200_000);
  });
});

describe('a server that goes away in mid-run', () => {
  let server: MilvusServer;
  beforeEach(async () => {
    server = await startMilvus();
  });
  afterEach(async () => {
    signalServer('SIGCONT');
    await server[Symbol.asyncDispose]();
  });
  const signalServer = (signal: NodeJS.Signals): void => {
    if (existsSync(`/proc/${server.pid}`)) process.kill(server.pid, signal);
  };

  test('killed: exit 5 in good time, with the rows that were acknowledged', async () => {
    const keys = {
      ...(await slowTask()),
      dest_uri: `http://${server.address}`,
      dest_collection_name: 'gone',
      retry_for: 5,
    };
    const running = await startWriting(keys);
    signalServer('SIGKILL');
    const began = performance.now();
    const done = ran(await running.result);
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(done.code).toBe(5);
    expect(done.report).toMatchObject({ status: 'failed', error: { code: 'NET_UNAVAILABLE' } });
    expect(done.report.error!.message).toContain(server.address);
    expect(done.target.rows_written).toBeGreaterThan(0);
    expect(done.target.rows_written).toBeLessThan(200_000);
  });

  test('frozen: exit 5 in good time', async () => {
    const uri = `http://${server.address}`;
    const keys = { ...(await slowTask()), dest_uri: uri, dest_collection_name: 'frozen', retry_for: 5 };
    const running = await startWriting(keys);
    signalServer('SIGSTOP');
    const began = performance.now();
    const done = ran(await running.result);
    // 30 s until a connection without a sign of life is given up, 10 s for another one, and retry_for.
    expect(performance.now() - began).toBeLessThan(60_000);
    expect(done.code).toBe(5);
    expect(done.report.error!.code).toMatch(/^NET_/);
    expect(done.target.rows_written).toBeGreaterThan(0);
  });

  test('frozen for a moment: nothing is lost and nothing doubled', async () => {
    const uri = `http://${server.address}`;
    const keys = { ...(await slowTask()), dest_uri: uri, dest_collection_name: 'moment', max_rate: 20_000 };
    const running = await startWriting(keys);
    signalServer('SIGSTOP');
    await sleep(4000);
    signalServer('SIGCONT');
    const done = ran(await running.result);
    expect(done.report.error).toBe(null);
    expect(done.target).toMatchObject({ rows_written: 200_000, target_rows: 200_000 });
    expect((await counts({ uri, collection: 'moment' })).count).toBe(200_000);
  });
});
