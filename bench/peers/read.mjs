import { openMilvusReader } from '../../dist/adapters/milvus/reader.js';
import { rawColumn } from '../../dist/batch/columns.js';
import { describeCollection } from '../../dist/milvus/collections.js';
import { connect } from '../../dist/milvus/connection.js';
import { readPoint } from '../../dist/milvus/data.js';
import { sizeHeapForRuns } from '../../dist/util/heap.js';

/**
 * Reads a collection by milvusdm's own reader, as a run does, and throws the rows away: ADDRESS COLLECTION. As many splits at
 * a time as the reader says, at one timestamp. The built code, so that memory is that of the program alone.
 * Prints {"rows", "seconds", "cpu", "bytes", "sum"}: the time from the first query to the last row (the search for key ranges
 * in it), the CPU seconds of this process in that time, the bytes of all values, the sum of all ids.
 */
const [address = '', collection = ''] = process.argv.slice(2);
sizeHeapForRuns();
const BATCH_BYTES = 8 * 2 ** 20;

const connection = await connect({ at: { kind: 'server', address, tls: false } }, address, false, { totalMs: 0 });
const info = await describeCollection(connection, collection);
const before = process.cpuUsage();
const start = performance.now();
const reader = await openMilvusReader({
  connection,
  info,
  partitions: info.partitions,
  at: await readPoint(connection),
  close: async () => {},
});
const splits = [...(await reader.splits())];
let rows = 0;
let sum = 0n;
const key = reader.schema.fields.findIndex((field) => field.name === 'id');

async function readSome() {
  for (let split = splits.shift(); split; split = splits.shift()) {
    for await (const { batch } of reader.read(split, { maxBytes: BATCH_BYTES })) {
      rows += batch.numRows;
      for (const id of rawColumn(batch, key).values) sum += id;
    }
  }
}

const bytes = splits.reduce((total, split) => total + split.bytes, 0);
await Promise.all(Array.from({ length: reader.parallelSplits }, readSome));
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${JSON.stringify({ rows, seconds, cpu: (user + system) / 1e6, bytes, sum: String(sum) })}\n`);
await connection[Symbol.asyncDispose]();
