import { Schema } from 'apache-arrow';
import { createArchiveFile } from '../../src/adapters/hdf5/index.js';
import { makeBatch } from '../../src/batch/columns.js';
import { toArrowField } from '../../src/batch/fields.js';

/**
 * Writes int64 ids and float vectors: HOW PATH ROWS DIM. Prints the seconds of writing them and of all.
 * archive: an archive of milvusdm, batch by batch; behind the writing it is brought to the disk, read back and compared
 * h5wasm: two datasets, each in one call, as the examples of h5wasm do it; then the file is closed
 */
const [how, path, ...sizes] = process.argv.slice(2) as [string, string, string, string];
const [rows, dim] = sizes.map(Number) as [number, number];
const BATCH_BYTES = 4 * 2 ** 20;

interface Timing {
  readonly write: number;
  readonly all: number;
}

function fill(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.sin(i);
}

async function archive(rows: number): Promise<Timing> {
  const fields = [
    { name: 'id', type: 'INT64' as const, primaryKey: true },
    { name: 'embedding', type: 'FLOAT_VECTOR' as const, dim },
  ];
  const schema = new Schema(fields.map(toArrowField));
  const most = Math.floor(BATCH_BYTES / (dim * 4 + 8));
  const vectors = new Float32Array(most * dim);
  const ids = new BigInt64Array(most);
  fill(vectors);
  const start = performance.now();
  const names = { keyName: 'id', vectorName: 'embedding' };
  await using file = await createArchiveFile({ path, schema, meta: {}, ...names, overwrite: true });
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    for (let i = 0; i < count; i++) ids[i] = BigInt(first + i);
    await file.append(makeBatch(schema, count, [ids, vectors]));
  }
  const written = performance.now();
  await file.finish();
  return { write: written - start, all: performance.now() - start };
}

async function plain(rows: number): Promise<Timing> {
  const { default: h5wasm } = await import('h5wasm/node');
  await h5wasm.ready;
  const vectors = new Float32Array(rows * dim);
  fill(vectors);
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i));
  const start = performance.now();
  const file = new h5wasm.File(path, 'w');
  file.create_dataset({ name: 'embeddings', data: vectors, shape: [rows, dim] });
  file.create_dataset({ name: 'ids', data: ids, shape: [rows] });
  const written = performance.now();
  file.close();
  return { write: written - start, all: performance.now() - start };
}

const write = how === 'h5wasm' ? plain : archive;
// Loads and warms up what is loaded on first use.
await write(1000);
const timing = await write(rows);
process.stdout.write(`${JSON.stringify({ write: timing.write / 1000, all: timing.all / 1000 })}\n`);
