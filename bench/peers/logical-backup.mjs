import { rm } from 'node:fs/promises';
import { rawColumn } from '../../dist/batch/columns.js';
import { createJob } from '../../dist/job/job.js';
import { openCatalog } from '../../dist/registry.js';
import { sizeHeapForRuns } from '../../dist/util/heap.js';

/**
 * Backs a collection up by reading its rows: ADDRESS COLLECTION FOLDER COMPRESSION. The built code, as for read.mjs.
 * Prints {"rows", "seconds", "before", "sum"}: the time from the opening of the source (as read.mjs: the search for key ranges
 * in it, and one more connection) to the manifest, every row read back and compared; that before it, in which the job begins and
 * describes what there is; the sum of all ids as the backup has them, which is added up later. What was made is removed.
 */
const [address = '', collection = '', folder = '', compression = 'zstd'] = process.argv.slice(2);
sizeHeapForRuns();
const store = { type: 'local', path: folder };

const job = createJob({
  task: 'BACKUP',
  endpoint: { at: { kind: 'server', address, tls: false } },
  store,
  name: 'logical',
  select: [`default.${collection}`],
  exclude: [],
  strategy: 'logical',
  kind: 'manual',
  flush: true,
  rbac: false,
  link: false,
  checksum: 'auto',
  compression,
  parallelism: 16,
  retryFor: 60,
  notes: [],
  secrets: [],
});
const begun = performance.now();
let start = begun;
// The last one: the first is of the job, to describe the collections.
job.on(({ type, phase }) => {
  if (type === 'phase' && phase === 'connect') start = performance.now();
});
const report = await job.run();
const seconds = (performance.now() - start) / 1000;
if (report.error) throw new Error(report.error.message);

const source = { adapter: 'backup', storage: store, name: 'logical', db: 'default', select: { [collection]: null } };
const o = { retryForMs: 0, log: () => {}, signal: new AbortController().signal };
const catalog = await openCatalog(source, { idField: 'id', vectorField: 'embedding' }, o);
const reader = await catalog.collections[0].open();
const key = reader.schema.fields.findIndex((field) => field.name === 'id');
let rows = 0;
let sum = 0n;
for (const split of await reader.splits()) {
  for await (const { batch } of reader.read(split, { maxBytes: 8 * 2 ** 20 })) {
    rows += batch.numRows;
    for (const id of rawColumn(batch, key).values) sum += id;
  }
}
await reader[Symbol.asyncDispose]();
await catalog[Symbol.asyncDispose]();
await rm(folder, { recursive: true });
process.stdout.write(`${JSON.stringify({ rows, seconds, before: (start - begun) / 1000, sum: String(sum) })}\n`);
