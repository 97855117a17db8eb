import type { Side } from './address.js';
import { writeOf } from './bulk.js';
import { archiveOf, catalogOf, mergeOf } from './catalog.js';
import { endpointKeys, endpointOf } from './endpoint.js';
import { present } from './present.js';
import type { RawFile, RawTask } from './raw.js';
import { absolutePath, type Surroundings } from './references.js';
import { storageOf } from './storage.js';
import { toTransforms } from './transforms.js';
import type {
  CollectionParameter,
  FaissSource,
  Hdf5Source,
  MilvusEndpoint,
  MoveName,
  RunOptions,
  SourceConfig,
  SourceFile,
  TaskConfig,
} from './types.js';
import { parseBytes, parseRate } from './units.js';

/** M2H has no Milvus as target. */
const NOWHERE: MilvusEndpoint = { at: { kind: 'server', address: '', tls: false } };
const DEFAULT_BATCH_BYTES = 4 * 1024 * 1024;

function filesOf(paths: string | readonly RawFile[], around: Surroundings): SourceFile[] {
  const list = typeof paths === 'string' ? [paths] : paths;
  return list.map((file) => {
    if (typeof file === 'string') return { path: absolutePath(file, around) };
    return { ...file, path: absolutePath(file.path, around) };
  });
}

function sourceOf(task: MoveName, raw: RawTask, around: Surroundings): SourceConfig {
  if (task === 'M2M' || task === 'M2H') return catalogOf(raw, around);
  const files = raw.data_path === undefined ? undefined : filesOf(raw.data_path, around);
  if (task === 'F2M') {
    return present<FaissSource>({
      adapter: 'faiss',
      files: files ?? [],
      format: raw.format,
      allowLossy: raw.allow_lossy || undefined,
      vectorType: raw.vector_type as FaissSource['vectorType'],
    });
  }
  return present<Hdf5Source>({
    adapter: 'hdf5',
    files,
    dir: raw.data_dir === undefined ? undefined : absolutePath(raw.data_dir, around),
    dataset: raw.dataset ?? 'embeddings',
    idsDataset: raw.ids_dataset ?? 'ids',
    idsOptional: raw.ids_dataset === undefined,
    columns: raw.columns ?? {},
    vectorType: raw.vector_type as Hdf5Source['vectorType'],
    archive: raw.stored_schema === 'ignore' ? 'ignore' : undefined,
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

function offsetsOf(raw: RawTask): Pick<RunOptions, 'idOffset' | 'idOffsets'> {
  const { id_offset: given = '0' } = raw;
  if (typeof given === 'string') return { idOffset: BigInt(given) };
  const each = Object.entries(given).map(([collection, offset]) => [collection, BigInt(offset)]);
  return { idOffset: 0n, idOffsets: Object.fromEntries(each) };
}

function optionsOf(raw: RawTask, source: SourceConfig): RunOptions {
  const many = 'select' in source;
  return present<RunOptions>({
    idStart: raw.id_start === undefined || raw.id_start === 'auto' ? raw.id_start : BigInt(raw.id_start),
    ...offsetsOf(raw),
    newIds: raw.new_ids ?? false,
    preflight: raw.preflight ?? (source.adapter === 'milvus' ? 'headers' : 'full'),
    verify: raw.verify ?? 'sample',
    batchBytes: parseBytes(raw.batch_bytes ?? DEFAULT_BATCH_BYTES) ?? DEFAULT_BATCH_BYTES,
    parallelism: raw.parallelism ?? 4,
    tuning: raw.tuning === 'off' ? 'off' : undefined,
    maxRate: raw.max_rate === undefined ? undefined : parseRate(raw.max_rate),
    onDuplicateId: raw.on_duplicate_id ?? 'keep',
    onBadRow: raw.on_bad_row ?? 'error',
    quarantineLimit: raw.quarantine_limit ?? 1000,
    retryFor: raw.retry_for ?? 60,
    onError: many ? (raw.on_error ?? 'continue') : undefined,
  });
}

function notesOf(task: MoveName, raw: RawTask, source: SourceConfig): string[] {
  const notes: string[] = [];
  const size = raw.collection_parameter?.index_file_size;
  if (size !== undefined) notes.push(`index_file_size ${size} has no counterpart in Milvus 2.x and has no effect`);
  if (raw.mode === undefined && task !== 'M2H') {
    notes.push('mode is not set: skip, nothing is written if the target exists');
  }
  const seen = new Set<string>();
  for (const { path, partition = '' } of ('files' in source && source.files) || []) {
    const place = `${partition}\0${path}`;
    if (seen.has(place)) notes.push(`data_path names ${path} more than once: its rows are written each time`);
    seen.add(place);
  }
  return notes;
}

/** All that must not be shown: the secrets of the file, and what a request makes of them. */
export function secretsOf(raw: RawTask, secrets: readonly string[]): string[] {
  // A request carries "user:password" in base64; only as a whole it can be found there.
  const logins = (['source', 'dest'] as const).flatMap((side: Side) => {
    const { user, password } = endpointKeys(side, raw);
    return user !== undefined && password ? [`${user}:${password}`] : [];
  });
  return [...new Set([...secrets, ...logins])];
}

/** A checked task in the form that the rest of the program uses: defaults filled in, paths absolute, units in bytes. */
export function toTask(task: MoveName, raw: RawTask, around: Surroundings, secrets: readonly string[]): TaskConfig {
  const source = sourceOf(task, raw, around);
  return present<TaskConfig>({
    task,
    source,
    dest: task === 'M2H' ? NOWHERE : endpointOf('dest', raw, around),
    archive: task === 'M2H' ? archiveOf(raw, around) : undefined,
    write: task === 'M2H' ? undefined : writeOf(raw, around),
    mode: raw.mode ?? 'skip',
    collection: raw.dest_collection_name ?? '',
    partition: raw.dest_partition_name,
    collectionMap: raw.collection_map,
    partitionMap: raw.partition_map,
    merge: mergeOf(raw),
    transforms: raw.transforms === undefined ? undefined : toTransforms(raw.transforms),
    parameter: parameterOf(raw),
    work: raw.work_storage === undefined ? undefined : storageOf('work_storage', raw.work_storage, around),
    options: optionsOf(raw, source),
    notes: notesOf(task, raw, source),
    secrets,
  });
}
