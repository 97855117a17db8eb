import { afterAll, describe, expect, test } from 'vitest';
import { dropCollections } from '../e2e/support.js';
import { jobOf, killAndFinish, settle } from './harness.js';
import { KILLS, randomFor, SEED } from './random.js';
import { describeScenario, PACED, prepare, ROWS, type Scenario, type TaskType } from './scenarios.js';

afterAll(dropCollections);

/** Acknowledgements of an undisturbed run: batches of 64 KiB of rows with 64 floats and an id. */
const ACKS = Math.floor((ROWS * 264) / (64 * 1024));

const FILES: readonly Omit<Scenario, 'task'>[] = [
  { ids: 'unique' },
  { ids: 'unique', mode: 'append', foreign: 'other ids', loaded: true },
  { ids: 'unique', mode: 'append', foreign: 'our ids', loaded: true },
  { ids: 'unique', mode: 'skip', verify: 'count' },
  { ids: 'none', mode: 'append', autoId: true },
];
const SCENARIOS: Readonly<Record<TaskType, readonly Omit<Scenario, 'task'>[]>> = {
  H2M: [
    ...FILES,
    { ids: 'pairs' },
    { ids: 'pairs', mode: 'append', foreign: 'other ids', loaded: true },
    { ids: 'text' },
    { ids: 'text', mode: 'append', loaded: true },
    { ids: 'unique', partitions: true },
    { ids: 'pairs', partitions: true, mode: 'append', foreign: 'our ids', loaded: true },
  ],
  F2M: FILES,
  M2M: [
    { ids: 'unique' },
    { ids: 'unique', partitions: true },
    { ids: 'text', partitions: true },
    { ids: 'unique', mode: 'append', foreign: 'other ids', loaded: true },
    { ids: 'unique', mode: 'append', foreign: 'our ids', loaded: true },
    { ids: 'text', mode: 'skip' },
  ],
  M2H: [{ ids: 'unique' }, { ids: 'unique', partitions: true }, { ids: 'text', partitions: true }],
};

describe.concurrent(`kill -9 and the same command again (SEED=${SEED}, KILLS=${KILLS})`, () => {
  test.for(['H2M', 'F2M', 'M2M', 'M2H'] as const)(
    '%s: nothing lost, nothing doubled',
    { timeout: 300_000 + KILLS * 120_000 },
    async (task) => {
      const random = randomFor(task);
      const list = SCENARIOS[task];
      expect(PACED.batch_bytes).toBe('64KiB');
      let next = random.between(0, list.length - 1);
      for (let made = 0; made < KILLS; next++) {
        const scenario: Scenario = { task, ...list[next % list.length]! };
        const prepared = await prepare(scenario);
        const job = await jobOf(prepared);
        const kills = await killAndFinish(job, random, Math.min(KILLS - made, random.between(1, 6)), ACKS);
        await settle(prepared, describeScenario(scenario), 'kill', kills);
        made += kills;
      }
    },
  );
});
