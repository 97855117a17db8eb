import { readdirSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { dropCollections, ran } from '../e2e/support.js';
import { untilAcks } from '../support/ledger.js';
import { smallDisk } from '../support/small-disk.js';
import { jobOf, settle } from './harness.js';
import { prepare } from './scenarios.js';

afterAll(dropCollections);

const MIB = 1024 * 1024;

describe.concurrent('a full disk', () => {
  test('under the state folder stops the run, which then goes on', async () => {
    await using disk = await smallDisk(4 * MIB);
    const prepared = await prepare({ task: 'H2M', ids: 'pairs', mode: 'append', foreign: 'other ids', loaded: true });
    const job = await jobOf(prepared, join(disk.path, 'state'));
    const running = await job.start({ slowly: true });
    await untilAcks(running, 5);
    await fill(disk.path);
    const stopped = ran(await running.result);
    expect(stopped.report.error, stopped.stderr).toMatchObject({
      code: 'ENV_STATE',
      message: expect.stringMatching(/ledger.*disk is full/),
    });
    await disk.resize(16 * MIB);
    expect(await job.run()).toMatchObject({ code: 0, report: { status: 'done', error: null } });
    await settle(prepared, 'disk full under the ledger', 'fault', 1);
  });

  test('under the log alone does not stop the run', async () => {
    await using disk = await smallDisk(64 * 1024);
    const prepared = await prepare({ task: 'H2M', ids: 'unique' });
    const job = await jobOf(prepared);
    await mkdir(job.stateFolder, { mode: 0o700 });
    await symlink(disk.path, join(job.stateFolder, 'logs'));
    await fill(disk.path);
    expect(await job.run()).toMatchObject({ code: 0, report: { status: 'done', error: null } });
    await settle(prepared, 'disk full under the log', 'fault', 1);
  });

  test('under the archive is refused by name, leaves no half file, and the next run is whole', async () => {
    await using disk = await smallDisk(2 * MIB);
    const prepared = await prepare({ task: 'M2H', ids: 'unique' });
    const data_dir = join(disk.path, 'archive');
    const job = await jobOf({ ...prepared, keys: { ...prepared.keys, data_dir } });
    const stopped = await job.run();
    expect(stopped.code).toBe(4);
    expect(stopped.report.error, stopped.stderr).toMatchObject({ code: 'DST_STORAGE' });
    expect(archives(disk.path)).toEqual([]);
    await disk.resize(64 * MIB);
    expect(await job.run()).toMatchObject({ code: 0, report: { status: 'done', error: null } });
    expect(archives(disk.path)).toHaveLength(1);
  });
});

/** Fills a file system to its last byte. */
async function fill(folder: string): Promise<void> {
  const path = join(folder, 'filler');
  await writeFile(path, Buffer.alloc(64 * MIB)).catch(() => {});
}

/** Finished files of archives. */
function archives(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.h5'));
}
