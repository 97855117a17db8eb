import { join } from 'node:path';
import { installEmbedded } from '../../src/milvus/embedded.js';
import { PROJECT } from '../../test/support/environments.js';
import { load } from '../lib/machine.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { snapshotOf } from '../lib/snapshot-of.js';
import { median, pairedRatio } from '../lib/stats.js';

const LEAST_MB = 400;
const MOST_MIB = 300;
const DIM = 128;

const peer = (name: string): string => join(PROJECT, 'bench', 'peers', name);

interface Sample {
  readonly mbPerSecond: number;
  readonly mbPerCpuSecond: number;
  readonly peakMiB: number;
}

async function ours(kind: 'backup' | 'snapshot', folder: string): Promise<Sample> {
  const script = [peer('read-backup.mjs'), kind, folder];
  const { stdout, peakMiB } = await measureOk(process.execPath, script, { memory: true });
  const [mbPerSecond, mbPerCpuSecond] = stdout.trim().split(' ').map(Number) as [number, number];
  return { mbPerSecond, mbPerCpuSecond, peakMiB };
}

async function pyarrow(python: string, folder: string): Promise<Sample> {
  const { stdout } = await measureOk(python, ['-I', peer('pyarrow_read.py'), folder]);
  const [mbPerSecond, mbPerCpuSecond, peakMiB] = stdout.trim().split(' ').map(Number) as [number, number, number];
  return { mbPerSecond, mbPerCpuSecond, peakMiB };
}

/** The Milvus Lite that the project embeds brings a pyarrow. */
async function measureKind(setup: Setup, python: string, kind: 'bytes' | 'floats'): Promise<Result[]> {
  const rows = setup.quick ? 250_000 : 1_000_000;
  const folder = join(setup.folder, `backup-${kind}`);
  setup.log(`making a backup of ${rows} vectors of random ${kind}`);
  await measureOk(python, ['-I', peer('backup_data.py'), folder, String(rows), String(DIM), kind]);
  snapshotOf(folder, rows, DIM);
  const [mine, ofSnapshot, theirs]: [Sample[], Sample[], Sample[]] = [[], [], []];
  for (let repetition = 0; repetition < Math.max(3, setup.repetitions); repetition++) {
    const before = load();
    mine.push(await ours('backup', folder));
    ofSnapshot.push(await ours('snapshot', folder));
    theirs.push(await pyarrow(python, folder));
    const [a, b] = [mine.at(-1)!, theirs.at(-1)!].map(({ mbPerSecond }) => mbPerSecond.toFixed(0));
    setup.log(`read-backup ${kind}: ${a} MB/s, pyarrow ${b} MB/s (load before ${before})`);
  }
  const section = `read-backup ${rows.toLocaleString('en')} x ${DIM}, random ${kind}`;
  const speeds = (samples: readonly Sample[]): number[] => samples.map(({ mbPerSecond }) => mbPerSecond);
  const cpu = (samples: readonly Sample[]): number[] => samples.map(({ mbPerCpuSecond }) => mbPerCpuSecond);
  const peaks = (samples: readonly Sample[]): number[] => samples.map(({ peakMiB }) => peakMiB);
  const one = (name: string, values: readonly number[], unit: string): Result => ({
    section,
    name,
    value: median(values),
    unit,
    values,
  });
  // What zstd has to compress is its speed, not ours.
  const target = kind === 'bytes' ? { target: { at: 'least', value: LEAST_MB } as const } : {};
  return [
    { ...one('milvusdm', speeds(mine), 'MB/s'), ...target },
    { ...one('milvusdm, as a snapshot', speeds(ofSnapshot), 'MB/s'), ...target },
    one('pyarrow, one thread', speeds(theirs), 'MB/s'),
    { section, name: 'milvusdm / pyarrow', value: pairedRatio(speeds(mine), speeds(theirs)), unit: 'times' },
    one('milvusdm, of a second of CPU', cpu(mine), 'MB/s'),
    one('pyarrow, of a second of CPU', cpu(theirs), 'MB/s'),
    { ...one('milvusdm, most memory', peaks(mine), 'MiB'), target: { at: 'most', value: MOST_MIB } },
    one('pyarrow, most memory', peaks(theirs), 'MiB'),
  ];
}

/** Reading the vectors of a backup, and of a snapshot of the same files, without a server, beside pyarrow. */
export async function readBackupSection(setup: Setup): Promise<Result[]> {
  const python = await installEmbedded({ log: setup.log });
  return [...(await measureKind(setup, python, 'bytes')), ...(await measureKind(setup, python, 'floats'))];
}
