import { Schema } from 'apache-arrow';
import type { Reader } from '../../src/adapters/types.js';
import { makeBatch, rawColumns } from '../../src/batch/columns.js';
import { toArrowField } from '../../src/batch/fields.js';
import { createBufferPool } from '../../src/milvus/buffer-pool.js';
import { encodeInsert } from '../../src/milvus/encode.js';
import { openCatalog, openReader } from '../../src/registry.js';

/**
 * Prints GB of vectors per second (1e9 bytes) of one of these, warmed up by one pass over a part of the data:
 * encode DIM BYTES: Insert requests of 4 MiB with int64 ids, in turn into four pooled buffers
 * hdf5 PATH, faiss PATH [TYPE]: all batches of a file, ids and vectors; the bytes are those of float32, whatever the type
 * legacy PATH: the same of the only collection in the folder of an old Milvus
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

async function open(path: string): Promise<Reader> {
  const names = { idField: 'id', vectorField: 'embedding' };
  if (what !== 'legacy') return openReader(sourceOf(path), names);
  const folder = { path, extraPaths: [], select: { '*': null }, onMissingSegment: 'error', unflushed: 'warn' } as const;
  await using catalog = await openCatalog({ adapter: 'legacy', ...folder }, names, { retryForMs: 0, log() {} });
  return await catalog.collections[0]!.open();
}

async function read(path: string): Promise<number> {
  await using reader = await open(path);
  const splits = await reader.splits();
  const total = splits.reduce((sum, split) => sum + split.rows, 0);
  const pass = async (mostRows: number): Promise<number> => {
    let rows = 0;
    for (const split of splits) {
      if (rows >= mostRows) break;
      for await (const { batch } of reader.read(split, { maxBytes: BATCH_BYTES })) {
        rows += batch.numRows;
        if (rows >= mostRows) break;
      }
    }
    return rows;
  };
  await pass(total / 8);
  const start = performance.now();
  const rows = await pass(Number.POSITIVE_INFINITY);
  if (rows !== total) throw new Error(`${rows} of ${total} rows came`);
  return (rows * reader.info[0]!.dim * 4) / 1e6 / (performance.now() - start);
}

const speed = what === 'encode' ? await encode(Number(args[0]), Number(args[1])) : await read(args[0]!);
process.stdout.write(`${speed}\n`);
