import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { fail } from '../../../src/util/errors.js';
import type { MemoryTargetState, MemoryWriterOptions, Misbehaviour } from '../../support/memory-writer.js';
import { keysIn, run, type Scene } from './run-support.js';
import { fileOf, plainFile, ROW_BYTES, storedRow, useStateFolder, WITHOUT_IDS } from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));

const state = useStateFolder();

const nothing = (): MemoryTargetState => ({ collection: undefined, identity: 1 });
const jobs = (): string[] => readdirSync(join(state.path, 'jobs'));

/** Runs until it dies at batch `from`, where `stores` says which batches reach the target although no ack comes back. */
function dying(scene: Scene, target: MemoryTargetState, from: number, stores: (batch: number) => boolean) {
  return run({ ...scene, target: { ...scene.target, target, misbehave: { die: { from, stores } } } });
}

function continuing(scene: Scene, target: MemoryTargetState, misbehave: Misbehaviour = {}) {
  return run({ ...scene, target: { ...scene.target, target, misbehave } });
}

/** Continues at a target that shows its rows behind `late.from` only in look number `late.at`. */
async function continuingLate(
  scene: Scene,
  target: MemoryTargetState,
  look: 'countCopies' | 'countExactly',
  late: { readonly from: number; readonly at: number },
) {
  const rows = target.collection!.partitions.get('_default')!;
  const hidden = rows.splice(late.from);
  let looks = 0;
  const before = (step: string): void => {
    if (step === look && ++looks === late.at) rows.push(...hidden);
  };
  const { report } = await run({ ...scene, target: { ...scene.target, target, before } });
  return { report, looks };
}

