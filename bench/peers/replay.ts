import { Schema } from 'apache-arrow';
import { makeBatch, rawColumns } from '../../src/batch/columns.js';
import { toArrowField } from '../../src/batch/fields.js';
import { createCollection, flush } from '../../src/milvus/collections.js';
import { mutate } from '../../src/milvus/data.js';
import { encodeInsert } from '../../src/milvus/encode.js';
import { requestMemory } from '../../src/milvus/framing.js';
import { openMilvus } from '../../src/milvus/open.js';

/**
 * What the server itself can take: Insert requests of 4 MiB that were made before (int64 ids, random float vectors), sent over
 * milvusdm's own channel, four in flight: ADDRESS COLLECTION ROWS DIM. Prints {"rows", "insert", "flushed"}, in seconds from the
 * first request to the last acknowledgement, and on until the server has flushed.
 */
const [address = '', collection = '', rowsText = '', dimText = ''] = process.argv.slice(2);
const [rows, dim] = [Number(rowsText), Number(dimText)];
const BATCH_BYTES = 4 * 2 ** 20;
const IN_FLIGHT = 4;
const FLUSH_TIMEOUT_MS = 600_000;

const fields = [
  { name: 'id', type: 'INT64' as const, primaryKey: true },
  { name: 'embedding', type: 'FLOAT_VECTOR' as const, dim },
];
const schema = new Schema(fields.map(toArrowField));

function request(first: number, count: number): Uint8Array {
  const ids = BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i));
  const vectors = Float32Array.from({ length: count * dim }, () => Math.random());
  const columns = rawColumns(makeBatch(schema, count, [ids, vectors])).map((column) => ({
    column,
    name: column.field.name,
  }));
  return encodeInsert({ collection, partition: '', rows: count, columns }, requestMemory);
}

const step = Math.floor(BATCH_BYTES / (dim * 4 + 8));
const requests: Uint8Array[] = [];
for (let first = 0; first < rows; first += step) requests.push(request(first, Math.min(step, rows - first)));

await using opened = await openMilvus(
  { at: { kind: 'server', address, tls: false } },
  { log: () => {}, retry: { totalMs: 0 } },
);
await createCollection(opened.connection, {
  name: collection,
  fields,
  autoId: false,
  description: '',
  shards: 1,
});
let next = 0;
async function send(): Promise<void> {
  while (next < requests.length) {
    const at = next++;
    await mutate(opened.connection, 'Insert', requests[at]!, `insert ${at}`);
  }
}
const start = performance.now();
await Promise.all(Array.from({ length: IN_FLIGHT }, send));
const insert = (performance.now() - start) / 1000;
await flush(opened.connection, collection, FLUSH_TIMEOUT_MS);
process.stdout.write(`${JSON.stringify({ rows, insert, flushed: (performance.now() - start) / 1000 })}\n`);
