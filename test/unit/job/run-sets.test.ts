import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type GatheringOptions, gathering, type SetDeath, type SetServer } from '../../support/memory-sets.js';
import type { MemoryTargetState } from '../../support/memory-writer.js';
import { keysIn, run, type Scene } from './run-support.js';
import { fileOf, plainFile, storedRow, useStateFolder, WITHOUT_IDS } from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));

const state = useStateFolder();
const IDS = Array.from({ length: 40 }, (_, i) => (i * 7919) % 1000);

/** Runs of one job on one target: forty rows, three batches in a set. */
function runs(scene: Scene) {
  const target: MemoryTargetState = { collection: undefined, identity: 1 };
  const server: SetServer = new Map();
  const asked: string[] = [];
  return {
    target,
    asked,
    run: (die?: GatheringOptions['die']) =>
      run({
        ...scene,
        target: { ...scene.target, target },
        wrap: (writer) => {
          const made = gathering(writer, { server, batchesPerSet: 3, ...(die ? { die } : {}) });
          asked.splice(0);
          const { settleSets } = made;
          return {
            ...made,
            get collection() {
              return writer.collection;
            },
            settleSets: async (tasks) => {
              const fates = await settleSets!(tasks);
              asked.push(...made.asked.map((text) => text.replace(/^\S+ /, '')));
              return fates;
            },
          };
        },
      }),
  };
}

function sorted(keys: readonly (bigint | string)[]): string[] {
  return keys.map(String).sort();
}

describe('a run by sets of files', () => {
  it('writes every row once, and its samples and digests are those of any other run', async () => {
    const whole = await run({ files: [fileOf(IDS)] });
    const { report, writer } = await runs({ files: [fileOf(IDS)] }).run();
    expect(report).toMatchObject({ status: 'done', error: null });
    expect(report.targets).toEqual(whole.report.targets);
    expect(sorted(keysIn(writer))).toEqual(sorted(IDS.map(BigInt)));
  });

  it.each<[SetDeath, string[]]>([
    ['unsent', ['no task']],
    ['landed', ['its task']],
    ['unanswered', ['no task']],
    ['forgotten', ['its task']],
  ])('that died goes on, each row once: the set was %s', async (how, asked) => {
    const job = runs({ files: [fileOf(IDS)] });
    const first = await job.run({ set: 1, how });
    expect(first.report).toMatchObject({ exit_code: 5, resumable: true });
    expect(first.report.targets[0]!.rows_written).toBe(9);
    const again = await job.run();
    expect(again.report).toMatchObject({ status: 'done', resumable: false, error: null });
    expect(job.asked).toEqual(asked);
    expect(again.report.targets[0]).toMatchObject({ rows_read: 40, rows_written: 40, verified: 'sample' });
    expect(sorted(keysIn(again.writer))).toEqual(sorted(IDS.map(BigInt)));
    const whole = await run({ files: [fileOf(IDS)] });
    expect(again.report.targets[0]!.digest).toBe(whole.report.targets[0]!.digest);
    expect(readdirSync(join(state.path, 'jobs'))).toEqual([]);
  });

  it('that died twice in the same rows asks for both sets', async () => {
    const job = runs({ files: [fileOf(IDS)] });
    await job.run({ set: 0, how: 'unsent' });
    await job.run({ set: 0, how: 'landed' });
    const { report, writer } = await job.run();
    expect(report.error).toBe(null);
    expect(job.asked).toEqual(['no task', 'its task']);
    expect(sorted(keysIn(writer))).toEqual(sorted(IDS.map(BigInt)));
  });

  it.each([
    ['makes the keys itself', { schema: WITHOUT_IDS, files: [plainFile(40)], target: { autoId: true } }],
    ['has rows of others', { files: [fileOf(IDS)], target: { existing: { _default: [storedRow(5000n)] } } }],
  ] as [string, Scene][])('does not guess when the server has forgotten a set and %s', async (_, scene) => {
    const job = runs(scene);
    await job.run({ set: 0, how: 'forgotten' });
    const { report } = await job.run();
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'DST_UNFINISHED' } });
    expect(report.error!.message).toMatch(/forgotten the imports of (9|12) rows/);
  });
});
