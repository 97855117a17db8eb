import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';
import { measureOk } from '../lib/process.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

interface Kind {
  /** index_factory string. */
  readonly key: string;
  readonly dim: number;
  /** Bytes of float32 that come out; a rotation takes long enough with few. */
  readonly bytes: number;
  readonly type?: 'FLOAT16_VECTOR';
  /** Least MB/s, where the project has set one. */
  readonly least?: number;
}

const MIB = 2 ** 20;
const KINDS: readonly Kind[] = [
  { key: 'Flat', dim: 256, bytes: 512 * MIB, least: 1200 },
  { key: 'IVF64,Flat', dim: 256, bytes: 256 * MIB, least: 1200 },
  { key: 'SQfp16', dim: 256, bytes: 512 * MIB, least: 600 },
  { key: 'SQfp16', dim: 256, bytes: 512 * MIB, type: 'FLOAT16_VECTOR' },
  { key: 'SQ8', dim: 256, bytes: 256 * MIB },
  { key: 'PQ32', dim: 256, bytes: 512 * MIB, least: 300 },
  { key: 'PQ32x4', dim: 256, bytes: 128 * MIB },
  { key: 'RR256,Flat', dim: 256, bytes: 64 * MIB, least: 30 },
  { key: 'RR768,Flat', dim: 768, bytes: 32 * MIB },
  { key: 'RQ4x4', dim: 64, bytes: 128 * MIB },
];

/** Reading of Faiss indexes of several kinds, each repetition in a process of its own: MB of float32 a second. */
export async function faissKindsSection(setup: Setup): Promise<Result[]> {
  const scripts = join(PROJECT, 'bench', 'peers');
  const cases: { kind: Kind; path: string; values: number[] }[] = [];
  for (const kind of KINDS) {
    const rows = Math.floor(kind.bytes / (setup.quick ? 4 : 1) / (kind.dim * 4));
    const path = join(setup.folder, `${kind.key.replace(/\W/g, '_')}.index`);
    setup.log(`making ${kind.key}`);
    const args = ['-I', join(scripts, 'faiss_data.py'), path, String(rows), String(kind.dim), kind.key];
    await measureOk(setup.python, args);
    cases.push({ kind, path, values: [] });
  }
  for (let repetition = 0; repetition < Math.max(setup.repetitions, 3); repetition++) {
    for (const { kind, path, values } of cases) {
      const args = [
        '--import',
        'tsx',
        join(scripts, 'throughput.ts'),
        'faiss',
        path,
        ...(kind.type ? [kind.type] : []),
      ];
      const { stdout } = await measureOk(process.execPath, args, { cwd: PROJECT });
      values.push(Number(stdout) * 1000);
    }
  }
  return cases.map(({ kind, values }) => ({
    section: 'faiss-kinds',
    name: `${kind.key}, ${kind.dim} dimensions${kind.type ? ` as ${kind.type}` : ''}`,
    value: median(values),
    unit: 'MB/s',
    values,
    ...(kind.least === undefined ? {} : { target: { at: 'least' as const, value: kind.least } }),
  }));
}
