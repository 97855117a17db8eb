import { ConsistencyLevelEnum, MilvusClient } from '@zilliz/milvus2-sdk-node';

/**
 * Reads the first rows of a collection by the SDK's `query`, in pages by key, and throws them away: ADDRESS COLLECTION ROWS.
 * Consistency Bounded. Prints {"rows", "seconds", "sum"}, sum over all ids.
 */
const [address = '', collection = '', rowsText = ''] = process.argv.slice(2);
const wanted = Number(rowsText);
const PAGE = 16_384;

const client = new MilvusClient({ address, maxRetries: 0, telemetry: { enabled: false }, logLevel: 'none' });
await client.connectPromise;
const start = performance.now();
let rows = 0;
let sum = 0n;
for (let last = -1n; rows < wanted; ) {
  const answer = await client.query({
    collection_name: collection,
    expr: `id > ${last}`,
    output_fields: ['id', 'embedding'],
    limit: Math.min(PAGE, wanted - rows),
    consistency_level: ConsistencyLevelEnum.Bounded,
  });
  if (answer.status.code !== 0) throw new Error(`query: ${answer.status.reason}`);
  if (answer.data.length === 0) break;
  for (const row of answer.data) {
    last = BigInt(row.id);
    sum += last;
  }
  rows += answer.data.length;
}
const seconds = (performance.now() - start) / 1000;
await client.closeConnection();
process.stdout.write(`${JSON.stringify({ rows, seconds, sum: String(sum) })}\n`);
