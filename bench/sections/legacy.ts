import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { LARGE, migrate } from '../lib/cli.js';
import { load } from '../lib/machine.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median, pairedRatio } from '../lib/stats.js';

interface Workload {
  readonly rows: number;
  readonly dim: number;
}

/** One process that moved the whole folder. */
interface Sample {
  /** Of the tool's own work: reading, checking, sending; without the start of the process and the flush. */
  readonly rowsPerSecond: number;
  /** From spawn to exit, with flush and count. */
  readonly seconds: number;
  readonly peakMiB: number;
}

type Tool = (setup: Setup, source: string, target: string) => Promise<Sample>;

const milvusdm: Tool = async (setup, source, target) => {
  const address = await setup.server();
  const run = await migrate({ task: 'M2M', source, address, collection: target }, setup.folder);
  const work = run.phases.get('preflight')! + run.phases.get('write')!;
  return { rowsPerSecond: run.rows / work, seconds: run.seconds, peakMiB: run.peakMiB };
};

async function peer(setup: Setup, script: string, args: readonly string[]): Promise<Sample> {
  const path = join(PROJECT, 'bench', 'peers', script);
  const { stdout, seconds, peakMiB } = await measureOk(setup.python, ['-I', path, ...args], { memory: true });
  const { rows, work } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { rows: number; work: number };
  return { rowsPerSecond: rows / work, seconds, peakMiB };
}

const pymilvusdm: Tool = async (setup, source) => {
  const [host, port] = (await setup.server()).split(':') as [string, string];
  const state = join(setup.folder, 'pymilvusdm-state');
  // The target has the name of the source.
  return peer(setup, 'pymilvusdm.py', [await setup.pymilvusdm(), source, LARGE, host, port, state]);
};

const plain: Tool = async (setup, source, target) => {
  const [host, port] = (await setup.server()).split(':') as [string, string];
  return peer(setup, 'legacy_plain.py', [source, LARGE, host, port, target]);
};

const TOOLS: readonly (readonly [name: string, tool: Tool])[] = [
  ['milvusdm', milvusdm],
  ['pymilvusdm 2.0', pymilvusdm],
  ['plain Python', plain],
];

const LEAST_RATIO = 3;
const MOST_MIB = 300;
const LEAST_GB = 1;

/** Takes turns, as the part `insert` does. */
async function compare(setup: Setup, { rows, dim }: Workload): Promise<Map<string, Sample[]>> {
  const source = await setup.legacy(rows, dim);
  const samples = new Map<string, Sample[]>(TOOLS.map(([name]) => [name, []]));
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    for (let turn = 0; turn < TOOLS.length; turn++) {
      const [name, tool] = TOOLS[(repetition + turn) % TOOLS.length]!;
      const target = name === 'pymilvusdm 2.0' ? LARGE : `bench_legacy_${repetition}_${turn}`;
      const before = load();
      const sample = await tool(setup, source, target);
      samples.get(name)!.push(sample);
      const speed = `${Math.round(sample.rowsPerSecond)} rows/s, process ${sample.seconds.toFixed(1)} s`;
      setup.log(`legacy ${name}: ${speed}, ${sample.peakMiB.toFixed(0)} MiB (load before ${before})`);
      await setup.drop(target);
    }
  }
  return samples;
}

function resultsOf(section: string, samples: ReadonlyMap<string, readonly Sample[]>): Result[] {
  const of = (name: string, what: keyof Sample): number[] => samples.get(name)!.map((s) => s[what]);
  const each = (what: keyof Sample, label: string, unit: string): Result[] =>
    TOOLS.map(([name]) => {
      const values = of(name, what);
      return { section, name: `${name}${label}`, value: median(values), unit, values };
    });
  const ratio = (name: string, a: readonly number[], b: readonly number[]): Result => {
    const values = a.map((value, i) => value / b[i]!);
    return { section, name, value: pairedRatio(a, b), unit: 'times', values };
  };
  const [ours, theirs, simple] = TOOLS.map(([name]) => name) as [string, string, string];
  const [peak, ...peaks] = each('peakMiB', ', most memory', 'MiB') as [Result, ...Result[]];
  return [
    ...each('rowsPerSecond', '', 'rows/s'),
    {
      ...ratio('milvusdm / pymilvusdm', of(ours, 'rowsPerSecond'), of(theirs, 'rowsPerSecond')),
      target: { at: 'least', value: LEAST_RATIO },
    },
    ratio('milvusdm / plain Python', of(ours, 'rowsPerSecond'), of(simple, 'rowsPerSecond')),
    ...each('seconds', ', whole process with flush', 's'),
    ratio('whole process: pymilvusdm / milvusdm', of(theirs, 'seconds'), of(ours, 'seconds')),
    { ...peak, target: { at: 'most', value: MOST_MIB } },
    ...peaks,
  ];
}

async function reading(setup: Setup, section: string, { rows, dim }: Workload): Promise<Result> {
  const source = await setup.legacy(rows, dim);
  const script = join(PROJECT, 'bench', 'peers', 'throughput.ts');
  const values: number[] = [];
  for (let repetition = 0; repetition < Math.max(setup.repetitions, 3); repetition++) {
    const args = ['--import', 'tsx', script, 'legacy', source];
    values.push(Number((await measureOk(process.execPath, args, { cwd: PROJECT })).stdout));
  }
  const target = { at: 'least', value: LEAST_GB } as const;
  return { section, name: 'reading alone', value: median(values), unit: 'GB/s', values, target };
}

/** The folder of an old Milvus into Milvus 2.3.5, beside pymilvusdm and the plain way in Python, and its reading alone. */
export async function legacySection(setup: Setup): Promise<Result[]> {
  const workload = setup.quick ? { rows: 200_000, dim: 128 } : { rows: 1_000_000, dim: 128 };
  const section = `legacy ${workload.rows.toLocaleString('en')} x ${workload.dim}`;
  const read = await reading(setup, section, workload);
  return [read, ...resultsOf(section, await compare(setup, workload))];
}
