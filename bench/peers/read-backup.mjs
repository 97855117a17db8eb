// Reads a backup or snapshot as M2M does, and throws the batches away: `node read-backup.mjs backup|snapshot FOLDER`; prints MB of vectors a
// second, and a second of CPU.
import { openBackupCatalog } from '../../dist/adapters/backup/index.js';
import { openSnapshotCatalog } from '../../dist/adapters/backup/snapshot.js';

const [adapter, path] = process.argv.slice(2);
const source = { adapter, storage: { type: 'local', path }, select: { '*': null } };
const options = { retryForMs: 0, log: () => {} };
const catalog = await (adapter === 'snapshot'
  ? openSnapshotCatalog({ ...source, path: '' }, options)
  : openBackupCatalog({ ...source, name: '' }, options));
const reader = await catalog.collections[0].open();
const before = process.cpuUsage();
const started = performance.now();
let rows = 0;
for (const split of await reader.splits()) {
  for await (const { batch } of reader.read(split, { maxBytes: 4 * 1024 * 1024 })) rows += batch.numRows;
}
const seconds = (performance.now() - started) / 1000;
const bytes = rows * reader.info[0].dim * 4;
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${bytes / 1e6 / seconds} ${bytes / (user + system)}\n`);
