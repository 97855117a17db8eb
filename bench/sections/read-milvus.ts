import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { load } from '../lib/machine.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median, pairedRatio } from '../lib/stats.js';

export const DIM = 128;
export const COLLECTION = 'bench_read';

/** One process that read the collection. */
export interface Sample {
  readonly rowsPerSecond: number;
  readonly peakMiB: number;
  /** CPU seconds of the process per GB (1e9 bytes) of values; of milvusdm only. */
  readonly cpuPerGB?: number;
  /** Seconds of a job before it reads. */
  readonly before?: number;
}

interface Read {
  readonly rows: number;
  readonly seconds: number;
  readonly sum: string;
  readonly cpu?: number;
  readonly bytes?: number;
  /** Seconds of a job before it reads. */
  readonly before?: number;
}

export interface Tool {
  readonly name: string;
  /** Rows that it reads of all there are. */
  rows(all: number): number;
  command(setup: Setup, address: string, rows: number): readonly [command: string, args: readonly string[]];
}

export function peer(name: string): string {
  return join(PROJECT, 'bench', 'peers', name);
}

/** Rows of a page at most, for all of them: what Milvus allows, and the fastest of 1,000, 4,096 and 16,384 for pymilvus. */
const PAGE = '16384';

/** milvusdm's own reader alone. */
export const READER: Tool = {
  name: 'milvusdm',
  rows: (all) => all,
  command: (_, address) => [process.execPath, [peer('read.mjs'), address, COLLECTION]],
};

const TOOLS: readonly Tool[] = [
  READER,
  {
    name: 'pymilvus query_iterator',
    rows: (all) => all,
    command: (setup, address) => {
      const [host, port] = address.split(':') as [string, string];
      return [setup.python, ['-I', peer('pymilvus_read.py'), 'read', host, port, COLLECTION, PAGE]];
    },
  },
  {
    // It is slow and its rate does not depend on the number of rows, so it gets fewer.
    name: 'SDK query',
    rows: (all) => Math.min(all, 200_000),
    command: (_, address, rows) => [
      process.execPath,
      ['--import', 'tsx', peer('sdk-read.ts'), address, COLLECTION, String(rows)],
    ],
  },
];

/** @param prefix what stands before the command, e.g. to run it on other cores */
export async function readBy(setup: Setup, tool: Tool, all: number, prefix: readonly string[] = []): Promise<Sample> {
  const rows = tool.rows(all);
  const [own, ownArgs] = tool.command(setup, await setup.server(), rows);
  const [command, ...args] = [...prefix, own, ...ownArgs] as [string, ...string[]];
  const run = await measureOk(command, args, { cwd: PROJECT, memory: true });
  const read = JSON.parse(run.stdout) as Read;
  const sum = (BigInt(rows) * BigInt(rows - 1)) / 2n;
  if (read.rows !== rows || read.sum !== String(sum))
    throw new Error(`${tool.name} did not read every row: ${run.stdout}`);
  const { cpu, bytes, before } = read;
  return {
    rowsPerSecond: rows / read.seconds,
    peakMiB: run.peakMiB,
    ...(cpu === undefined || bytes === undefined ? {} : { cpuPerGB: cpu / (bytes / 1e9) }),
    ...(before === undefined ? {} : { before }),
  };
}

const NEEDED = { pymilvus: 3, sdk: 4, cpuPerGB: 12, peakMiB: 300 };

function resultsOf(section: string, samples: ReadonlyMap<string, readonly Sample[]>): Result[] {
  const [ours, pymilvus, sdk] = TOOLS.map((tool) => samples.get(tool.name)!) as [Sample[], Sample[], Sample[]];
  const rates = (of: readonly Sample[]): number[] => of.map((s) => s.rowsPerSecond);
  const ratio = (name: string, of: readonly Sample[], than: readonly Sample[], least: number): Result => {
    const values = of.map((s, i) => s.rowsPerSecond / than[i]!.rowsPerSecond);
    const target = { at: 'least', value: least } as const;
    return {
      section,
      name,
      value: pairedRatio(rates(of), rates(than)),
      unit: 'times',
      values,
      target,
    };
  };
  const cpu = ours.map((s) => s.cpuPerGB!);
  const peaks = ours.map((s) => s.peakMiB);
  const most = (value: number): NonNullable<Result['target']> => ({ at: 'most', value });
  return [
    ...TOOLS.map(({ name }): Result => {
      const values = rates(samples.get(name)!);
      return { section, name, value: median(values), unit: 'rows/s', values };
    }),
    ratio('milvusdm / pymilvus query_iterator', ours, pymilvus, NEEDED.pymilvus),
    ratio('milvusdm / SDK query', ours, sdk, NEEDED.sdk),
    {
      section,
      name: 'milvusdm, CPU per GB',
      value: median(cpu),
      unit: 's',
      values: cpu,
      target: most(NEEDED.cpuPerGB),
    },
    {
      section,
      name: 'milvusdm, memory',
      value: Math.max(...peaks),
      unit: 'MiB',
      values: peaks,
      target: most(NEEDED.peakMiB),
    },
    ...(
      [
        ['pymilvus', pymilvus],
        ['SDK', sdk],
      ] as const
    ).map(([name, of]): Result => {
      const values = of.map((s) => s.peakMiB);
      return { section, name: `${name}, memory`, value: Math.max(...values), unit: 'MiB', values };
    }),
  ];
}

/** Makes a loaded collection, lets `work` read it and drops it. */
export async function withCollection(setup: Setup, work: (rows: number) => Promise<Result[]>): Promise<Result[]> {
  const rows = setup.quick ? 300_000 : 1_000_000;
  const [host, port] = (await setup.server()).split(':') as [string, string];
  setup.log(`making a collection of ${rows} x ${DIM}`);
  await setup.drop(COLLECTION);
  const script = peer('pymilvus_read.py');
  await measureOk(setup.python, ['-I', script, 'make', host, port, COLLECTION, String(rows), String(DIM)]);
  try {
    return await work(rows);
  } finally {
    await setup.drop(COLLECTION);
  }
}

/** Reading a loaded collection, side by side with pymilvus' query iterator and the SDK's query, one after the other. */
export function readMilvusSection(setup: Setup): Promise<Result[]> {
  return withCollection(setup, async (rows) => {
    const samples = new Map<string, Sample[]>(TOOLS.map((tool) => [tool.name, []]));
    for (let repetition = 0; repetition < setup.repetitions; repetition++) {
      for (let turn = 0; turn < TOOLS.length; turn++) {
        const tool = TOOLS[(repetition + turn) % TOOLS.length]!;
        const before = load();
        const sample = await readBy(setup, tool, rows);
        samples.get(tool.name)!.push(sample);
        setup.log(`read ${tool.name}: ${Math.round(sample.rowsPerSecond)} rows/s (load before ${before})`);
      }
    }
    return resultsOf(`read ${rows.toLocaleString('en')} x ${DIM}`, samples);
  });
}
