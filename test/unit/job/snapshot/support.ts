import { validateJob } from '../../../../src/config/load.js';
import type { SnapshotConfig } from '../../../../src/config/types.js';
import type { JobEvent } from '../../../../src/job/events.js';
import { createJob } from '../../../../src/job/job.js';
import type { PlanReport, Report } from '../../../../src/job/report.js';
import type { SnapshotReport } from '../../../../src/job/snapshot/report.js';
import { type ServerOptions, type SnapshotServer, startSnapshotServer } from '../../../support/snapshot-server.js';
import { answersOf, type MadeUp, type MadeUpWorld, madeUpWorld, worldOf } from '../../../support/snapshot-world.js';

export type Keys = Readonly<Record<string, string | number | boolean | object>>;

/** A protocol double of Milvus 3.0 over made-up collections, with what is done through a job. */
export interface Double extends AsyncDisposable {
  readonly server: SnapshotServer;
  readonly world: MadeUpWorld;
  readonly flushes: readonly string[];
  config(keys: Keys): SnapshotConfig;
  run(keys: Keys, onEvent?: (event: JobEvent) => void): Promise<Report>;
  /** Runs what must succeed; gives the part of the report. */
  ok(keys: Keys): Promise<SnapshotReport>;
  plan(keys: Keys): Promise<PlanReport>;
}

export async function startDouble(
  content: Readonly<Record<string, Readonly<Record<string, MadeUp>>>> = { default: { articles: { rows: 300 } } },
  o: Omit<ServerOptions, 'answers'> & { readonly lose?: number } = {},
): Promise<Double> {
  const world = madeUpWorld(content);
  const flushes: string[] = [];
  const server = await startSnapshotServer(worldOf(world, o.lose), { ...o, answers: answersOf(world, flushes) });
  const config = (keys: Keys): SnapshotConfig =>
    validateJob(JSON.stringify({ SNAPSHOT: { source_uri: `http://${server.address}`, retry_for: 5, ...keys } }), {
      env: {},
    }) as SnapshotConfig;
  const run = async (keys: Keys, onEvent: (event: JobEvent) => void = () => {}): Promise<Report> => {
    const job = createJob(config(keys));
    job.on(onEvent);
    return await job.run();
  };
  return {
    server,
    world,
    flushes,
    config,
    run,
    async ok(keys) {
      const report = await run(keys);
      if (report.error || !report.snapshot) throw new Error(JSON.stringify(report.error));
      return report.snapshot;
    },
    plan: (keys) => createJob(config(keys)).plan(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
