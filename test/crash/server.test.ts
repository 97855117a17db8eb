import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { untilAcks } from '../support/ledger.js';
import { type MilvusServer, startMilvus } from '../support/milvus-server.js';
import { jobOf, settle } from './harness.js';
import { KILLS, randomFor, SEED } from './random.js';
import { describeScenario, prepare, type Scenario } from './scenarios.js';

const SCENARIOS: readonly Scenario[] = [
  { task: 'H2M', ids: 'unique' },
  { task: 'H2M', ids: 'pairs', mode: 'append', foreign: 'other ids', loaded: true },
  { task: 'F2M', ids: 'none', mode: 'append', autoId: true },
];

describe(`a server that is killed and started again in mid-run (SEED=${SEED})`, () => {
  let server: MilvusServer;
  beforeAll(async () => {
    server = await startMilvus();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test.for(SCENARIOS.slice(0, KILLS > 10 ? undefined : 2).map((s) => [describeScenario(s), s] as const))(
    '%s',
    async ([what, scenario]) => {
      const random = randomFor(`server ${what}`);
      const prepared = await prepare({ ...scenario, uri: `http://${server.address}` });
      // Long enough for the run itself to see the server come back, or too short: then it is continued.
      const job = await jobOf({ ...prepared, keys: { ...prepared.keys, retry_for: random.pick([2, 120]) } });
      const running = await job.start({ slowly: true });
      const goal = random.between(3, 40);
      await untilAcks(running, goal);
      await server.restart();
      const { code, stderr } = await running.result;
      expect([0, 5], `${stderr}\nSEED=${SEED}`).toContain(code);
      if (code === 5) expect(await job.run()).toMatchObject({ code: 0, report: { status: 'done', error: null } });
      await settle(prepared, `server killed: ${what}`, 'fault', 1);
    },
  );
});
