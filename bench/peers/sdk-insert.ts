import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';

/**
 * Inserts random rows by the SDK's own `insert`, 10,000 rows a call as objects: ADDRESS COLLECTION ROWS DIM.
 * Only the calls are timed, not the making of the objects. Prints the seconds.
 */
const [address = '', collection = '', rowsText = '', dimText = ''] = process.argv.slice(2);
const [rows, dim] = [Number(rowsText), Number(dimText)];
const ROWS = 10_000;

function block(first: number, count: number): { id: number; embedding: number[] }[] {
  return Array.from({ length: count }, (_, i) => ({
    id: first + i,
    embedding: Array.from({ length: dim }, () => Math.fround(Math.random())),
  }));
}

const client = new MilvusClient({ address, maxRetries: 0, telemetry: { enabled: false }, logLevel: 'none' });
await client.connectPromise;
const made = await client.createCollection({
  collection_name: collection,
  shards_num: 1,
  fields: [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: false },
    { name: 'embedding', data_type: DataType.FloatVector, dim },
  ],
});
if (made.code !== 0) throw new Error(`create collection: ${made.reason}`);
let seconds = 0;
let written = 0;
for (let first = 0; first < rows; first += ROWS) {
  const data = block(first, Math.min(ROWS, rows - first));
  const start = performance.now();
  const answer = await client.insert({ collection_name: collection, data });
  seconds += (performance.now() - start) / 1000;
  if (answer.status.code !== 0) throw new Error(`insert: ${answer.status.reason}`);
  written += Number(answer.insert_cnt);
}
await client.closeConnection();
if (written !== rows) throw new Error(`${written} of ${rows} rows were written`);
process.stdout.write(`${JSON.stringify({ rows, insert: seconds })}\n`);
