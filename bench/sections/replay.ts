import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { chart } from '../lib/chart.js';
import { type Cost, costOf, labelOf, startCost, type Workload } from '../lib/cost.js';
import { load } from '../lib/machine.js';
import { measureOk } from '../lib/process.js';
import type { Findings, Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

/** Rows a second until the last acknowledgement, and until the server has flushed. */
interface Rates {
  readonly acknowledged: number;
  readonly flushed: number;
}

/** One turn of milvusdm and of the replay, side by side. */
interface Turn {
  readonly ours: Rates;
  readonly limit: Rates;
  readonly cost: Cost;
}

const NEEDED = { ofLimit: 0.9, cpuPerGb: 6, flat: 0.1 };

/** What this server takes: requests that were made before. */
async function replay(setup: Setup, { rows, dim }: Workload, collection: string): Promise<Rates> {
  const script = join(PROJECT, 'bench', 'peers', 'replay.ts');
  const args = ['--import', 'tsx', script, await setup.server(), collection, String(rows), String(dim)];
  const run = await measureOk(process.execPath, args, { cwd: PROJECT });
  const { insert, flushed } = JSON.parse(run.stdout) as { insert: number; flushed: number };
  return { acknowledged: rows / insert, flushed: rows / flushed };
}

function ratesOf({ rows, phases }: Cost['run']): Rates {
  const [write, flush] = [phases.get('write')!, phases.get('flush') ?? 0];
  return { acknowledged: rows / write, flushed: rows / (write + flush) };
}

/** Both into a collection of their own, which is dropped at once; `turn` says who begins. */
async function takeTurn(setup: Setup, workload: Workload, turn: number, start: number): Promise<Turn> {
  const { rows, dim } = workload;
  const file = await setup.data('hdf5', rows, dim);
  const collection = `bench_replay_${rows}_${dim}_${turn}`;
  let limit: Rates | undefined;
  let cost: Cost | undefined;
  const steps = [
    async () => {
      limit = await replay(setup, workload, `${collection}_limit`);
      await setup.drop(`${collection}_limit`);
    },
    async () => {
      const migration = { task: 'H2M', source: file, address: await setup.server(), collection } as const;
      cost = await costOf(setup, migration, dim, start);
      await setup.drop(collection);
    },
  ];
  const before = load();
  for (const step of turn % 2 === 0 ? steps : steps.toReversed()) await step();
  const done = { ours: ratesOf(cost!.run), limit: limit!, cost: cost! };
  const { acknowledged } = done.ours;
  setup.log(
    `${labelOf(workload)}: ${Math.round(acknowledged)} of ${Math.round(done.limit.acknowledged)} rows/s, flushed ${Math.round(done.ours.flushed)} of ${Math.round(done.limit.flushed)}, CPU ${cost!.perGb.toFixed(2)} s/GB, ${cost!.run.peakMiB.toFixed(0)} MiB (load before ${before})`,
  );
  return done;
}

const shareOf = ({ ours, limit }: Turn): number => ours.acknowledged / limit.acknowledged;

function resultsOf(workload: Workload, done: readonly Turn[]): Result[] {
  const section = `limit ${labelOf(workload)}`;
  const result = (name: string, unit: string, value: (turn: Turn) => number, more: Partial<Result> = {}): Result => {
    const values = done.map(value);
    return { section, name, value: median(values), unit, values, ...more };
  };
  return [
    result('milvusdm', 'rows/s', (turn) => turn.ours.acknowledged),
    result('replay of ready requests', 'rows/s', (turn) => turn.limit.acknowledged),
    result('milvusdm / replay', 'times', shareOf, { target: { at: 'least', value: NEEDED.ofLimit } }),
    result('milvusdm / replay, until flushed', 'times', ({ ours, limit }) => ours.flushed / limit.flushed),
    result('CPU, digest included, less that of one row', 's/GB', ({ cost }) => cost.perGb, {
      target: { at: 'most', value: NEEDED.cpuPerGb },
    }),
    result('CPU, digest included, whole process', 's/GB', ({ cost }) => cost.wholePerGb),
    result('memory', 'MiB', ({ cost }) => cost.run.peakMiB),
  ];
}

/** Whether eight times the rows cost the same per row: turns of both sizes after one another, the smaller before and after the larger. */
async function flat(setup: Setup, small: Workload, large: Workload): Promise<Findings> {
  const start = await startCost(setup, await setup.server(), small.dim);
  const turns: { small: Turn[]; large: Turn[] } = { small: [], large: [] };
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    turns.small.push(await takeTurn(setup, small, repetition * 2, start));
    turns.large.push(await takeTurn(setup, large, repetition, start));
    turns.small.push(await takeTurn(setup, small, repetition * 2 + 1, start));
  }
  const ratio = (value: (turn: Turn) => number): number =>
    median(turns.large.map(value)) / median(turns.small.map(value));
  const longest = turns.large.toSorted((a, b) => b.cost.run.seconds - a.cost.run.seconds)[0]!;
  const compared = (name: string, value: number, target: Result['target']): Result => {
    return {
      section: 'limit',
      name: `${name}, 8 times the rows / the smaller`,
      value,
      unit: 'times',
      ...(target ? { target } : {}),
    };
  };
  return {
    results: [
      ...resultsOf(small, turns.small),
      ...resultsOf(large, turns.large),
      compared('share of the replay', ratio(shareOf), { at: 'least', value: 1 - NEEDED.flat }),
      compared(
        'share of the replay until flushed',
        ratio(({ ours, limit }) => ours.flushed / limit.flushed),
        undefined,
      ),
      compared(
        'memory',
        ratio(({ cost }) => cost.run.peakMiB),
        { at: 'most', value: 1 + NEEDED.flat },
      ),
    ],
    notes: [
      chart(`Resident memory of milvusdm, ${labelOf(large)} into Milvus 2.3.5`, 'MiB', longest.cost.run.resident),
    ],
  };
}

/** milvusdm's share of what the server takes at all, its CPU time, and whether the share stays the same for more rows. */
export async function replaySection(setup: Setup): Promise<Findings> {
  const scale = setup.quick ? 5 : 1;
  const workload = (rows: number, dim: number): Workload => ({ rows: rows / scale, dim });
  await replay(setup, { rows: 20_000, dim: 128 }, 'bench_replay_warm');
  await setup.drop('bench_replay_warm');
  const results: Result[] = [];
  for (const one of [workload(1_000_000, 128), workload(200_000, 768)]) {
    const start = await startCost(setup, await setup.server(), one.dim);
    const turns: Turn[] = [];
    for (let turn = 0; turn < setup.repetitions; turn++) turns.push(await takeTurn(setup, one, turn, start));
    results.push(...resultsOf(one, turns));
  }
  const { results: more, notes } = await flat(setup, workload(500_000, 128), workload(4_000_000, 128));
  return { results: [...results, ...more], notes };
}