function sorted(keys: readonly (bigint | string)[]): (bigint | string)[] {
  return [...keys].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

const IDS = Array.from({ length: 40 }, (_, i) => (i * 7919) % 1000);
const TWO = Array.from({ length: 40 }, (_, i) => i % 25);

describe('a run that died', () => {
  it.each(['append', 'skip', 'overwrite'] as const)('goes on where it ended (mode %s)', async (mode) => {
    const target = nothing();
    const scene: Scene = { files: [fileOf(IDS)], config: { mode } };
    const first = await dying(scene, target, 4, () => false);
    expect(first.report).toMatchObject({ status: 'failed', exit_code: 5, resumable: true });
    expect(first.report.targets[0]!.rows_written).toBe(12);
    const again = await continuing(scene, target);
    expect(again.report).toMatchObject({ status: 'done', resumable: false, error: null });
    expect(again.report.targets[0]).toMatchObject({ rows_read: 40, rows_written: 40, verified: 'sample' });
    expect(again.writer.steps.filter((s) => s.startsWith('write'))).toHaveLength(10);
    expect(sorted(keysIn(again.writer))).toStrictEqual(sorted(IDS.map(BigInt)));
    expect(jobs()).toStrictEqual([]);
  });

  it('has the same digest at the end, also where that is taken while copying', async () => {
    const scene: Scene = { files: [fileOf(IDS)], options: { preflight: 'headers', onDuplicateId: 'error' } };
    const whole = await run(scene);
    const target = nothing();
    await dying(scene, target, 5, (batch) => batch === 5);
    const again = await continuing(scene, target);
    expect(again.report.targets[0]!.digest).toBe(whole.report.targets[0]!.digest);
    expect(again.report.targets[0]!.digest).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is refused when its source has changed, and starts over with --restart', async () => {
    const target = nothing();
    await dying({ files: [fileOf(IDS)] }, target, 4, () => false);
    const other = { files: [fileOf(IDS.map((id) => id + 1))] };
    const refused = await continuing(other, target);
    expect(refused.report).toMatchObject({ exit_code: 3, error: { code: 'SRC_CHANGED' }, resumable: true });
    expect(refused.report.error!.hint).toContain('--restart');
    const restarted = await continuing({ ...other, options: { restart: true } }, target);
    expect(restarted.report).toMatchObject({ status: 'done', resumable: false });
    expect(sorted(keysIn(restarted.writer))).toStrictEqual(sorted(IDS.map((id) => BigInt(id + 1))));
  });

  it('is refused when somebody has made the target anew', async () => {
    const target = nothing();
    await dying({ files: [fileOf(IDS)] }, target, 4, () => false);
    target.identity++;
    const { report } = await continuing({ files: [fileOf(IDS)] }, target);
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'DST_UNFINISHED' } });
  });

  it('with --restart leaves rows alone that were there before', async () => {
    const target: MemoryTargetState = nothing();
    const existing = { _default: [storedRow(5000n)] };
    const scene: Scene = { files: [fileOf(IDS)], target: { existing } };
    await dying(scene, target, 4, () => false);
    const { report, writer } = await continuing({ ...scene, options: { restart: true } }, target);
    expect(report.status).toBe('done');
    expect(report.warnings.join()).toContain('12 rows of the run that is given up stay');
    expect(keysIn(writer)).toHaveLength(1 + 12 + 40);
  });

  it('gives row numbers as ids from where it began', async () => {
    const target = nothing();
    const scene: Scene = {
      schema: WITHOUT_IDS,
      files: [plainFile(40)],
      options: { idStart: 'auto' },
      target: { existing: { _default: [storedRow(99n)] } },
    };
    await dying(scene, target, 4, (batch) => batch === 4);
    const { report, writer } = await continuing(scene, target);
    expect(report.status).toBe('done');
    expect(sorted(keysIn(writer))).toStrictEqual(Array.from({ length: 41 }, (_, i) => BigInt(99 + i)));
  });

  it('of an auto-id target is settled by its number of rows', async () => {
    for (const stored of [true, false]) {
      const target = nothing();
      const scene: Scene = { schema: WITHOUT_IDS, files: [plainFile(40)], target: { autoId: true, parallelism: 4 } };
      const first = await dying(scene, target, 4, () => stored);
      expect(first.writer.mostInFlight).toBe(1);
      const { report, writer } = await continuing(scene, target);
      expect(report.error).toBe(null);
      expect(keysIn(writer)).toHaveLength(40);
    }
  });

  it.each([
    ['with ids', { files: [fileOf(TWO)] }, 'countCopies'],
    [
      'with keys of the target',
      { schema: WITHOUT_IDS, files: [plainFile(40)], target: { autoId: true } },
      'countExactly',
    ],
  ] as const)('is settled by what a slow server does late: %s', async (_, scene: Scene, look) => {
    const target = nothing();
    await dying(scene, target, 4, (batch) => batch === 4);
    // The second look finds what the first did not.
    const { report, looks } = await continuingLate(scene, target, look, { from: 16, at: 2 });
    expect(report.error).toBe(null);
    expect(looks).toBeGreaterThanOrEqual(2);
    expect(target.collection!.partitions.get('_default')).toHaveLength(40);
  });

  it('of an auto-id target is settled when the rest of a batch comes, after looks that show the same part of it', async () => {
    const target = nothing();
    const scene: Scene = { schema: WITHOUT_IDS, files: [plainFile(40)], target: { autoId: true } };
    await dying(scene, target, 4, (batch) => batch === 4);
    const { report } = await continuingLate(scene, target, 'countExactly', { from: 17, at: 4 });
    expect(report.error).toBe(null);
    expect(target.collection!.partitions.get('_default')).toHaveLength(40);
  });

  it('of an auto-id target is not continued when the number of rows explains nothing', async () => {
    const target = nothing();
    const scene: Scene = { schema: WITHOUT_IDS, files: [plainFile(40)], target: { autoId: true } };
    await dying(scene, target, 4, () => false);
    target.collection!.partitions.get('_default')!.pop();
    const { report } = await continuing(scene, target);
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'DST_UNFINISHED' } });
    expect(report.error!.message).toContain('15 rows where 16 or 20 are expected');
  });

  it('while it made the target begins with that again', async () => {
    const target = nothing();
    const scene: Scene = { files: [fileOf(IDS)], config: { mode: 'skip' } };
    const dead = await run({
      ...scene,
      target: {
        target,
        before(step) {
          if (step === 'prepare') throw fail('NET_UNAVAILABLE', 'gone');
        },
      },
    });
    expect(dead.report).toMatchObject({ exit_code: 5, resumable: true });
    const { report, writer } = await continuing(scene, target);
    expect(report.status).toBe('done');
    expect(keysIn(writer)).toHaveLength(40);
  });

  it('while it was verified does not write again', async () => {
    const target = nothing();
    const scene: Scene = { files: [fileOf(IDS)] };
    await run({
      ...scene,
      target: {
        target,
        before(step) {
          if (step === 'countRows') throw fail('NET_UNAVAILABLE', 'gone');
        },
      },
    });
    const { report, writer } = await continuing(scene, target);
    expect(report.targets[0]).toMatchObject({ rows_written: 40, verified: 'sample' });
    expect(writer.steps.filter((s) => s.startsWith('write'))).toStrictEqual([]);
    expect(writer.steps).toContain('findRows');
  });
});

