import { afterAll, describe, expect, inject, test } from 'vitest';
import { sleep } from '../../src/util/abort.js';
import { dropCollections } from '../e2e/support.js';
import { type FaultyProxy, startProxy } from '../support/proxy.js';
import { acksOf, type Job, jobOf, settle } from './harness.js';
import { KILLS, type Random, randomFor, SEED } from './random.js';
import { describeScenario, prepare, type Scenario } from './scenarios.js';

afterAll(dropCollections);

const FAULTS = [
  'cut',
  'half-close',
  'stall',
  'delay',
  'refuse',
  'cut behind a byte',
  'answer cut behind a byte',
] as const;
type NetworkFault = (typeof FAULTS)[number];

async function strike(proxy: FaultyProxy, fault: NetworkFault, random: Random): Promise<void> {
  if (fault === 'cut' || fault === 'half-close') proxy.strike(fault);
  else if (fault === 'cut behind a byte') proxy.strikeAfter('up', random.between(1, 200_000), 'cut');
  else if (fault === 'answer cut behind a byte') proxy.strikeAfter('down', random.between(1, 20_000), 'cut');
  else {
    if (fault === 'stall') proxy.strike('stall');
    else if (fault === 'delay') proxy.delay(random.between(50, 400));
    else {
      proxy.refuse();
      proxy.strike('cut');
    }
    await sleep(random.between(100, 2500));
    proxy.heal();
  }
}

/** Runs the job while faults befall its network, again after every exit 5, until it is done. Gives the number of faults. */
async function runThrough(job: Job, proxy: FaultyProxy, random: Random, faults: number): Promise<number> {
  // One is certain, however late this process is at the others.
  proxy.strikeAfter('up', random.between(1_000_000, 2_000_000), 'cut');
  let made = 1;
  for (let runs = 0; runs < 30; runs++) {
    const running = await job.start();
    let over = false;
    const result = running.result.finally(() => {
      over = true;
    });
    while (!over && !running.stderr().includes('phase write')) await sleep(5);
    while (!over && made < faults) {
      const goal = acksOf(job) + random.between(1, 8);
      const end = Date.now() + 5000;
      while (!over && acksOf(job) < goal && Date.now() < end) await sleep(2);
      if (over) break;
      await strike(proxy, random.pick(FAULTS), random);
      made++;
    }
    const { code, stdout, stderr } = await result;
    proxy.heal();
    if (code === 0) return made;
    expect(code, `${stdout}\n${stderr}\nSEED=${SEED}`).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({ resumable: true, error: { code: expect.stringMatching(/^NET_/) } });
  }
  throw new Error(`the job did not end within 30 runs; SEED=${SEED}`);
}

const SCENARIOS: readonly Scenario[] = [
  { task: 'H2M', ids: 'unique' },
  { task: 'H2M', ids: 'pairs', mode: 'append', foreign: 'our ids', loaded: true },
  { task: 'F2M', ids: 'unique', mode: 'append', foreign: 'other ids', loaded: true },
  { task: 'H2M', ids: 'none', mode: 'append', autoId: true },
  { task: 'M2M', ids: 'text', partitions: true },
];

describe.concurrent(`faults of the network (SEED=${SEED})`, () => {
  test.for(SCENARIOS.map((s) => [describeScenario(s), s] as const))(
    '%s: every run ends done or resumable, nothing lost, nothing doubled',
    { timeout: 600_000 + KILLS * 60_000 },
    async ([what, scenario]) => {
      await using proxy = await startProxy(inject('milvusAddress'));
      const prepared = await prepare({ ...scenario, seenAt: `http://${proxy.address}` });
      const job = await jobOf({ ...prepared, keys: { ...prepared.keys, retry_for: 20 } });
      const made = await runThrough(job, proxy, randomFor(`network ${what}`), Math.ceil(KILLS / 2));
      expect(proxy.faults).toBeGreaterThan(0);
      await settle(prepared, `network: ${what}`, 'fault', made);
    },
  );
});
