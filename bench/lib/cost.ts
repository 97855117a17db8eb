import { type Migration, type MigrationResult, migrate } from './cli.js';
import type { Setup } from './setup.js';

/** Vectors that are written. */
export interface Workload {
  readonly rows: number;
  readonly dim: number;
}

export function labelOf({ rows, dim }: Workload): string {
  return `${rows.toLocaleString('en')} x ${dim}`;
}

/** What a migration costs, beside the same one of a single row, which is what every run costs. */
export interface Cost {
  readonly run: MigrationResult;
  /** CPU seconds of the run of a single row: starting, connecting, making the collection, flushing, counting. */
  readonly start: number;
  /** CPU seconds of the process per GB (1e9 bytes) of vectors, and without those of the single row. */
  readonly wholePerGb: number;
  readonly perGb: number;
}

/** Writes one row into a collection of its own, and gives the CPU seconds of the process. */
export async function startCost(setup: Setup, address: string, dim: number): Promise<number> {
  const source = await setup.data('hdf5', 1, dim);
  const { cpuSeconds } = await migrate({ task: 'H2M', source, address, collection: 'bench_start' }, setup.folder);
  return cpuSeconds;
}

/** @param start of {@link startCost}, measured shortly before */
export async function costOf(setup: Setup, migration: Migration, dim: number, start: number): Promise<Cost> {
  const run = await migrate(migration, setup.folder);
  const gb = (run.rows * dim * 4) / 1e9;
  return { run, start, wholePerGb: run.cpuSeconds / gb, perGb: (run.cpuSeconds - start) / gb };
}
