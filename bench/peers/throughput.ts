import { Schema } from 'apache-arrow';
import { makeBatch, rawColumns } from '../../src/batch/columns.js';
import { toArrowField } from '../../src/batch/fields.js';
import { createBufferPool } from '../../src/milvus/buffer-pool.js';
import { encodeInsert } from '../../src/milvus/encode.js';
import { openReader } from '../../src/registry.js';

/**
 * Prints GB of vectors per second (1e9 bytes) of one of these, warmed up by one pass over a part of the data:
 * encode DIM BYTES: Insert requests of 4 MiB with int64 ids, in turn into four pooled buffers
 * hdf5 PATH, faiss PATH [TYPE]: all batches of a file, ids and vectors; the bytes are those of float32, whatever the type
 */
const [what, ...args] = process.argv.slice(2);
const BATCH_BYTES = 4 * 2 ** 20;
const IN_FLIGHT = 4;

async function encode(dim: number, bytes: number): Promise<number> {
  const rows = Math.floor(BATCH_BYTES / (dim * 4 + 8));
  const fields = [
    { name: 'id', type: 'INT64' as const, primaryKey: true },
    { name: 'embedding', type: 'FLOAT_VECTOR' as const, dim },
  ];
  const schema = new Schema(fields.map(toArrowField));
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i) * 1000n);
  const vectors = Float32Array.from({ length: rows * dim }, () => Math.random());
  const batch = makeBatch(schema, rows, [ids, vectors]);
  const pool = createBufferPool(IN_FLIGHT);
  const leases = await Promise.all(Array.from({ length: IN_FLIGHT }, () => pool.take()));
  const pass = (requests: number): void => {
    for (let i = 0; i < requests; i++) {
      const columns = rawColumns(batch).map((column) => ({ column, name: column.field.name }));
      const message = { collection: 'bench', partition: '', rows, columns };
      encodeInsert(message, (length) => leases[i % IN_FLIGHT]!.acquire(length));
    }
  };
  const requests = Math.ceil(bytes / vectors.byteLength);
  pass(IN_FLIGHT * 4);
  const start = performance.now();
  pass(requests);
  return (requests * vectors.byteLength) / 1e6 / (performance.now() - start);
}

function sourceOf(path: string): Parameters<typeof openReader>[0] {
  if (what === 'faiss') {
    const type = args[1] === 'FLOAT16_VECTOR' ? { vectorType: args[1] as 'FLOAT16_VECTOR' } : {};
    return { adapter: 'faiss', files: [{ path }], allowLossy: true, ...type };
  }
  return {
    adapter: 'hdf5',
    files: [{ path }],
    dataset: 'embeddings',
    idsDataset: 'ids',
    idsOptional: true,
    columns: {},
  };
}

async function read(path: string): Promise<number> {
  await using reader = await openReader(sourceOf(path), { idField: 'id', vectorField: 'embedding' });
  const [split] = await reader.splits();
  const pass = async (mostRows: number): Promise<number> => {
    let rows = 0;
    for await (const { batch } of reader.read(split!, { maxBytes: BATCH_BYTES })) {
      rows += batch.numRows;
      if (rows >= mostRows) break;
    }
    return rows;
  };
  await pass(split!.rows / 8);
  const start = performance.now();
  const rows = await pass(Number.POSITIVE_INFINITY);
  if (rows !== split!.rows) throw new Error(`${rows} of ${split!.rows} rows came`);
  return (rows * reader.info[0]!.dim * 4) / 1e6 / (performance.now() - start);
}

const speed = what === 'encode' ? await encode(Number(args[0]), Number(args[1])) : await read(args[0]!);
process.stdout.write(`${speed}\n`);
