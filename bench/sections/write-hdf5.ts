import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { LARGE, migrate } from '../lib/cli.js';
import { type Measured, measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median, pairedRatio } from '../lib/stats.js';

const DIM = 128;
const LEAST_MB = 350;
const MOST_MIB = 300;
const SECTION = 'write-hdf5';

interface Sample {
  /** MB (1e6 bytes) of vectors and ids a second: writing alone. */
  readonly write: number;
  /** The same until the file lies on the disk; for milvusdm also read back and compared. */
  readonly all: number;
}

type Tool = (setup: Setup, path: string, rows: number) => Promise<Measured>;

function script(how: string): Tool {
  const file = join(PROJECT, 'bench', 'peers', 'write-hdf5.ts');
  return (_, path, rows) => {
    const args = ['--import', 'tsx', file, how, path, String(rows), String(DIM)];
    return measureOk(process.execPath, args, { cwd: PROJECT });
  };
}

const h5py: Tool = (setup, path, rows) => {
  const file = join(PROJECT, 'bench', 'peers', 'h5py_write.py');
  return measureOk(setup.python, ['-I', file, path, String(rows), String(DIM)]);
};

const TOOLS: readonly (readonly [name: string, tool: Tool])[] = [
  ['milvusdm', script('archive')],
  ['h5py', h5py],
  ['h5wasm, a dataset a call', script('h5wasm')],
];

async function once(setup: Setup, tool: Tool, rows: number): Promise<Sample> {
  const folder = join(setup.folder, 'written');
  await mkdir(folder);
  const { stdout } = await tool(setup, join(folder, 'out.h5'), rows);
  await rm(folder, { recursive: true });
  const { write, all } = JSON.parse(stdout) as { write: number; all: number };
  const mb = (rows * (DIM * 4 + 8)) / 1e6;
  return { write: mb / write, all: mb / all };
}

function speeds(samples: ReadonlyMap<string, readonly Sample[]>): Result[] {
  const of = (name: string, what: keyof Sample): number[] => samples.get(name)!.map((s) => s[what]);
  const each = (what: keyof Sample, label: string): Result[] =>
    TOOLS.map(([name]) => {
      const values = of(name, what);
      return { section: SECTION, name: `${name}${label}`, value: median(values), unit: 'MB/s', values };
    });
  const [written, ...others] = each('write', '') as [Result, ...Result[]];
  const ratio = (name: string): Result => {
    const [ours, theirs] = [of('milvusdm', 'write'), of(name, 'write')];
    const values = ours.map((value, i) => value / theirs[i]!);
    return { section: SECTION, name: `milvusdm / ${name}`, value: pairedRatio(ours, theirs), unit: 'times', values };
  };
  return [
    { ...written, target: { at: 'least', value: LEAST_MB } },
    ...others,
    ...TOOLS.slice(1).map(([name]) => ratio(name)),
    ...each('all', ', until it is safe'),
  ];
}

/** M2H by the command line: the whole process and its memory. */
async function wholeTask(setup: Setup, rows: number): Promise<Result[]> {
  const source = await setup.legacy(rows, DIM);
  const address = join(setup.folder, 'archives');
  const run = await migrate({ task: 'M2H', source, address, collection: LARGE }, setup.folder);
  await rm(address, { recursive: true });
  const mb = (run.rows * (DIM * 4 + 8)) / 1e6;
  const name = `M2H of ${rows.toLocaleString('en')} x ${DIM}`;
  const target = { at: 'most', value: MOST_MIB } as const;
  return [
    { section: SECTION, name: `${name}, its phase write`, value: mb / run.phases.get('write')!, unit: 'MB/s' },
    { section: SECTION, name: `${name}, whole process`, value: mb / run.seconds, unit: 'MB/s' },
    { section: SECTION, name: `${name}, most memory`, value: run.peakMiB, unit: 'MiB', target },
  ];
}

/** Archives without compression, beside h5py and the plain way of h5wasm, and how memory stays with the size. */
export async function writeHdf5Section(setup: Setup): Promise<Result[]> {
  const rows = setup.quick ? 200_000 : 1_000_000;
  const samples = new Map<string, Sample[]>(TOOLS.map(([name]) => [name, []]));
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    for (let turn = 0; turn < TOOLS.length; turn++) {
      const [name, tool] = TOOLS[(repetition + turn) % TOOLS.length]!;
      const sample = await once(setup, tool, rows);
      samples.get(name)!.push(sample);
      setup.log(`write-hdf5 ${name}: ${sample.write.toFixed(0)} MB/s, in all ${sample.all.toFixed(0)}`);
    }
  }
  return [...speeds(samples), ...(await wholeTask(setup, rows)), ...(await wholeTask(setup, rows * 3))];
}
