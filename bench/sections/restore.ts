import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupConfig, RestoreConfig } from '../../src/config/types.js';
import { createJob } from '../../src/job/job.js';
import { PROJECT } from '../../test/support/environments.js';
import { migrate } from '../lib/cli.js';
import { load } from '../lib/machine.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

const SECTION = 'restore';
const DIM = 128;
const COLLECTION = 'bench_restore';
const PARTITIONS = ['a', 'b', 'c', 'd'];
/** What the two backups bring. */
const RESTORED = { large: [`${COLLECTION}_again`], tiny: ['articles_again', 'fingerprints_again'] };
/** What milvus-backup v0.5.16 took on two shared cores with MinIO; its binary is not at hand here. */
const PEER = { large: 18.8, tiny: 12.7 };
/** As it comes, and by the server's imports whatever its version. */
const WAYS = ['large', 'tiny', 'imported'] as const;
type Way = (typeof WAYS)[number];

function restoreConfig(address: string, folder: string, way: Way): RestoreConfig {
  return {
    task: 'RESTORE',
    endpoint: { at: { kind: 'server', address, tls: false } },
    store: { type: 'local', path: folder },
    name: way === 'tiny' ? 'tiny' : 'large',
    ...(way === 'imported' ? { way: 'import' } : {}),
    select: ['*.*'],
    exclude: [],
    rename: { map: {}, suffix: '_again' },
    mode: 'overwrite',
    index: 'restore',
    load: false,
    metaOnly: false,
    rbac: false,
    passwords: {},
    verify: 'none',
    parallelism: 16,
    retryFor: 60,
    notes: [],
    secrets: [],
  };
}

function backupConfig(address: string, storage: string, folder: string): BackupConfig {
  return {
    task: 'BACKUP',
    endpoint: { at: { kind: 'server', address, tls: false } },
    storage: { type: 'local', path: storage },
    store: { type: 'local', path: folder },
    name: 'large',
    select: [`default.${COLLECTION}`],
    exclude: [],
    strategy: 'storage',
    kind: 'manual',
    flush: true,
    rbac: false,
    link: true,
    checksum: 'none',
    compression: 'zstd',
    parallelism: 16,
    retryFor: 60,
    notes: [],
    secrets: [],
  };
}

/** A restore as a job, in this process, without verification; gives its seconds. */
async function restore(config: RestoreConfig): Promise<number> {
  const began = performance.now();
  const report = await createJob(config).run();
  if (report.error) throw new Error(report.error.message);
  return (performance.now() - began) / 1000;
}

/** Restores by requests, as comes of itself at that size, and by the server's own import, beside what milvus-backup took of the same amounts elsewhere. */
export async function restoreSection(setup: Setup): Promise<Result[]> {
  const folder = join(setup.folder, 'restore');
  const address = await setup.server();
  const rows = setup.quick ? 12_500 : 150_000;
  const path = JSON.stringify(await setup.data('hdf5', rows, DIM));
  const files = PARTITIONS.map((partition) => `{path: ${path}, partition: ${partition}}`);
  const keys = {
    data_path: `[${files.join(', ')}]`,
    collection_parameter: '{metric_type: L2, index: none, shards: 2}',
  };
  await migrate({ task: 'H2M', source: '', address, collection: COLLECTION, keys }, setup.folder);
  await cp(join(PROJECT, 'fixtures/milvus-backup/sample'), join(folder, 'tiny'), { recursive: true });
  const seconds: Record<Way, number[]> = { large: [], tiny: [], imported: [] };
  try {
    const made = await createJob(backupConfig(address, await setup.serverStorage(), folder)).run();
    if (made.error) throw new Error(made.error.message);
    // The source is in the backup now, and the server has no more work with it.
    await setup.drop(COLLECTION);
    for (let repetition = 0; repetition < setup.repetitions; repetition++) {
      for (const way of WAYS) {
        const before = load();
        seconds[way].push(await restore(restoreConfig(address, folder, way)));
        setup.log(`restore ${way}: ${seconds[way].at(-1)?.toFixed(2)} s (load before ${before})`);
        for (const collection of RESTORED[way === 'tiny' ? 'tiny' : 'large']) await setup.drop(collection);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const result = (name: string, values: readonly number[], most?: number): Result => ({
    section: SECTION,
    name,
    unit: 's',
    value: median(values),
    values,
    ...(setup.quick || most === undefined ? {} : { target: { at: 'most', value: most } }),
  });
  const size = `${Math.round((rows * PARTITIONS.length * DIM * 4) / 1e6)} MB in 8 segments of 4 partitions`;
  return [
    result(size, seconds.large, 0.8 * PEER.large),
    result('6 tiny segments in 3 partitions', seconds.tiny, 0.55 * PEER.tiny),
    result('the 8 segments with write: import', seconds.imported),
  ];
}
