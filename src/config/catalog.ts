import { endpointOf, tlsOf } from './endpoint.js';
import { present } from './present.js';
import type { RawBackup, RawNames, RawSelection, RawSnapshot, RawStorage, RawTask } from './raw.js';
import { absolutePath, type Surroundings } from './references.js';
import { globMatches, isGlob, type Selection } from './selection.js';
import { storageOf } from './storage.js';
import type {
  ArchiveTarget,
  BackupSource,
  CatalogSource,
  LegacySource,
  MergeChoice,
  MilvusSource,
  MySqlParameter,
  SegmentsSource,
  SnapshotSource,
} from './types.js';

const DEFAULT_MYSQL_PORT = 3306;
/** Comparing every name with every pattern ends here; no file that is meant seriously comes near. */
const MOST_STEPS = 1e8;

function isOne(names: RawNames): names is string {
  return typeof names === 'string';
}

function listOf(names: RawNames): readonly string[] {
  return isOne(names) ? [names] : [...new Set(names)];
}

function isNames(selection: RawSelection): selection is RawNames {
  return typeof selection === 'string' || Array.isArray(selection);
}

/** A selection in its one form: what is named without partitions stands for all of them. */
export function selectionOf(raw: RawSelection): Selection {
  if (isNames(raw)) return Object.fromEntries(listOf(raw).map((name) => [name, null]));
  return Object.fromEntries(
    Object.entries(raw).map(([name, partitions]) => [name, partitions === null ? null : listOf(partitions)]),
  );
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/** The names that fit none of the patterns; none at all where finding out would take too long. */
export function unmatched(names: readonly string[], patterns: readonly string[]): string[] {
  const literal = new Set(patterns);
  const globs = [...literal].filter(isGlob);
  if (lengthOf(names) * lengthOf(globs) > MOST_STEPS) return [];
  return names.filter((name) => !literal.has(name) && !globs.some((glob) => globMatches(glob, name)));
}

function mysqlOf(raw: RawTask, around: Surroundings): MySqlParameter | undefined {
  const { mysql_parameter: given } = raw;
  if (given === undefined) return undefined;
  const { host, port = DEFAULT_MYSQL_PORT, user, password = '', database, tls } = given;
  return present<MySqlParameter>({
    host,
    port,
    user,
    password,
    database,
    tls: tls === true ? true : tlsOf(tls, around),
  });
}

function legacyOf(raw: RawTask, path: string, select: Selection, around: Surroundings): LegacySource {
  return present<LegacySource>({
    adapter: 'legacy',
    path: absolutePath(path, around),
    extraPaths: listOf(raw.extra_paths ?? []).map((extra) => absolutePath(extra, around)),
    mysql: mysqlOf(raw, around),
    select,
    exclude: raw.exclude_collection === undefined ? undefined : selectionOf(raw.exclude_collection),
    onMissingSegment: raw.on_missing_segment ?? 'error',
    unflushed: raw.unflushed ?? 'warn',
  });
}

function backupOf(raw: RawTask, given: string | RawBackup, select: Selection, around: Surroundings): BackupSource {
  const place =
    typeof given === 'string'
      ? { storage: { type: 'local' as const, path: absolutePath(given, around) }, name: '' }
      : { storage: storageOf('backup_store', given.store ?? {}, around), name: given.name ?? '' };
  return present<BackupSource>({
    adapter: 'backup',
    ...place,
    db: raw.source_db,
    select,
    exclude: raw.exclude_collection === undefined ? undefined : selectionOf(raw.exclude_collection),
    outputFields: raw.output_fields === undefined ? undefined : listOf(raw.output_fields),
  });
}

function snapshotOf(
  raw: RawTask,
  given: string | RawSnapshot,
  select: Selection,
  around: Surroundings,
): SnapshotSource {
  const place =
    typeof given === 'string'
      ? { storage: { type: 'local' as const, path: absolutePath(given, around) }, path: '' }
      : {
          storage: storageOf('source_storage', given.store ?? {}, around),
          path: given.path ?? '',
          name: given.name,
        };
  return present<SnapshotSource>({
    adapter: 'snapshot',
    ...place,
    select,
    exclude: raw.exclude_collection === undefined ? undefined : selectionOf(raw.exclude_collection),
    outputFields: raw.output_fields === undefined ? undefined : listOf(raw.output_fields),
  });
}

function segmentsOf(raw: RawTask, store: RawStorage, select: Selection, around: Surroundings): SegmentsSource {
  return present<SegmentsSource>({
    adapter: 'segments',
    endpoint: endpointOf('source', raw, around),
    storage: storageOf('source_storage', store, around),
    flush: raw.flush ?? true,
    select,
    exclude: raw.exclude_collection === undefined ? undefined : selectionOf(raw.exclude_collection),
    outputFields: raw.output_fields === undefined ? undefined : listOf(raw.output_fields),
  });
}

/** The source of M2M and M2H: the folder of an old Milvus, a backup or a snapshot where one is named, else a Milvus 2.x or its store. */
export function catalogOf(raw: RawTask, around: Surroundings): CatalogSource {
  const select = selectionOf(raw.source_collection ?? []);
  if (raw.source_milvus_path !== undefined) return legacyOf(raw, raw.source_milvus_path, select, around);
  if (raw.source_backup !== undefined) return backupOf(raw, raw.source_backup, select, around);
  if (raw.source_snapshot !== undefined) return snapshotOf(raw, raw.source_snapshot, select, around);
  if (raw.source_storage !== undefined) return segmentsOf(raw, raw.source_storage, select, around);
  return present<MilvusSource>({
    adapter: 'milvus',
    endpoint: endpointOf('source', raw, around),
    select,
    exclude: raw.exclude_collection === undefined ? undefined : selectionOf(raw.exclude_collection),
    filter: raw.filter,
    outputFields: raw.output_fields === undefined ? undefined : listOf(raw.output_fields),
  });
}

/** `merge` with its default. */
export function mergeOf(raw: RawTask): MergeChoice | undefined {
  return raw.merge && { into: raw.merge.into, partition: raw.merge.partition ?? 'keep' };
}

/** Where M2H writes. */
export function archiveOf(raw: RawTask, around: Surroundings): ArchiveTarget {
  return present<ArchiveTarget>({
    dir: absolutePath(raw.data_dir ?? '', around),
    rowsPerFile: raw.rows_per_file,
    gzip: raw.gzip,
  });
}
