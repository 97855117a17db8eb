import type { Parsed } from './address.js';
import type { RawFile, RawTask } from './raw.js';
import { absolutePath, type Surroundings } from './references.js';
import { targetOf } from './rules.js';
import type {
  CollectionParameter,
  MilvusEndpoint,
  RunOptions,
  FileSource,
  SourceFile,
  TaskConfig,
  TaskName,
  TlsOptions,
} from './types.js';
import { parseBytes, parseRate } from './units.js';

const DEFAULT_BATCH_BYTES = 4 * 1024 * 1024;

/** Drops the keys without a value, so that "absent" has one form. */
function present<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

function filesOf(paths: string | readonly RawFile[], around: Surroundings): SourceFile[] {
  const list = typeof paths === 'string' ? [paths] : paths;
  return list.map((file) => {
    if (typeof file === 'string') return { path: absolutePath(file, around) };
    return { ...file, path: absolutePath(file.path, around) };
  });
}

function sourceOf(task: TaskName, raw: RawTask, around: Surroundings): FileSource {
  const files = raw.data_path === undefined ? undefined : filesOf(raw.data_path, around);
  if (task === 'F2M') return { adapter: 'faiss', files: files ?? [] };
  return present<Extract<FileSource, { adapter: 'hdf5' }>>({
    adapter: 'hdf5',
    files,
    dir: raw.data_dir === undefined ? undefined : absolutePath(raw.data_dir, around),
    dataset: raw.dataset ?? 'embeddings',
    idsDataset: raw.ids_dataset ?? 'ids',
    idsOptional: raw.ids_dataset === undefined,
    columns: raw.columns ?? {},
    vectorType: raw.vector_type,
  });
}

function tlsOf(raw: RawTask, around: Surroundings): TlsOptions | undefined {
  if (typeof raw.dest_tls !== 'object') return undefined;
  const { ca, cert, key, server_name: serverName, skip_verify: skipVerify } = raw.dest_tls;
  const path = (given: string | undefined): string | undefined => given && absolutePath(given, around);
  return present<TlsOptions>({ ca: path(ca), cert: path(cert), key: path(key), serverName, skipVerify });
}

function endpointOf(raw: RawTask, around: Surroundings): MilvusEndpoint {
  const target: Parsed = targetOf({ raw, around });
  const at = 'at' in target ? target.at : undefined;
  if (at === undefined) throw new Error('an address that the rules had passed cannot be parsed');
  const secured = raw.dest_tls === true || typeof raw.dest_tls === 'object';
  return present<MilvusEndpoint>({
    at: at.kind === 'server' ? { ...at, tls: at.tls || secured } : at,
    token: raw.dest_token,
    user: raw.dest_user,
    password: raw.dest_password,
    db: raw.dest_db,
    tls: tlsOf(raw, around),
  });
}

function parameterOf(raw: RawTask): CollectionParameter {
  const given = raw.collection_parameter ?? {};
  const { index } = given;
  return present<CollectionParameter>({
    dimension: given.dimension,
    metric: given.metric_type,
    indexFileSize: given.index_file_size,
    idField: given.id_field ?? 'id',
    vectorField: given.vector_field ?? 'embedding',
    index: typeof index === 'object' ? { type: index.type, params: index.params ?? {} } : index,
    shards: given.shards,
    load: given.load ?? false,
  });
}

function optionsOf(raw: RawTask): RunOptions {
  return present<RunOptions>({
    idStart: raw.id_start === undefined || raw.id_start === 'auto' ? raw.id_start : BigInt(raw.id_start),
    idOffset: BigInt(raw.id_offset ?? 0),
    newIds: raw.new_ids ?? false,
    preflight: raw.preflight ?? 'full',
    verify: raw.verify ?? 'sample',
    batchBytes: parseBytes(raw.batch_bytes ?? DEFAULT_BATCH_BYTES) ?? DEFAULT_BATCH_BYTES,
    parallelism: raw.parallelism ?? 4,
    maxRate: raw.max_rate === undefined ? undefined : parseRate(raw.max_rate),
    onDuplicateId: raw.on_duplicate_id ?? 'keep',
    onBadRow: raw.on_bad_row ?? 'error',
    quarantineLimit: raw.quarantine_limit ?? 1000,
    retryFor: raw.retry_for ?? 60,
  });
}

function notesOf(raw: RawTask, source: FileSource): string[] {
  const notes: string[] = [];
  const size = raw.collection_parameter?.index_file_size;
  if (size !== undefined) notes.push(`index_file_size ${size} has no counterpart in Milvus 2.x and has no effect`);
  if (raw.mode === undefined) notes.push('mode is not set: skip, nothing is written if the target exists');
  const seen = new Set<string>();
  for (const { path, partition = '' } of source.files ?? []) {
    const place = `${partition}\0${path}`;
    if (seen.has(place)) notes.push(`data_path names ${path} more than once: its rows are written each time`);
    seen.add(place);
  }
  return notes;
}

function secretsOf(raw: RawTask, secrets: readonly string[]): string[] {
  // A request carries "user:password" in base64; only as a whole it can be found there.
  const login = raw.dest_user !== undefined && raw.dest_password ? [`${raw.dest_user}:${raw.dest_password}`] : [];
  return [...new Set([...secrets, ...login])];
}

/** A checked task in the form that the rest of the program uses: defaults filled in, paths absolute, units in bytes. */
export function toTask(task: TaskName, raw: RawTask, around: Surroundings, secrets: readonly string[]): TaskConfig {
  const source = sourceOf(task, raw, around);
  return present<TaskConfig>({
    task,
    source,
    dest: endpointOf(raw, around),
    mode: raw.mode ?? 'skip',
    collection: raw.dest_collection_name,
    partition: raw.dest_partition_name,
    parameter: parameterOf(raw),
    options: optionsOf(raw),
    notes: notesOf(raw, source),
    secrets: secretsOf(raw, secrets),
  });
}
