import { chart } from '../lib/chart.js';
import { type Migration, migrate } from '../lib/cli.js';
import { startNullServer } from '../lib/null-server.js';
import type { Findings, Result } from '../lib/results.js';
import type { DataKind, Setup } from '../lib/setup.js';

const MOST_MIB = 300;
const DIM = 128;
/** Of runs of this size it is also shown how their memory went. */
const LARGEST_GIB = 6;

interface Case {
  readonly kind: DataKind;
  readonly gib: number;
  readonly real: boolean;
}

interface Peak {
  readonly result: Result;
  readonly chart: string;
}

async function peak(setup: Setup, { kind, gib, real }: Case, nullServer: string): Promise<Peak> {
  const rows = Math.floor((gib * 2 ** 30) / (DIM * 4));
  const source = await setup.data(kind, rows, DIM);
  const migration: Migration = {
    task: kind === 'hollow' ? 'H2M' : 'F2M',
    source,
    address: real ? await setup.server() : nullServer,
    collection: 'bench_memory',
  };
  const run = await migrate(migration, setup.folder);
  const what = kind === 'hollow' ? 'HDF5, ids in random order' : 'Faiss Flat';
  setup.log(`memory ${what} ${gib} GiB: ${run.peakMiB.toFixed(0)} MiB in ${run.seconds.toFixed(1)} s`);
  if (real) await setup.drop(migration.collection);
  const name = `${what}, ${gib} GiB, into ${real ? 'Milvus 2.3.5' : 'the null server'}`;
  const target = { at: 'most', value: MOST_MIB } as const;
  return {
    result: { section: 'memory', name, value: run.peakMiB, unit: 'MiB', target },
    chart: chart(`Resident memory, ${name}`, 'MiB', run.resident),
  };
}

/** Highest resident memory of the whole milvusdm process, for sources of 2 and 6 GiB (files with a hole for the vectors). */
export async function memorySection(setup: Setup): Promise<Findings> {
  const cases: Case[] = [];
  for (const kind of ['hollow', 'hollow-faiss'] as const) {
    for (const gib of setup.quick ? [0.5] : [2, 6]) cases.push({ kind, gib, real: false });
  }
  if (!setup.quick) cases.push({ kind: 'hollow', gib: 2, real: true });
  const results: Result[] = [];
  const notes: string[] = [];
  for (const one of cases) {
    // A null server counts one collection only, so each case has its own.
    await using server = await startNullServer();
    const { result, chart: over } = await peak(setup, one, server.address);
    results.push(result);
    if (one.gib >= LARGEST_GIB || setup.quick) notes.push(over);
  }
  return { results, notes };
}
