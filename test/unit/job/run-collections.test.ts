import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Target } from '../../../src/adapters/types.js';
import type { RunOptions, TaskConfig } from '../../../src/config/types.js';
import { createJob } from '../../../src/job/job.js';
import type { Report } from '../../../src/job/report.js';
import { fail } from '../../../src/util/errors.js';
import { memoryReader } from '../../support/memory-reader.js';
import { type MemoryWriter, type MemoryWriterOptions, memoryWriter } from '../../support/memory-writer.js';
import { openCatalog, openTarget } from './fake-registry.js';
import { keysIn } from './run-support.js';
import { fileOf, taskConfig, useStateFolder, WITH_IDS, withoutWaiting } from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));

const state = useStateFolder();
const writers = new Map<string, MemoryWriter>();
beforeEach(() => writers.clear());

/** Runs a job over the collections of a catalog, each with its own memory target. */
async function runAll(
  names: readonly string[],
  targets: Readonly<Record<string, MemoryWriterOptions>> = {},
  options: Partial<RunOptions> = {},
  more: Partial<TaskConfig> = {},
  checks: Readonly<Record<string, () => Promise<void>>> = {},
): Promise<Report> {
  openCatalog.mockReset().mockResolvedValue({
    collections: names.map((name, salt) => ({
      name,
      settings: {},
      ...(checks[name] ? { check: checks[name] } : {}),
      open: async () => memoryReader(WITH_IDS, [fileOf([1, 2, 3], { name: `${name}/all`, salt })]),
    })),
    warnings: [],
    async [Symbol.asyncDispose]() {},
  });
  const target: Target = {
    server: 'memory',
    writer({ collection, mode }) {
      const writer = memoryWriter({ mode, ...targets[collection] });
      writers.set(collection, writer);
      return writer;
    },
    async [Symbol.asyncDispose]() {},
  };
  openTarget.mockReset().mockResolvedValue(target);
  const endpoint = { at: { kind: 'server', address: 'h:1', tls: false } } as const;
  const config = taskConfig(options, {
    task: 'M2M',
    collection: '',
    source: { adapter: 'milvus', endpoint, select: { '*': null } },
    ...more,
  });
  return await withoutWaiting(() => createJob(config).run());
}

/** A target whose first answer is a refusal. */
const refusing = (code: 'DST_REFUSED' | 'NET_UNAVAILABLE'): MemoryWriterOptions => ({
  misbehave: { failAck: { batch: 0, error: fail(code, 'not today') } },
});

describe('a job of several collections', () => {
  it('writes each into its own', async () => {
    const report = await runAll(['books', 'films']);
    expect(report).toMatchObject({ status: 'done', exit_code: 0, error: null });
    expect(report.targets.map((t) => [t.collection, t.source, t.rows_written, t.verified])).toStrictEqual([
      ['books', 'books/all', 3, 'sample'],
      ['films', 'films/all', 3, 'sample'],
    ]);
    for (const name of ['books', 'films']) expect(keysIn(writers.get(name)!)).toStrictEqual([1n, 2n, 3n]);
    expect(report.bytes).toBe(2 * 3 * 24);
  });

  it('goes on behind one that fails, and is then partial', async () => {
    const report = await runAll(['books', 'films', 'songs'], { films: refusing('DST_REFUSED') });
    expect(report).toMatchObject({ status: 'partial', exit_code: 7, error: { code: 'TARGETS_FAILED' } });
    expect(report.error!.message).toBe('1 of 3 collections failed: "films" (DST_REFUSED: not today)');
    expect(report.targets.map((t) => t.rows_written)).toStrictEqual([3, 0, 3]);
    expect(report.warnings.join()).toContain('"films" failed: not today');
  });

  it('stops there when told so', async () => {
    const report = await runAll(['books', 'films', 'songs'], { films: refusing('DST_REFUSED') }, { onError: 'stop' });
    expect(report).toMatchObject({ status: 'partial', exit_code: 7, error: { code: 'TARGETS_FAILED' } });
    expect([...writers.keys()]).toStrictEqual(['books', 'films']);
  });

  it('has the code of the first when all fail', async () => {
    const report = await runAll(['books', 'films'], {
      books: refusing('NET_UNAVAILABLE'),
      films: refusing('DST_REFUSED'),
    });
    expect(report).toMatchObject({ status: 'failed', exit_code: 5, error: { code: 'NET_UNAVAILABLE' } });
  });

  it('of which one is lost in part is found out, and the others stand', async () => {
    const report = await runAll(['books', 'films'], { books: { misbehave: { loseRow: 1 } } });
    expect(report).toMatchObject({ status: 'partial', exit_code: 7 });
    expect(report.error!.message).toContain('VERIFY_MISMATCH');
    expect(report.targets[1]).toMatchObject({ verified: 'sample', target_rows: 3 });
  });

  it('is skipped only when all are', async () => {
    const existing = { _default: [] };
    const all = await runAll(['books', 'films'], { books: { existing }, films: { existing } }, {}, { mode: 'skip' });
    expect(all).toMatchObject({ status: 'skipped', exit_code: 0 });
    const some = await runAll(['books', 'films'], { books: { existing } }, {}, { mode: 'skip' });
    expect(some).toMatchObject({ status: 'done', exit_code: 0 });
  });

  it('can be continued while one of them is not complete, and not any more when all are', async () => {
    const target = { collection: undefined, identity: 1 };
    const report = await runAll(['books', 'films'], { films: { ...refusing('DST_REFUSED'), target } });
    expect(report).toMatchObject({ resumable: true, error: { hint: expect.stringContaining('continues') } });
    expect(readdirSync(join(state.path, 'jobs'))).toContain(`${report.job_id}.ledger.jsonl`);
    writers.clear();
    const again = await runAll(['books', 'films'], { films: { target } });
    expect(again).toMatchObject({ status: 'done', resumable: false });
    expect(again.targets.map((t) => [t.collection, t.rows_written])).toStrictEqual([
      ['books', 3],
      ['films', 3],
    ]);
    expect([...writers.keys()]).toStrictEqual(['films']);
    expect(readdirSync(join(state.path, 'jobs'))).toStrictEqual([]);
  });

  it('is told under other names when they are mapped', async () => {
    const report = await runAll(['books'], {}, {}, { collectionMap: { books: 'titles' } });
    expect(report.targets).toMatchObject([{ source: 'books/all', collection: 'titles' }]);
  });

  it('is looked through as a whole before anything is written', async () => {
    const lacking = (message: string) => () => Promise.reject(fail('SRC_NOT_FOUND', message));
    const report = await runAll(['books', 'films', 'songs'], {}, {}, {}, { films: lacking('films lacks files') });
    expect(report).toMatchObject({ status: 'failed', exit_code: 3, targets: [] });
    expect(report.error).toMatchObject({ code: 'SRC_NOT_FOUND', message: 'films lacks files' });
    expect(openTarget).not.toHaveBeenCalled();
    const both = { films: lacking('films lacks files'), songs: lacking('songs lacks files') };
    const second = await runAll(['books', 'films', 'songs'], {}, {}, {}, both);
    expect(second.error!.message).toBe('films lacks files; songs lacks files');
    const sound = vi.fn(() => Promise.resolve());
    expect((await runAll(['books', 'films'], {}, {}, {}, { books: sound, films: sound })).status).toBe('done');
    expect(sound).toHaveBeenCalledTimes(2);
  });
});
