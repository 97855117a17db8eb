import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectFaiss, openFaiss } from '../../src/adapters/faiss/index.js';
import { rawColumns } from '../../src/batch/columns.js';
import { asBytes } from '../../src/util/bytes.js';
import { MilvusdmError } from '../../src/util/errors.js';

/** An entry of the expected.json of fixtures/mk-faiss-kinds.py: what Faiss says is in a file. */
export interface FaissFile {
  readonly file: string;
  /** Its index_factory string, or what it was made for. */
  readonly key: string;
  readonly verdict: 'exact' | 'narrow' | 'rounded' | 'lossy' | 'refused';
  readonly rows: number;
  readonly dim: number;
  /** Largest difference in proportion to the largest value of the file; 0 = bit for bit. */
  readonly tolerance: number;
  readonly sha256: string;
  readonly sha256_ids: string;
}

/** The files of a folder that mk-faiss-kinds.py has written. */
export function faissFiles(folder: string): FaissFile[] {
  const { files } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
    files: Record<string, Omit<FaissFile, 'file'>>;
  };
  return Object.entries(files).map(([file, entry]) => ({ file, ...entry }));
}

const NAMES = { idField: 'id', vectorField: 'embedding' };

interface Read {
  readonly ids: bigint[];
  readonly vectors: Uint8Array[];
}

async function readFile(path: string, allowLossy: boolean): Promise<Read> {
  await using reader = await openFaiss({ adapter: 'faiss', files: [{ path }], allowLossy }, NAMES);
  const ids: bigint[] = [];
  const vectors: Uint8Array[] = [];
  const [split] = await reader.splits();
  // Small batches, so that they begin and end inside lists, batches of slices and blocks of rows.
  for await (const { batch, firstRow } of reader.read(split!, { maxBytes: 5000 })) {
    const columns = rawColumns(batch);
    if (columns.length === 1) for (let row = 0; row < batch.numRows; row++) ids.push(BigInt(firstRow + row));
    for (const { field, values, rows } of columns) {
      if (field.name === NAMES.idField) {
        ids.push(...(values as BigInt64Array));
        continue;
      }
      const bytes = asBytes(values as Uint8Array);
      const width = bytes.length / rows;
      for (let row = 0; row < rows; row++) vectors.push(bytes.slice(row * width, (row + 1) * width));
    }
  }
  return { ids, vectors };
}

function inIdOrder({ ids, vectors }: Read): { ids: BigInt64Array; rows: Uint8Array } {
  const order = ids.map((_, row) => row).sort((a, b) => (ids[a]! < ids[b]! ? -1 : ids[a]! > ids[b]! ? 1 : a - b));
  return {
    ids: BigInt64Array.from(order, (row) => ids[row]!),
    rows: new Uint8Array(Buffer.concat(order.map((row) => vectors[row]!))),
  };
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

/** Largest difference of two files of float32, in proportion to the largest value; infinite where their sizes differ. */
function difference(ours: Uint8Array, theirs: Uint8Array): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  const [a, b] = [floatsOf(ours), floatsOf(theirs)];
  let [largest, off] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    largest = Math.max(largest, Math.abs(b[i]!));
    const apart = Math.abs(a[i]! - b[i]!);
    off = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : Math.max(off, apart);
  }
  return off === 0 ? 0 : off / largest;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function refusalOf(path: string, allowLossy: boolean): Promise<string | undefined> {
  try {
    await readFile(path, allowLossy);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof MilvusdmError)) throw thrown;
    return thrown.code;
  }
}

/** What is wrong with how a file is read: '' where it is what Faiss says. */
export async function compareWithFaiss(folder: string, expected: FaissFile): Promise<string> {
  const path = join(folder, expected.file);
  const info = await inspectFaiss(path);
  const faults: string[] = [];
  if (info.verdict !== expected.verdict) faults.push(`the verdict is ${info.verdict}, not ${expected.verdict}`);
  if (info.rows !== expected.rows || info.dim !== expected.dim) faults.push(`it is ${info.rows} x ${info.dim}`);
  const { verdict } = expected;
  if (verdict === 'lossy' || verdict === 'refused') {
    const refused = await refusalOf(path, verdict === 'refused');
    if (refused !== 'SRC_UNSUPPORTED') faults.push(`it is not refused, but ${refused ?? 'read'}`);
  }
  if (verdict === 'refused') return faults.join('; ');
  const { ids, rows } = inIdOrder(await readFile(path, verdict === 'lossy'));
  if (sha256(new Uint8Array(ids.buffer)) !== expected.sha256_ids) faults.push('the ids differ');
  if (expected.tolerance === 0) {
    if (sha256(rows) !== expected.sha256) faults.push('the vectors are not the same bit for bit');
  } else {
    const off = difference(rows, new Uint8Array(readFileSync(`${path}.rows`)));
    if (!(off <= expected.tolerance)) faults.push(`the vectors are off by ${off}, allowed ${expected.tolerance}`);
  }
  return faults.join('; ');
}
