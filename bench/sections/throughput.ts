import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly least: number;
}

/** Encoding and reading alone, each repetition in a process of its own (bench/peers/throughput.ts). */
export async function throughputSection(setup: Setup): Promise<Result[]> {
  const bytes = setup.quick ? 2 ** 27 : 2 ** 29;
  const cases: Case[] = [];
  for (const dim of [128, 768]) {
    cases.push({ name: `encoding, ${dim} dimensions`, args: ['encode', String(dim), String(bytes)], least: 2 });
  }
  for (const [kind, name, least] of [
    ['hdf5', 'HDF5 contiguous', 1],
    ['faiss', 'Faiss Flat', 1.2],
    ['ivf', 'Faiss IVFFlat', 1.2],
  ] as const) {
    for (const dim of [128, 768]) {
      const path = await setup.data(kind, Math.floor(bytes / (dim * 4)), dim);
      cases.push({
        name: `reading ${name}, ${dim} dimensions`,
        args: [kind === 'hdf5' ? 'hdf5' : 'faiss', path],
        least,
      });
    }
  }
  const script = join(PROJECT, 'bench', 'peers', 'throughput.ts');
  const values = cases.map((): number[] => []);
  for (let repetition = 0; repetition < Math.max(setup.repetitions, 3); repetition++) {
    for (const [i, { args }] of cases.entries()) {
      const { stdout } = await measureOk(process.execPath, ['--import', 'tsx', script, ...args], { cwd: PROJECT });
      values[i]!.push(Number(stdout));
    }
  }
  return cases.map(({ name, least }, i) => ({
    section: 'throughput',
    name,
    value: median(values[i]!),
    unit: 'GB/s',
    values: values[i]!,
    target: { at: 'least', value: least },
  }));
}
