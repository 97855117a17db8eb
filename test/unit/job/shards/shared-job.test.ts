import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { RunOptions, TaskConfig } from '../../../../src/config/types.js';
import type { Report } from '../../../../src/job/report.js';
import { createSharedJob, type SharedStep } from '../../../../src/job/shards/shared-job.js';
import { memoryReader } from '../../../support/memory-reader.js';
import { type MemoryTargetState, memoryWriter } from '../../../support/memory-writer.js';
import { openReader, openTarget } from '../fake-registry.js';
import { run, type Scene, targetOf } from '../run-support.js';
import {
  fileOf,
  plainFile,
  storedRow,
  taskConfig,
  useStateFolder,
  WITH_IDS,
  WITHOUT_IDS,
  withoutWaiting,
} from '../support.js';

vi.mock('../../../../src/registry.js', () => import('../fake-registry.js'));

const state = useStateFolder();
const work = (): string => join(state.path, 'work');
const nothing = (): MemoryTargetState => ({ collection: undefined, identity: 1 });

const IDS = Array.from({ length: 40 }, (_, i) => (i * 7919) % 1000);
const FILES = [fileOf(IDS.slice(0, 25), { name: 'a' }), fileOf(IDS.slice(25), { name: 'b', salt: 3 })];

function configOf(scene: Scene): TaskConfig {
  return taskConfig(scene.options, { work: { type: 'local', path: work() }, ...scene.config });
}

/** One step, by a process of its own: reader and writer are new, the target is what the steps before have left. */
async function step(scene: Scene, target: MemoryTargetState, what: SharedStep, die?: number): Promise<Report> {
  const config = configOf(scene);
  const misbehave = die === undefined ? {} : { die: { from: die, stores: (batch: number) => batch % 2 === 0 } };
  const writer = memoryWriter({ mode: config.mode, ...scene.target, target, misbehave });
  openReader
    .mockReset()
    .mockImplementation(async () => memoryReader(scene.schema ?? WITH_IDS, scene.files, scene.reading));
  openTarget.mockReset().mockResolvedValue(targetOf(writer));
  return withoutWaiting(() => createSharedJob(config, what).run());
}

const prepare = (shards: number, restart = false): SharedStep => ({ kind: 'prepare', shards, restart });
const shard = (index: number, shards?: number): SharedStep => ({
  kind: 'shard',
  shard: index,
  ...(shards === undefined ? {} : { shards }),
  waitMs: 0,
});
const FINISH: SharedStep = { kind: 'finish', waitMs: 0 };

function keysOf(target: MemoryTargetState): string[] {
  return [...target.collection!.partitions.values()]
    .flat()
    .map((row) => String(row.key))
    .sort();
}

const done = { status: 'done', exit_code: 0, error: null };

