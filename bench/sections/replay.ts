import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { type MigrationResult, migrate } from '../lib/cli.js';
import { load } from '../lib/machine.js';
import { startNullServer } from '../lib/null-server.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

interface Workload {
  readonly rows: number;
  readonly dim: number;
}

/** One turn of milvusdm and of the replay, side by side. */
interface Turn {
  readonly ours: number;
  readonly limit: number;
  /** CPU seconds of milvusdm, digest included, per GB (1e9 bytes) of vectors. */
  readonly cpuPerGb: number;
  readonly peakMiB: number;
}

const NEEDED = { ofLimit: 0.9, cpuPerGb: 6, cpuPerGbNull: 3.5, flat: 0.1 };

function cpuPerGb(run: MigrationResult, { rows, dim }: Workload): number {
  const used = (run.cpu.get('preflight') ?? 0) + run.cpu.get('write')!;
  return used / ((rows * dim * 4) / 1e9);
}

function migration(setup: Setup, source: string, address: string, collection: string): Promise<MigrationResult> {
  return migrate({ task: 'H2M', source, address, collection }, setup.folder);
}

/** Rows a second of requests that were made before: what this server takes. */
async function replay(setup: Setup, { rows, dim }: Workload, collection: string): Promise<number> {
  const script = join(PROJECT, 'bench', 'peers', 'replay.ts');
  const args = ['--import', 'tsx', script, await setup.server(), collection, String(rows), String(dim)];
  const run = await measureOk(process.execPath, args, { cwd: PROJECT });
  const { insert } = JSON.parse(run.stdout) as { insert: number };
  return rows / insert;
}

async function turns(setup: Setup, workload: Workload): Promise<Turn[]> {
  const { rows, dim } = workload;
  const file = await setup.data('hdf5', rows, dim);
  const done: Turn[] = [];
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    const name = `bench_replay_${rows}_${dim}_${repetition}`;
    let limit = 0;
    let run: MigrationResult | undefined;
    const steps = [
      async () => {
        limit = await replay(setup, workload, `${name}_limit`);
        await setup.drop(`${name}_limit`);
      },
      async () => {
        run = await migration(setup, file, await setup.server(), name);
        await setup.drop(name);
      },
    ];
    const before = load();
    for (const step of repetition % 2 === 0 ? steps : steps.toReversed()) await step();
    const ours = run!.rows / run!.phases.get('write')!;
    done.push({ ours, limit, cpuPerGb: cpuPerGb(run!, workload), peakMiB: run!.peakMiB });
    setup.log(
      `${rows} x ${dim}: ${Math.round(ours)} of ${Math.round(limit)} rows/s, CPU ${cpuPerGb(run!, workload).toFixed(2)} s/GB, ${run!.peakMiB.toFixed(0)} MiB (load before ${before})`,
    );
  }
  return done;
}

function resultsOf({ rows, dim }: Workload, done: readonly Turn[]): Result[] {
  const section = `limit ${rows.toLocaleString('en')} x ${dim}`;
  const result = (name: string, unit: string, value: (turn: Turn) => number, more: Partial<Result> = {}): Result => {
    const values = done.map(value);
    return { section, name, value: median(values), unit, values, ...more };
  };
  return [
    result('milvusdm', 'rows/s', (turn) => turn.ours),
    result('replay of ready requests', 'rows/s', (turn) => turn.limit),
    result('milvusdm / replay', 'times', (turn) => turn.ours / turn.limit, {
      target: { at: 'least', value: NEEDED.ofLimit },
    }),
    result('CPU, digest included', 's/GB', (turn) => turn.cpuPerGb, { target: { at: 'most', value: NEEDED.cpuPerGb } }),
    result('memory', 'MiB', (turn) => turn.peakMiB),
  ];
}

async function intoNull(setup: Setup, workload: Workload): Promise<Result> {
  const file = await setup.data('hdf5', workload.rows, workload.dim);
  const values: number[] = [];
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    await using server = await startNullServer();
    values.push(cpuPerGb(await migration(setup, file, server.address, 'bench_null'), workload));
  }
  return {
    section: 'limit, null server',
    name: `CPU, digest included, ${workload.rows.toLocaleString('en')} x ${workload.dim}`,
    value: median(values),
    unit: 's/GB',
    values,
    target: { at: 'most', value: NEEDED.cpuPerGbNull },
  };
}

/** milvusdm's share of what the server takes at all, its CPU time, and whether the share stays the same for more rows. */
export async function replaySection(setup: Setup): Promise<Result[]> {
  const scale = setup.quick ? 5 : 1;
  const workload = (rows: number, dim: number): Workload => ({ rows: rows / scale, dim });
  await replay(setup, { rows: 20_000, dim: 128 }, 'bench_replay_warm');
  await setup.drop('bench_replay_warm');
  const results: Result[] = [];
  for (const one of [workload(1_000_000, 128), workload(200_000, 768)]) {
    results.push(...resultsOf(one, await turns(setup, one)));
  }
  results.push(await intoNull(setup, workload(1_000_000, 128)));
  const shares: number[] = [];
  for (const one of [workload(500_000, 128), workload(4_000_000, 128)]) {
    const done = await turns(setup, one);
    results.push(...resultsOf(one, done));
    shares.push(median(done.map((turn) => turn.ours / turn.limit)));
  }
  const [small = 0, large = 0] = shares;
  results.push({
    section: 'limit',
    name: 'share of the replay, 8 times the rows / the smaller',
    value: large / small,
    unit: 'times',
    target: { at: 'least', value: 1 - NEEDED.flat },
  });
  return results;
}
