import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { migrate } from '../lib/cli.js';
import { load } from '../lib/machine.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median, pairedRatio } from '../lib/stats.js';

/** One process that filled one collection. */
interface Sample {
  readonly rowsPerSecond: number;
  /** The whole process with flush; undefined for the SDK, which is given fewer rows. */
  readonly seconds?: number;
}

interface Workload {
  readonly rows: number;
  readonly dim: number;
  /** The SDK is slow and its rate does not depend on the number of rows, so it gets fewer. */
  readonly sdkRows: number;
}

type Tool = (setup: Setup, workload: Workload, file: string, collection: string) => Promise<Sample>;

/** Insert phase: from the first read of the write loop to the last acknowledgement, which is when the flush begins. */
async function milvusdm(setup: Setup, _workload: Workload, source: string, collection: string): Promise<Sample> {
  const run = await migrate({ task: 'H2M', source, address: await setup.server(), collection }, setup.folder);
  return { rowsPerSecond: run.rows / run.phases.get('write')!, seconds: run.seconds };
}

/** Insert phase: the loop that reads 20,000 rows from the file and inserts them. `rows` was its fastest form. */
async function pymilvus(setup: Setup, _workload: Workload, file: string, collection: string): Promise<Sample> {
  const [host, port] = (await setup.server()).split(':') as [string, string];
  const script = join(PROJECT, 'bench', 'peers', 'pymilvus_insert.py');
  const run = await measureOk(setup.python, ['-I', script, file, host, port, collection, 'rows']);
  const { rows, insert } = JSON.parse(run.stdout) as { rows: number; insert: number };
  return { rowsPerSecond: rows / insert, seconds: run.seconds };
}

/** Insert phase: the calls of `insert` alone. */
async function sdk(setup: Setup, { sdkRows, dim }: Workload, _file: string, collection: string): Promise<Sample> {
  const script = join(PROJECT, 'bench', 'peers', 'sdk-insert.ts');
  const args = ['--import', 'tsx', script, await setup.server(), collection, String(sdkRows), String(dim)];
  const run = await measureOk(process.execPath, args, { cwd: PROJECT });
  const { rows, insert } = JSON.parse(run.stdout) as { rows: number; insert: number };
  return { rowsPerSecond: rows / insert };
}

const TOOLS: readonly (readonly [name: string, tool: Tool])[] = [
  ['milvusdm', milvusdm],
  ['pymilvus', pymilvus],
  ['SDK insert', sdk],
];

const NEEDED = { pymilvus: 2, sdk: 6, process: 1.5 };

function resultsOf(label: string, samples: ReadonlyMap<string, readonly Sample[]>): Result[] {
  const rates = (name: string): number[] => samples.get(name)!.map((s) => s.rowsPerSecond);
  const whole = (name: string): number[] => samples.get(name)!.map((s) => s.seconds!);
  const section = `insert ${label}`;
  const rate = (name: string): Result => {
    const values = rates(name);
    return { section, name, value: median(values), unit: 'rows/s', values };
  };
  const ratio = (name: string, a: readonly number[], b: readonly number[], least: number): Result => {
    const values = a.map((value, i) => value / b[i]!);
    return { section, name, value: pairedRatio(a, b), unit: 'times', values, target: { at: 'least', value: least } };
  };
  const process = (name: string): Result => {
    const values = whole(name);
    return { section, name: `${name}, whole process with flush`, value: median(values), unit: 's', values };
  };
  return [
    ...TOOLS.map(([name]) => rate(name)),
    ratio('milvusdm / pymilvus', rates('milvusdm'), rates('pymilvus'), NEEDED.pymilvus),
    ratio('milvusdm / SDK insert', rates('milvusdm'), rates('SDK insert'), NEEDED.sdk),
    process('milvusdm'),
    process('pymilvus'),
    ratio('whole process: pymilvus / milvusdm', whole('pymilvus'), whole('milvusdm'), NEEDED.process),
  ];
}

/** Takes turns: one run of each tool per repetition, beginning with another one each time, all on the same server. */
async function compare(setup: Setup, workload: Workload): Promise<Result[]> {
  const label = `${workload.rows.toLocaleString('en')} x ${workload.dim}`;
  const file = await setup.data('hdf5', workload.rows, workload.dim);
  const samples = new Map<string, Sample[]>(TOOLS.map(([name]) => [name, []]));
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    for (let turn = 0; turn < TOOLS.length; turn++) {
      const [name, tool] = TOOLS[(repetition + turn) % TOOLS.length]!;
      const collection = `bench_${workload.dim}_${repetition}_${turn}`;
      const before = load();
      const sample = await tool(setup, workload, file, collection);
      samples.get(name)!.push(sample);
      setup.log(
        `${label} ${name}: ${Math.round(sample.rowsPerSecond)} rows/s, process ${sample.seconds?.toFixed(1) ?? '-'} s (load before ${before})`,
      );
      await setup.drop(collection);
    }
  }
  return resultsOf(label, samples);
}

/** Insert phase and whole process, side by side with pymilvus and the SDK on one server. */
export async function insertSection(setup: Setup): Promise<Result[]> {
  const workloads: Workload[] = setup.quick
    ? [
        { rows: 200_000, dim: 128, sdkRows: 20_000 },
        { rows: 20_000, dim: 768, sdkRows: 10_000 },
      ]
    : [
        { rows: 1_000_000, dim: 128, sdkRows: 100_000 },
        { rows: 100_000, dim: 768, sdkRows: 20_000 },
      ];
  const warmUp: Workload = { rows: 20_000, dim: 128, sdkRows: 10_000 };
  const file = await setup.data('hdf5', warmUp.rows, warmUp.dim);
  for (const [i, [, tool]] of TOOLS.entries()) {
    await tool(setup, warmUp, file, `bench_warm_${i}`);
    await setup.drop(`bench_warm_${i}`);
  }
  const results: Result[] = [];
  for (const workload of workloads) results.push(...(await compare(setup, workload)));
  return results;
}