describe('a job of many shards', () => {
  it('writes what one run would write, and reports the same digest', async () => {
    const whole = await run({ files: FILES });
    const target = nothing();
    const prepared = await step({ files: FILES }, target, prepare(3));
    expect(prepared).toMatchObject(done);
    expect(prepared.prepared).toMatchObject({ again: false, collections: ['books'], set_aside: 0 });
    expect(prepared.prepared!.shards.map((s) => s.rows)).toStrictEqual([13, 14, 13]);
    const reports: Report[] = [];
    for (const i of [2, 0, 1]) reports.push(await step({ files: FILES }, target, shard(i, 3)));
    for (const report of reports) expect(report).toMatchObject(done);
    expect(reports.map((r) => r.targets[0]!.rows_written)).toStrictEqual([13, 13, 14]);
    const finished = await step({ files: FILES }, target, FINISH);
    const { source: _, ...expected } = whole.report.targets[0]!;
    expect(finished).toMatchObject({ ...done, targets: [expected], warnings: [] });
    expect(keysOf(target)).toStrictEqual(IDS.map(String).sort());
  });

  const SCENES: [string, Scene][] = [
    ['into a new target', { files: FILES, config: { mode: 'overwrite' } }],
    [
      'beside rows of others',
      { files: FILES, target: { existing: { _default: [storedRow(BigInt(IDS[3]!)), storedRow(5000n)] } } },
    ],
    ['with a short preflight', { files: FILES, options: { preflight: 'headers', onDuplicateId: 'first' } }],
    ['without ids', { files: [plainFile(25, 'a'), plainFile(15, 'b')], schema: WITHOUT_IDS }],
  ];
  const deaths = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 5 })), { maxLength: 5 });
  it.each(SCENES)('survives any number of deaths %s: no row twice, none missing', async (_, scene) => {
    await fc.assert(
      fc.asyncProperty(deaths, async (list) => {
        rmSync(work(), { recursive: true, force: true });
        const target = nothing();
        expect(await step(scene, target, prepare(3))).toMatchObject(done);
        for (const [index, batch] of list) await step(scene, target, shard(index), batch);
        for (const index of [0, 1, 2]) expect(await step(scene, target, shard(index))).toMatchObject(done);
        const finished = await step(scene, target, FINISH);
        expect(finished.error).toBe(null);
        expect(finished.targets[0]).toMatchObject({ rows_read: 40, rows_written: 40 });
        const before = Object.values(scene.target?.existing ?? {}).flat();
        const ids = scene.schema ? Array.from({ length: 40 }, (_, i) => i) : IDS;
        expect(keysOf(target)).toStrictEqual([...before.map((r) => String(r.key)), ...ids.map(String)].sort());
      }),
      { numRuns: Number(process.env.SOAK_RUNS ?? 3) },
    );
  });

  it('leaves out what preflight has found to be left out', async () => {
    const twice = [...IDS.slice(0, 20), ...IDS.slice(0, 20)];
    const scene: Scene = { files: [fileOf(twice)], options: { onDuplicateId: 'first' } };
    const target = nothing();
    await step(scene, target, prepare(2));
    for (const index of [0, 1])
      expect(await step(scene, target, shard(index))).toMatchObject({ ...done, warnings: [] });
    const { targets, error, warnings } = await step(scene, target, FINISH);
    expect(error).toBe(null);
    expect(warnings.join()).toContain('ids that occur more than once: 20, 20 rows too many');
    expect(targets[0]).toMatchObject({ rows_read: 40, rows_written: 20, rows_skipped: 20, duplicates: 20 });
    expect(keysOf(target)).toStrictEqual(IDS.slice(0, 20).map(String).sort());
  });

  it('deals out splits as they are where they cannot be cut, and says that shards are idle', async () => {
    const scene: Scene = { files: FILES, reading: { whole: true } };
    const target = nothing();
    const { prepared, warnings } = await step(scene, target, prepare(3));
    expect(prepared!.shards.map((s) => s.rows)).toStrictEqual([25, 15, 0]);
    expect(warnings).toStrictEqual(['of 3 shards 1 get no rows: the source does not come in more parts']);
    for (const index of [0, 1, 2]) expect(await step(scene, target, shard(index))).toMatchObject(done);
    expect(await step(scene, target, FINISH)).toMatchObject(done);
    expect(keysOf(target)).toHaveLength(40);
  });
});

