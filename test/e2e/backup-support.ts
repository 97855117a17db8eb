import { type Dirent, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, type RowData } from '@zilliz/milvus2-sdk-node';
import { expect, inject } from 'vitest';
import { stringify } from 'yaml';
import { type RunningCli, runCli, startCli } from '../support/cli.js';
import {
  checkDocument,
  checkOutput,
  milvusUri,
  type Ran,
  type RunOptions,
  ran,
  runYaml,
  temporaryFolder,
  withClient,
} from './support.js';

/** The folder of the local storage of the Milvus of the run. */
export function serverStorage(): { readonly type: 'local'; readonly path: string } {
  const path = inject('milvusStorage');
  if (path === '') throw new Error('with MILVUS_ADDR, backups need MILVUS_STORAGE: the folder of its local storage');
  return { type: 'local', path };
}

/** A BACKUP of the Milvus of the run into `store`, a folder unless it is given otherwise. */
export async function backupYaml(store: string | object, keys: object): Promise<string> {
  const path = join(await temporaryFolder(), 'BACKUP.yaml');
  const backup_store = typeof store === 'string' ? { type: 'local', path: store } : store;
  await writeFile(
    path,
    stringify({ BACKUP: { source_uri: milvusUri(), source_storage: serverStorage(), backup_store, ...keys } }),
  );
  return path;
}

export async function backUp(store: string | object, keys: object, o: RunOptions = {}): Promise<Ran> {
  return await runYaml(await backupYaml(store, keys), o);
}

export async function backUpOk(store: string | object, keys: object, o: RunOptions = {}): Promise<Ran> {
  const done = await backUp(store, keys, o);
  expect(done.report.error, done.stderr).toBe(null);
  expect(done.report).toMatchObject({ task: 'BACKUP', status: 'done', exit_code: 0 });
  return done;
}

export async function startBackup(yaml: string, o: RunOptions = {}): Promise<RunningCli> {
  return await startCli(['--yaml', yaml, '--json', ...(o.args ?? [])], o);
}

/** `milvusdm backup ...`, whose document is checked. */
export async function backupCommand(...args: string[]): Promise<Record<string, unknown>> {
  const document = checkOutput(await runCli(['backup', ...args, '--json']));
  checkDocument('backup-commands.schema.json', document);
  return document;
}

/** The report of a `milvusdm backup` that fails. */
export async function backupFailure(...args: string[]): Promise<Ran['report']> {
  return ran(await runCli(['backup', ...args, '--json'])).report;
}

/** A server, or others, may remove what is looked at. */
function filesIn(folder: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : entry.isFile() ? [path] : [];
  });
}

/** Files below a folder, by their paths in it; none where it is not there. */
export function filesBelow(folder: string): string[] {
  return filesIn(folder).map((path) => path.slice(folder.length + 1));
}

const DIM = 8;

/** Rows of {@link makeArticles}; the vector says which row it is of. */
export function articleRows(from: number, count: number, text = 'row'): RowData[] {
  return Array.from({ length: count }, (_, at) => ({
    id: from + at,
    embedding: Array.from({ length: DIM }, (_, column) => from + at + column / 8),
    title: `${text} ${from + at}`,
    extra: at,
  }));
}

/** A collection like the one in the sample of milvus-backup, with deleted and upserted rows; 2 flushes, 2 partitions with rows. */
export async function makeArticles(name: string): Promise<void> {
  await withClient(async (client) => {
    const ok = async (call: Promise<unknown>): Promise<void> => {
      const answer = (await call) as { status?: { reason: string; code: number } };
      const { reason, code } = answer.status ?? (answer as { reason: string; code: number });
      if (code !== 0) throw new Error(reason);
    };
    await ok(
      client.createCollection({
        collection_name: name,
        description: 'articles',
        shards_num: 2,
        enable_dynamic_field: true,
        properties: { 'collection.ttl.seconds': '864000' },
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'embedding', data_type: DataType.FloatVector, dim: DIM },
          { name: 'title', data_type: DataType.VarChar, max_length: 64 },
        ],
      }),
    );
    for (const partition_name of ['p_2024', 'p_empty']) {
      await ok(client.createPartition({ collection_name: name, partition_name }));
    }
    await ok(client.insert({ collection_name: name, data: articleRows(0, 600) }));
    await ok(client.insert({ collection_name: name, partition_name: 'p_2024', data: articleRows(1000, 300) }));
    await client.flushSync({ collection_names: [name] });
    await ok(
      client.createIndex({
        collection_name: name,
        field_name: 'embedding',
        index_type: 'IVF_FLAT',
        metric_type: 'IP',
        params: { nlist: 16 },
      }),
    );
    await ok(client.createAlias({ collection_name: name, alias: `${name}_alias` }));
    await ok(client.loadCollectionSync({ collection_name: name }));
    await ok(client.delete({ collection_name: name, filter: 'id in [3, 4, 5]' }));
    await ok(client.upsert({ collection_name: name, data: articleRows(10, 2, 'upserted') }));
    await ok(client.insert({ collection_name: name, data: articleRows(2000, 100) }));
  });
}
