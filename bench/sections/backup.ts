import { execFile } from 'node:child_process';
import { copyFile, link, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { openBackup } from '../../src/backup/open.js';
import type { BackupConfig } from '../../src/config/types.js';
import { createJob } from '../../src/job/job.js';
import { openMilvus } from '../../src/milvus/open.js';
import { flushCollection } from '../../src/segments/flush.js';
import { segmentServer } from '../../src/segments/server.js';
import { openStore } from '../../src/store/index.js';
import { migrate } from '../lib/cli.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

const SECTION = 'backup';
const DIM = 128;
const MOST_TIMES = 1.3;
const MOST_LINK_MS = 100;
const COLLECTION = 'bench_backup';

interface Place {
  readonly setup: Setup;
  readonly address: string;
  readonly storage: string;
}

function configOf({ setup, address, storage }: Place, name: string, changes: Partial<BackupConfig> = {}): BackupConfig {
  return {
    task: 'BACKUP',
    endpoint: { at: { kind: 'server', address, tls: false } },
    storage: { type: 'local', path: storage },
    store: { type: 'local', path: join(setup.folder, 'backups') },
    name,
    select: [`default.${COLLECTION}`],
    exclude: [],
    strategy: 'storage',
    kind: 'manual',
    flush: true,
    rbac: false,
    link: false,
    checksum: 'auto',
    compression: 'zstd',
    parallelism: 16,
    retryFor: 60,
    notes: [],
    secrets: [],
    ...changes,
  };
}

async function seconds(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return (performance.now() - began) / 1000;
}

/** A backup as a job, in this process; gives its seconds. What it made is removed. */
async function create(place: Place, changes: Partial<BackupConfig> = {}): Promise<number> {
  const took = await seconds(async () => {
    const report = await createJob(configOf(place, 'made', changes)).run();
    if (report.error) throw new Error(report.error.message);
  });
  await rm(join(place.setup.folder, 'backups/made'), { recursive: true });
  return took;
}

/** The server's own flush of a collection that has nothing new. */
async function flush({ address }: Place): Promise<number> {
  const endpoint = { at: { kind: 'server', address, tls: false } } as const;
  await using opened = await openMilvus(endpoint, { log: () => {}, retry: { totalMs: 0 } });
  const server = segmentServer(opened.connection);
  const of = { db: 'default', name: COLLECTION };
  return await seconds(() => flushCollection(server, of, new AbortController().signal));
}

/** The files of the collection in the server's store, by the meta files of a backup. */
async function sourceFiles(place: Place): Promise<string[]> {
  await using store = await openStore({ type: 'local', path: join(place.setup.folder, 'backups') });
  const { info } = await openBackup(store, 'files');
  return info.collection_backups
    .flatMap((collection) => collection.partition_backups)
    .flatMap((partition) => partition.segment_backups)
    .flatMap((segment) => [...segment.binlogs, ...segment.deltalogs])
    .flatMap((field) => field.binlogs.map(({ log_path }) => log_path));
}

/** The same files put elsewhere by 16 at a time, each safe on the disk as it must be for a backup. */
async function plainCopy(place: Place, files: readonly string[], how: 'copy' | 'link'): Promise<number> {
  const to = join(place.setup.folder, 'plain');
  const one = async (from: string): Promise<void> => {
    const path = join(to, from.slice(place.storage.length));
    await mkdir(dirname(path), { recursive: true });
    if (how === 'link') return await link(from, path);
    await copyFile(from, path);
    const handle = await open(path, 'r+');
    await handle.sync();
    await handle.close();
  };
  const rest = [...files];
  const worker = async (): Promise<void> => {
    for (let file = rest.pop(); file !== undefined; file = rest.pop()) await one(file);
  };
  const took = await seconds(() => Promise.all(Array.from({ length: 16 }, worker)));
  await rm(to, { recursive: true });
  return took;
}

interface Sample {
  readonly create: number;
  readonly link: number;
  readonly flush: number;
  readonly copy: number;
  readonly plainLink: number;
}

function results(samples: readonly Sample[], size: string): Result[] {
  const of = (what: (sample: Sample) => number): { value: number; values: number[] } => {
    const values = samples.map(what);
    return { value: median(values), values };
  };
  const s = (name: string, what: (sample: Sample) => number): Result => ({
    section: SECTION,
    name,
    unit: 's',
    ...of(what),
  });
  return [
    s(`create, ${size}`, (one) => one.create),
    s('plain copy of the same files, each synced', (one) => one.copy),
    s('flush by the server', (one) => one.flush),
    {
      section: SECTION,
      name: 'create / (copy + flush)',
      unit: 'times',
      ...of((one) => one.create / (one.copy + one.flush)),
      target: { at: 'most', value: MOST_TIMES },
    },
    s('create with link', (one) => one.link),
    s('plain links of the same files', (one) => one.plainLink),
    {
      section: SECTION,
      name: 'create with link, less the flush',
      unit: 'ms',
      ...of((one) => (one.link - one.flush) * 1000),
      target: { at: 'most', value: MOST_LINK_MS },
    },
  ];
}

/** Backups of local storage in this process: beside a plain copy of the same files and the server's own flush. */
export async function backupSection(setup: Setup): Promise<Result[]> {
  const rows = setup.quick ? 100_000 : 600_000;
  const place: Place = { setup, address: await setup.server(), storage: await setup.serverStorage() };
  const source = await setup.data('hdf5', rows, DIM);
  await migrate({ task: 'H2M', source, address: place.address, collection: COLLECTION }, setup.folder);
  try {
    const made = await createJob(configOf(place, 'files')).run();
    if (made.error) throw new Error(made.error.message);
    const files = await sourceFiles(place);
    const { stdout } = await promisify(execFile)('du', ['-sm', join(setup.folder, 'backups/files')]);
    const samples: Sample[] = [];
    for (let repetition = 0; repetition < setup.repetitions; repetition++) {
      const sample: Sample = {
        create: await create(place),
        copy: await plainCopy(place, files, 'copy'),
        flush: await flush(place),
        link: await create(place, { link: true }),
        plainLink: await plainCopy(place, files, 'link'),
      };
      samples.push(sample);
      setup.log(`backup ${JSON.stringify(sample)}`);
    }
    return results(samples, `${Number.parseInt(stdout, 10)} MB in ${files.length} files`);
  } finally {
    await setup.drop(COLLECTION);
  }
}