describe('finishing', () => {
  it('is refused, naming them, while shards are not done, and gives the same report when it is done again', async () => {
    const target = nothing();
    expect((await step({ files: FILES }, target, FINISH)).error).toMatchObject({ code: 'STORE_NOT_FOUND' });
    await step({ files: FILES }, target, prepare(4));
    await step({ files: FILES }, target, shard(1));
    await step({ files: FILES }, target, shard(2), 1);
    const refused = await step({ files: FILES }, target, { kind: 'finish', waitMs: 30 });
    expect(refused).toMatchObject({ status: 'failed', exit_code: 4, error: { code: 'SHARDS_UNFINISHED' } });
    expect(refused.error!.message).toBe('3 of 4 shards are not done: shards 0, 2, 3');
    for (const index of [0, 2, 3]) await step({ files: FILES }, target, shard(index));
    const first = await step({ files: FILES }, target, FINISH);
    expect(first).toMatchObject(done);
    expect(await step({ files: FILES }, target, FINISH)).toStrictEqual(first);
  });

  it('fails where the shards have not written what was read', async () => {
    const target = nothing();
    await step({ files: FILES }, target, prepare(2));
    for (const index of [0, 1]) await step({ files: FILES }, target, shard(index));
    target.collection!.partitions.get('_default')!.pop();
    const report = await step({ files: FILES }, target, FINISH);
    expect(report).toMatchObject({ exit_code: 6, error: { code: 'VERIFY_MISMATCH' } });
  });

  it('fails where the ledger of a shard has lost lines', async () => {
    const target = nothing();
    await step({ files: FILES }, target, prepare(2));
    for (const index of [0, 1]) await step({ files: FILES }, target, shard(index));
    rmSync(join(work(), 'shards/1/ledger'), { recursive: true });
    const report = await step({ files: FILES }, target, FINISH);
    expect(report.error).toMatchObject({ code: 'JOB_DAMAGED', message: expect.stringContaining('shard 1') });
  });
});

describe('a shard', () => {
  it('waits for the plan, and not for ever', async () => {
    const report = await step({ files: FILES }, nothing(), shard(0));
    expect(report).toMatchObject({ exit_code: 5, error: { code: 'JOB_UNPREPARED' } });
  });

  it('that is done is not written again', async () => {
    const target = nothing();
    await step({ files: FILES }, target, prepare(2));
    const first = await step({ files: FILES }, target, shard(0));
    const again = await step({ files: FILES }, target, shard(0));
    expect(again).toMatchObject({ ...done, targets: first.targets, warnings: ['shard 0 was done before'] });
    expect(keysOf(target)).toHaveLength(20);
  });

  it('is refused under another number than the job has', async () => {
    const target = nothing();
    await step({ files: FILES }, target, prepare(2));
    for (const what of [shard(2), shard(0, 3)]) {
      expect((await step({ files: FILES }, target, what)).error).toMatchObject({ code: 'USAGE' });
    }
  });

  it('and the end are refused with another YAML, naming the keys', async () => {
    const target = nothing();
    await step({ files: FILES }, target, prepare(2));
    const other: Scene = { files: FILES, config: { mode: 'overwrite', collection: 'journals' } };
    for (const what of [shard(0), FINISH, prepare(2)]) {
      const { error } = await step(other, target, what);
      expect(error).toMatchObject({ code: 'CFG_CONFLICT' });
      expect(error!.message).toContain(
        'dest_collection_name was "books", now "journals"; mode was "append", now "overwrite"',
      );
    }
    const tuning: Partial<RunOptions> = { batchBytes: 1000, parallelism: 1, verify: 'none' };
    expect(await step({ files: FILES, options: tuning }, target, shard(0))).toMatchObject(done);
  });

  it('is refused when a source has changed, naming it', async () => {
    const target = nothing();
    await step({ files: FILES }, target, prepare(2));
    const changed = [
      fileOf(
        IDS.slice(0, 25).map((id) => id + 1),
        { name: 'a' },
      ),
      FILES[1]!,
    ];
    for (const index of [0, 1]) {
      const report = await step({ files: changed }, target, shard(index));
      expect(report).toMatchObject({ exit_code: 3, error: { code: 'SRC_CHANGED' } });
      expect(report.error!.message).toContain('a is not what it was');
    }
  });

  it('is refused when somebody has made the target anew', async () => {
    const target = nothing();
    await step({ files: FILES }, target, prepare(2));
    target.identity++;
    expect((await step({ files: FILES }, target, shard(0))).error).toMatchObject({ code: 'DST_UNFINISHED' });
  });
});

