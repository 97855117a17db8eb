import { copyFile, link, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CopyObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { openBackup } from '../../src/backup/open.js';
import type { BackupConfig, S3Storage, StorageConfig } from '../../src/config/types.js';
import { createJob } from '../../src/job/job.js';
import { openMilvus } from '../../src/milvus/open.js';
import { flushCollection } from '../../src/segments/flush.js';
import { segmentServer } from '../../src/segments/server.js';
import { openStore } from '../../src/store/index.js';
import { clientSettings } from '../../src/store/s3/client.js';
import { anySignal } from '../../src/util/abort.js';
import { startMilvus } from '../../test/support/milvus-server.js';
import { milvusOn, startMinio } from '../../test/support/minio.js';
import { migrate } from '../lib/cli.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';
import { createSnapshot } from './snapshot.js';

const SECTION = 'backup';
const DIM = 128;
const MOST_TIMES = 1.3;
const MOST_LINK_MS = 100;
const COLLECTION = 'bench_backup';
const AT_ONCE = 16;

/** A server with where it keeps its data and where its backups go. */
interface Place {
  readonly setup: Setup;
  readonly address: string;
  readonly storage: StorageConfig;
  readonly store: StorageConfig;
}

function configOf(place: Place, name: string, changes: Partial<BackupConfig> = {}): BackupConfig {
  const { address, storage, store } = place;
  return {
    task: 'BACKUP',
    endpoint: { at: { kind: 'server', address, tls: false } },
    storage,
    store,
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
    parallelism: AT_ONCE,
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

async function removeAll(config: StorageConfig, prefix: string): Promise<void> {
  await using store = await openStore(config);
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  await store.remove(keys);
}

/** A backup as a job, in this process; gives its seconds. What it made is removed. */
async function create(place: Place, changes: Partial<BackupConfig> = {}): Promise<number> {
  const took = await seconds(async () => {
    const report = await createJob(configOf(place, 'made', changes)).run();
    if (report.error) throw new Error(report.error.message);
  });
  await removeAll(place.store, 'made/');
  return took;
}

/** The server's own flush of a collection that has nothing new. */
async function flush({ address }: Place): Promise<number> {
  const endpoint = { at: { kind: 'server', address, tls: false } } as const;
  await using opened = await openMilvus(endpoint, { log: () => {}, retry: { totalMs: 0 } });
  const server = segmentServer(opened.connection);
  const of = { db: 'default', name: COLLECTION };
  return await seconds(() => flushCollection(server, of, anySignal()));
}

interface ServerFile {
  /** As the server calls it: a path, or a key of its bucket. */
  readonly name: string;
  readonly bytes: number;
}

/** The files of the collection in the server's store, by the meta files of a backup. */
async function sourceFiles({ store: config }: Place): Promise<ServerFile[]> {
  await using store = await openStore(config);
  const { info } = await openBackup(store, 'files');
  return info.collection_backups
    .flatMap((collection) => collection.partition_backups)
    .flatMap((partition) => partition.segment_backups)
    .flatMap((segment) => [...segment.binlogs, ...segment.deltalogs])
    .flatMap((field) => field.binlogs.map(({ log_path: name, log_size: bytes }) => ({ name, bytes })));
}

async function eachAtOnce<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await run(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The same files put elsewhere, each safe on the disk as it must be for a backup. */
async function plainCopy(setup: Setup, files: readonly ServerFile[], how: 'copy' | 'link'): Promise<number> {
  const to = join(setup.folder, 'plain');
  const one = async ({ name }: ServerFile): Promise<void> => {
    const path = join(to, name);
    await mkdir(dirname(path), { recursive: true });
    if (how === 'link') return await link(name, path);
    await copyFile(name, path);
    const handle = await open(path, 'r+');
    await handle.sync();
    await handle.close();
  };
  const took = await seconds(() => eachAtOnce(files, one));
  await rm(to, { recursive: true });
  return took;
}

/** The same objects copied within the server. */
async function plainServerCopy(storage: S3Storage, files: readonly ServerFile[]): Promise<number> {
  const client = new S3Client(clientSettings(storage, {}));
  const { bucket: Bucket } = storage;
  const one = async ({ name }: ServerFile): Promise<void> => {
    await client.send(new CopyObjectCommand({ Bucket, CopySource: `${Bucket}/${name}`, Key: `plain/${name}` }));
  };
  const took = await seconds(() => eachAtOnce(files, one));
  client.destroy();
  await removeAll({ ...storage, root: '' }, 'plain/');
  return took;
}

interface Sample {
  readonly create: number;
  /** Of a self-contained snapshot. */
  readonly snapshot: number;
  readonly flush: number;
  readonly copy: number;
}

interface LinkSample {
  readonly link: number;
  readonly linkFlush: number;
  readonly plainLink: number;
}

type Line = Pick<Result, 'section' | 'value' | 'values'>;

function lineOf<T>(samples: readonly T[], what: (sample: T) => number): Line {
  const values = samples.map(what);
  return { section: SECTION, value: median(values), values };
}

function results(samples: readonly Sample[], what: string, copy: string): Result[] {
  return [
    { name: `create, ${what}`, unit: 's', ...lineOf(samples, (one) => one.create) },
    { name: `${copy} of the same files`, unit: 's', ...lineOf(samples, (one) => one.copy) },
    { name: 'flush by the server', unit: 's', ...lineOf(samples, (one) => one.flush) },
    {
      name: 'create / (copy + flush)',
      unit: 'times',
      ...lineOf(samples, (one) => one.create / (one.copy + one.flush)),
      target: { at: 'most', value: MOST_TIMES },
    },
    {
      name: 'create of a self-contained snapshot / (copy + flush)',
      unit: 'times',
      ...lineOf(samples, (one) => one.snapshot / (one.copy + one.flush)),
      target: { at: 'most', value: MOST_TIMES },
    },
  ];
}

function linkResults(samples: readonly LinkSample[]): Result[] {
  return [
    { name: 'create with link', unit: 's', ...lineOf(samples, (one) => one.link) },
    { name: 'plain links of the same files', unit: 's', ...lineOf(samples, (one) => one.plainLink) },
    {
      name: 'create with link, less the flush',
      unit: 'ms',
      ...lineOf(samples, (one) => (one.link - one.linkFlush) * 1000),
      target: { at: 'most', value: MOST_LINK_MS },
    },
  ];
}

/** Fills a collection and gives the files that the server keeps of it; one backup is made for that, and as a warm-up. */
async function prepare(place: Place): Promise<ServerFile[]> {
  const { setup, address } = place;
  const source = await setup.data('hdf5', setup.quick ? 100_000 : 600_000, DIM);
  await migrate({ task: 'H2M', source, address, collection: COLLECTION }, setup.folder);
  const made = await createJob(configOf(place, 'files')).run();
  if (made.error) throw new Error(made.error.message);
  return await sourceFiles(place);
}

function sizeOf(files: readonly ServerFile[]): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return `${Math.round(bytes / 2 ** 20)} MiB in ${files.length} files`;
}

/** Each in turn, so that what else the machine does falls on all. */
async function repeated<T>(setup: Setup, sample: () => Promise<T>): Promise<T[]> {
  const samples: T[] = [];
  for (let repetition = 0; repetition < setup.repetitions; repetition++) {
    samples.push(await sample());
    setup.log(`backup ${JSON.stringify(samples.at(-1))}`);
  }
  return samples;
}

async function onFolders(setup: Setup): Promise<Result[]> {
  const address = await setup.server();
  const storage = { type: 'local', path: await setup.serverStorage() } as const;
  const store = { type: 'local', path: join(setup.folder, 'backups') } as const;
  const place: Place = { setup, address, storage, store };
  try {
    const files = await prepare(place);
    const samples = await repeated(setup, async () => ({
      create: await create(place),
      snapshot: await createSnapshot(address, storage, COLLECTION),
      copy: await plainCopy(setup, files, 'copy'),
      flush: await flush(place),
      link: await create(place, { link: true }),
      linkFlush: await flush(place),
      plainLink: await plainCopy(setup, files, 'link'),
    }));
    const what = `folders, ${sizeOf(files)}`;
    return [...results(samples, what, 'plain copy, each synced,'), ...linkResults(samples)];
  } finally {
    await setup.drop(COLLECTION);
  }
}

/** A Milvus of its own, which keeps its data in a MinIO. */
async function onMinio(setup: Setup): Promise<Result[]> {
  await using minio = await startMinio();
  const storage = await minio.bucket('milvus', 'files');
  await using milvus = await startMilvus({ settings: milvusOn(storage) });
  const place: Place = { setup, address: milvus.address, storage, store: { ...storage, root: 'backup' } };
  const files = await prepare(place);
  const samples = await repeated(setup, async () => ({
    create: await create(place),
    snapshot: await createSnapshot(milvus.address, storage, COLLECTION),
    copy: await plainServerCopy(storage, files),
    flush: await flush(place),
  }));
  return results(samples, `MinIO, ${sizeOf(files)}`, 'plain copy by the server');
}

/** Backups in this process, of local storage and within MinIO, beside plain copies of the same files and the server's own flush. */
export async function backupSection(setup: Setup): Promise<Result[]> {
  return [...(await onFolders(setup)), ...(await onMinio(setup))];
}
