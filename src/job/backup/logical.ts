import { backupPrefix, metaKey } from '../../backup/layout.js';
import {
  COLLECTION_FILE,
  decodeCollection,
  encodeManifest,
  type LogicalCollection,
  type LogicalManifest,
} from '../../backup/logical.js';
import { encodeSideFile, SIDE_VERSION, type SideFile } from '../../backup/side-file.js';
import type { MilvusEndpoint, TaskConfig } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import { packageVersion } from '../../util/version.js';
import { jobId } from '../job-id.js';
import type { Emit } from '../open-job.js';
import type { Report } from '../report.js';
import { executeRun } from '../run.js';
import type { BackupResult, BackupRun, PreparedBackup } from './context.js';
import { settingsWithoutTtl } from './ttl.js';

const NOWHERE: MilvusEndpoint = { at: { kind: 'server', address: '', tls: false } };
const NO_TALLY = { files: 0, bytes: 0 } as const;
/** Several key ranges are read at a time, each of which keeps two answers of about this size. */
const BATCH_BYTES = 4 << 20;

/** The move of a database's collections into Arrow files: a job like M2H. */
function moveOf({ config, name, collections }: PreparedBackup, db: string): TaskConfig {
  const names = collections.filter(({ of }) => of.db === db).map(({ of }) => of.name);
  return {
    task: 'M2H',
    ...(config.file === undefined ? {} : { file: config.file }),
    source: {
      adapter: 'milvus',
      endpoint: db === 'default' ? config.endpoint : { ...config.endpoint, db },
      select: Object.fromEntries(names.map((one) => [one, null])),
    },
    dest: NOWHERE,
    logical: { storage: config.store, name, db, compression: config.compression },
    mode: 'overwrite',
    collection: '',
    parameter: { idField: 'id', vectorField: 'embedding', load: false },
    options: {
      idOffset: 0n,
      newIds: false,
      preflight: 'headers',
      verify: 'full',
      batchBytes: BATCH_BYTES,
      parallelism: 1,
      onDuplicateId: 'keep',
      onBadRow: 'error',
      quarantineLimit: 0,
      retryFor: config.retryFor,
      onError: 'stop',
      ...(config.restart ? { restart: true } : {}),
    },
    notes: [],
    secrets: config.secrets,
  };
}

function sideFile({ prepared, started }: BackupRun, state: SideFile['state'], files: SideFile['files']): SideFile {
  const { server } = prepared;
  return {
    version: SIDE_VERSION,
    tool: packageVersion(),
    state,
    strategy: 'logical',
    started: started.toISOString(),
    ...(state === 'complete' ? { ended: new Date().toISOString() } : {}),
    server: server.address,
    milvus_version: server.version,
    linked: false,
    left_out: [],
    files,
  };
}

/** A Milvus Lite runs for this backup already, and a folder takes no second one. */
function throughServer(config: TaskConfig, { server }: PreparedBackup): TaskConfig {
  const { source } = config;
  if (source.adapter !== 'milvus' || source.endpoint.at.kind !== 'embedded') return config;
  const at = { kind: 'server', address: server.address, tls: false } as const;
  return { ...config, source: { ...source, endpoint: { ...source.endpoint, at } } };
}

/** Reads the rows of a database; throws what made that fail. */
async function moveRows({ prepared, emit, signal, warn }: BackupRun, db: string): Promise<Report> {
  const config = moveOf(prepared, db);
  const signals = { stop: signal, kill: new AbortController().signal };
  // By the folder, which the next run has, too; the server that was started in it has another port each time.
  const id = jobId(config);
  // Its warnings come with its report, too, and are told once.
  const tell: Emit = (event) => event.type === 'warning' || emit(event);
  const report = await executeRun(throughServer(config, prepared), id, signals, tell);
  for (const message of report.warnings) warn(message);
  if (report.error) throw fail(report.error.code, report.error.message, { hint: report.error.hint });
  return report;
}

/** What the moves have left in the store: one file for each collection. */
async function writtenCollections({ prepared, signal }: BackupRun): Promise<LogicalCollection[]> {
  const { dest, name, collections } = prepared;
  const found: LogicalCollection[] = [];
  for await (const { key } of dest.list(`${backupPrefix(name)}data/`, { signal })) {
    if (!key.endsWith(`/${COLLECTION_FILE}`)) continue;
    const one = decodeCollection(await dest.read(key, { signal }), `${key} in ${dest.name}`);
    const described = collections.find(({ of }) => of.db === one.db && of.name === one.name);
    if (!described) continue;
    const settings = prepared.config.ttl === false ? settingsWithoutTtl(one.settings) : one.settings;
    found.push({ ...one, settings, loaded: described.info.load_state === 'Loaded' });
  }
  const lost = collections.find(({ of }) => !found.some((one) => one.db === of.db && one.name === of.name));
  if (lost) throw fail('INTERNAL', `the backup of "${lost.of.db}.${lost.of.name}" has left nothing in ${dest.name}`);
  return found;
}

function filesOf(collections: readonly LogicalCollection[]): SideFile['files'] {
  const parts = collections.flatMap(({ partitions }) => partitions.flatMap((p) => p.parts));
  return Object.fromEntries(parts.map(({ key, size, sum }) => [key, { size, sum }]));
}

/**
 * Backs up by reading rows: for servers whose store is out of reach, and for Milvus Lite. Each database is a move of its own,
 * which notes what has arrived and goes on after an interruption. The manifest is written last.
 */
export async function backUpLogically(run: BackupRun): Promise<BackupResult> {
  const { prepared, started } = run;
  const { dest, name, server } = prepared;
  await dest.write(metaKey(name, 'side'), encodeSideFile(sideFile(run, 'running', {})));
  const rows = new Map<string, number>();
  for (const db of new Set(prepared.collections.map(({ of }) => of.db))) {
    const { targets } = await moveRows(run, db);
    for (const { collection, rows_written } of targets) {
      const full = `${db}.${collection}`;
      rows.set(full, (rows.get(full) ?? 0) + rows_written);
    }
  }
  const collections = await writtenCollections(run);
  const files = filesOf(collections);
  await dest.write(metaKey(name, 'side'), encodeSideFile(sideFile(run, 'complete', files)));
  const manifest: LogicalManifest = {
    created: started.toISOString(),
    milvusVersion: server.version,
    databases: prepared.databases.map(({ db_name, properties }) => ({
      name: db_name,
      properties: Object.fromEntries(properties.map(({ key, value }) => [key, value])),
    })),
    ...(prepared.rbac ? { rbac: prepared.rbac } : {}),
    collections,
  };
  await dest.write(metaKey(name, 'manifest'), encodeManifest(manifest));
  const bytes = Object.values(files).reduce((sum, { size }) => sum + size, 0);
  const count = Object.keys(files).length;
  return {
    rows,
    files: count,
    bytes,
    copied: { files: count, bytes },
    fromBase: NO_TALLY,
    reused: NO_TALLY,
    leftOut: [],
    checksums: count,
  };
}
