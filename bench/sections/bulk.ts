import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { migrate } from '../lib/cli.js';
import { load } from '../lib/machine.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median, pairedRatio } from '../lib/stats.js';

const DIM = 128;
/** Everything before the first row is read, which is not the same in Python. */
const BEFORE = ['plan', 'connect', 'preflight', 'prepare'];
const NEEDED = { staged: 0.8, columns: 1.3 };

type Tool = 'milvusdm bulk' | 'the same files, already staged' | 'milvusdm insert' | 'pymilvus columns';

interface Sample {
  /** From the first byte read to searchable. */
  readonly seconds: number;
  readonly peakMiB?: number;
}

async function peer(setup: Setup, form: 'columns' | 'staged', source: string, collection: string): Promise<Sample> {
  const [host, port] = (await setup.server()).split(':') as [string, string];
  const script = join(PROJECT, 'bench', 'peers', 'bulk_searchable.py');
  const { stdout } = await measureOk(setup.python, ['-I', script, host, port, collection, form, source]);
  const { seconds } = JSON.parse(stdout) as { seconds: number };
  return { seconds };
}

/** From the first byte read to a collection that is loaded and counted; the start of the process is in it, against milvusdm. */
async function milvusdm(
  setup: Setup,
  source: string,
  collection: string,
  write: Record<string, string>,
): Promise<Sample> {
  const keys = {
    preflight: 'headers',
    collection_parameter: '{metric_type: L2, shards: 1, load: true, index: {type: FLAT}}',
    ...write,
  };
  const address = await setup.server();
  const run = await migrate({ task: 'H2M', source, address, collection, keys }, setup.folder);
  const before = BEFORE.reduce((sum, phase) => sum + (run.phases.get(phase) ?? 0), 0);
  return { seconds: run.seconds - before, peakMiB: run.peakMiB };
}

/** One turn of every tool on the same server; the files that milvusdm has made are what the server imports alone. */
async function turn(setup: Setup, source: string, number: number): Promise<Map<Tool, Sample>> {
  const stage = join(setup.folder, `stage-${number}`);
  await mkdir(stage);
  const bulk = `{storage: {type: local, path: ${stage}}, keep_files: true}`;
  const filesOf = async (): Promise<string> =>
    join(stage, 'milvusdm-bulk', (await readdir(join(stage, 'milvusdm-bulk')))[0]!);
  const tools: [Tool, (collection: string) => Promise<Sample>][] = [
    ['milvusdm bulk', (collection) => milvusdm(setup, source, collection, { write: 'bulk', bulk })],
    ['the same files, already staged', async (collection) => peer(setup, 'staged', await filesOf(), collection)],
    ['milvusdm insert', (collection) => milvusdm(setup, source, collection, {})],
    ['pymilvus columns', (collection) => peer(setup, 'columns', source, collection)],
  ];
  // The second needs the files of the first: the two halves change places.
  const order = number % 2 === 0 ? tools : [...tools.slice(2), ...tools.slice(0, 2)];
  const samples = new Map<Tool, Sample>();
  for (const [name, tool] of order) {
    const collection = `bench_bulk_${number}_${samples.size}`;
    const before = load();
    const sample = await tool(collection);
    samples.set(name, sample);
    setup.log(`bulk ${name}: ${sample.seconds.toFixed(1)} s (load before ${before})`);
    await setup.drop(collection);
  }
  await rm(stage, { recursive: true });
  return samples;
}

/** Rows from a file to searchable: bulk imports, the server's part of them alone, and inserts. */
export async function bulkSection(setup: Setup): Promise<Result[]> {
  const rows = setup.quick ? 100_000 : 2_000_000;
  const section = `bulk ${rows.toLocaleString('en')} x ${DIM}`;
  const source = await setup.data('hdf5', rows, DIM);
  const turns: Map<Tool, Sample>[] = [];
  for (let number = 0; number < setup.repetitions; number++) turns.push(await turn(setup, source, number));
  const of = (tool: Tool): number[] => turns.map((samples) => samples.get(tool)!.seconds);
  const time = (tool: Tool): Result => {
    const values = of(tool);
    return { section, name: `${tool}, to searchable`, value: median(values), unit: 's', values };
  };
  const ratio = (name: string, a: Tool, b: Tool, least?: number): Result => {
    const values = of(a).map((value, i) => value / of(b)[i]!);
    // A small run is all waiting: its ratios say nothing about the work.
    const target = least === undefined || setup.quick ? {} : { target: { at: 'least' as const, value: least } };
    return { section, name, value: pairedRatio(of(a), of(b)), unit: 'times', values, ...target };
  };
  const memory = turns.map((samples) => samples.get('milvusdm bulk')!.peakMiB!);
  return [
    ...[...turns[0]!.keys()].map(time),
    { section, name: 'milvusdm bulk, memory', value: median(memory), unit: 'MiB', values: memory },
    ratio(
      'rate of milvusdm bulk / of the staged files',
      'the same files, already staged',
      'milvusdm bulk',
      NEEDED.staged,
    ),
    ratio('rate of milvusdm bulk / of pymilvus columns', 'pymilvus columns', 'milvusdm bulk', NEEDED.columns),
    ratio('rate of milvusdm bulk / of milvusdm insert', 'milvusdm insert', 'milvusdm bulk'),
  ];
}