describe('any number of deaths', () => {
  const RUNS = Number(process.env.SOAK_RUNS ?? 6);
  const deaths = fc.array(fc.record({ from: fc.integer({ min: 0, max: 8 }), mask: fc.integer({ min: 0, max: 255 }) }), {
    maxLength: 4,
  });
  const foreign = (ids: readonly number[]): MemoryWriterOptions => ({
    existing: { _default: ids.map((id) => storedRow(BigInt(id))) },
  });
  const cases: readonly [string, Scene, readonly number[]][] = [
    ['into a new target', { files: [fileOf(IDS)] }, []],
    ['with copies of ids', { files: [fileOf(TWO)] }, []],
    [
      'with copies of ids whose preflight looked at headers only',
      { files: [fileOf(TWO)], options: { preflight: 'headers' } },
      [],
    ],
    ['beside rows of others', { files: [fileOf(IDS)], target: foreign([5000, 5001]) }, [5000, 5001]],
    [
      'beside rows of others with the same ids',
      { files: [fileOf(IDS)], target: foreign(IDS.slice(5, 20)) },
      IDS.slice(5, 20),
    ],
    [
      'beside copies of rows of others with the same ids',
      { files: [fileOf(IDS)], target: foreign([...IDS.slice(5, 20), ...IDS.slice(10, 15)]) },
      [...IDS.slice(5, 20), ...IDS.slice(10, 15)],
    ],
    [
      'with copies of ids beside rows of others with the same ids',
      { files: [fileOf(TWO)], target: foreign([3, 3, 4, 24]) },
      [3, 3, 4, 24],
    ],
    ['into a target that keeps one copy', { files: [fileOf(IDS)], target: { deduplicates: true } }, []],
  ];

  it.each(cases)('%s lose nothing and double nothing', { timeout: 300_000 }, async (_, scene, before) => {
    const ids = scene.files[0]!.columns[0] as BigInt64Array;
    const expected = sorted([...ids, ...before.map(BigInt)]);
    await fc.assert(
      fc.asyncProperty(deaths, fc.integer({ min: 1, max: 4 }), async (list, parallelism) => {
        const target = nothing();
        const wide: Scene = { ...scene, target: { ...scene.target, parallelism } };
        for (const [i, { from, mask }] of list.entries()) {
          const options = { ...scene.options, batchBytes: ROW_BYTES * (2 + ((i + parallelism) % 3)) };
          const { report } = await dying(
            { ...wide, options },
            target,
            from,
            (batch) => ((mask >> (batch % 8)) & 1) === 1,
          );
          if (report.status === 'done') break;
        }
        if (list.length === 0 || jobs().length > 0) {
          const { report } = await continuing(wide, target);
          expect(report.error).toBe(null);
        }
        expect(sorted(target.collection!.partitions.get('_default')!.map((row) => row.key))).toStrictEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });
});