describe('preparing', () => {
  it('again changes nothing; with --restart it starts over; after the end it is a new job', async () => {
    const target = nothing();
    await step({ files: FILES }, target, prepare(2));
    await step({ files: FILES }, target, shard(0));
    const again = await step({ files: FILES }, target, prepare(2));
    expect(again).toMatchObject({ ...done, prepared: { again: true } });
    expect(keysOf(target)).toHaveLength(20);
    expect((await step({ files: FILES }, target, prepare(3))).error).toMatchObject({ code: 'CFG_CONFLICT' });
    expect(await step({ files: FILES }, target, prepare(3, true))).toMatchObject({
      ...done,
      prepared: { again: false },
    });
    expect(keysOf(target)).toStrictEqual([]);
    for (const index of [0, 1, 2]) await step({ files: FILES }, target, shard(index));
    expect(await step({ files: FILES }, target, FINISH)).toMatchObject(done);
    const scene: Scene = { files: FILES, config: { mode: 'overwrite' } };
    expect(await step(scene, target, prepare(2))).toMatchObject({ ...done, prepared: { again: false } });
    expect(keysOf(target)).toStrictEqual([]);
  });

  it('that was cut short is continued', async () => {
    const target = nothing();
    let gone = true;
    const scene: Scene = {
      files: FILES,
      target: {
        before(name) {
          if (name === 'prepare' && gone) throw new Error('the machine is gone');
        },
      },
    };
    expect((await step(scene, target, prepare(2))).status).toBe('failed');
    expect((await step(scene, target, shard(0))).error).toMatchObject({ code: 'JOB_UNPREPARED' });
    gone = false;
    expect(await step(scene, target, prepare(2))).toMatchObject({ ...done, prepared: { again: false } });
    for (const index of [0, 1]) await step(scene, target, shard(index));
    expect(await step(scene, target, FINISH)).toMatchObject(done);
  });

  it('is refused, before the target is touched, where a death could not be settled', async () => {
    const scenes: [Scene, string][] = [
      [{ files: [plainFile(40)], schema: WITHOUT_IDS, target: { autoId: true } }, 'the server makes its keys'],
      [{ files: [fileOf([...IDS, ...IDS])] }, 'several times'],
      [{ files: FILES, options: { preflight: 'headers' } }, 'is not known'],
    ];
    for (const [scene, why] of scenes) {
      rmSync(work(), { recursive: true, force: true });
      const target = nothing();
      const { error } = await step(scene, target, prepare(2));
      expect(error).toMatchObject({ code: 'CFG_CONFLICT', message: expect.stringContaining(why) });
      expect(target.collection).toBe(undefined);
      rmSync(work(), { recursive: true, force: true });
      expect(await step(scene, target, prepare(1))).toMatchObject(done);
    }
  });

  it('leaves a target alone that exists (mode skip), and so do the shards', async () => {
    const target = nothing();
    const scene: Scene = {
      files: FILES,
      config: { mode: 'skip' },
      target: { existing: { _default: [storedRow(7n)] } },
    };
    expect(await step(scene, target, prepare(2))).toMatchObject(done);
    for (const index of [0, 1]) expect(await step(scene, target, shard(index))).toMatchObject({ status: 'skipped' });
    expect(await step(scene, target, FINISH)).toMatchObject({ status: 'skipped', exit_code: 0 });
    expect(keysOf(target)).toStrictEqual(['7']);
  });

  it('puts no secret into the shared place', async () => {
    const source: TaskConfig['source'] = {
      adapter: 'hdf5',
      files: [{ path: '/data/a.h5' }],
      dataset: 'embeddings',
      idsDataset: 'ids',
      idsOptional: true,
      columns: {},
    };
    const at = { kind: 'server' as const, address: 'm:19530', tls: false };
    const scene: Scene = {
      files: FILES,
      config: { source, dest: { at, token: 'T0KEN-secret', password: 'pa55word-secret', user: 'u' } },
    };
    await step(scene, nothing(), prepare(1));
    const texts = readdirSync(work(), { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((f) => f.isFile())
      .map((f) => readFileSync(join(f.parentPath, f.name), 'utf8'));
    expect(texts.length).toBeGreaterThan(1);
    expect(texts.join('\n')).not.toContain('secret');
  });
});
