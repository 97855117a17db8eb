import { DEFAULT_PARTITION, listNames } from '../../config/selection.js';
import { plural } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { MetaRow, MetaStore, TableShape } from './meta-store.js';

/** A live row of `Tables`: a collection, or a partition of one. */
export interface LegacyTable {
  readonly id: bigint;
  /** Name of its folder. */
  readonly tableId: string;
  /** Records of the log up to this number are in its segments. */
  readonly flushLsn: bigint;
  readonly segments: readonly LegacySegment[];
}

/** A segment that holds live rows. */
export interface LegacySegment {
  readonly id: string;
  /** What the metadata says; not to be relied on. */
  readonly rowCount: bigint;
}

/** A partition under its original name. Two rows of the metadata may bear one name; the first is the one that the log means. */
export interface LegacyPart {
  readonly tag: string;
  readonly tables: readonly [LegacyTable, ...LegacyTable[]];
}

export interface LegacyCollection {
  readonly name: string;
  readonly dimension: number;
  readonly metricType: number;
  readonly engineType: number;
  /** JSON text. */
  readonly indexParams: string;
  /** 0 nothing inserted yet, 1 ids by the server, 2 ids by the user. */
  readonly flag: number;
  /** `_default` first, then in the order of their making. */
  readonly parts: readonly LegacyPart[];
}

export interface LegacyMetadata {
  /** In the order of their making. */
  readonly collections: readonly LegacyCollection[];
  readonly warnings: readonly string[];
}

const TABLE_COLUMNS = [
  'id',
  'table_id',
  'state',
  'dimension',
  'flag',
  'engine_type',
  'index_params',
  'metric_type',
  'owner_table',
  'partition_tag',
  'flush_lsn',
] as const;
const FILE_COLUMNS = ['id', 'table_id', 'segment_id', 'file_id', 'file_type', 'row_count'] as const;
const STATE_NORMAL = 0n;
/** RAW, TO_INDEX and BACKUP: the three states of a file that hold rows. INDEX (3) repeats those of a BACKUP. */
const LIVE_FILE_TYPES = [1, 2, 7];

function text(row: MetaRow, column: string): string {
  const value = row[column];
  return value === null || value === undefined ? '' : String(value);
}

function whole(store: MetaStore, row: MetaRow, column: string): bigint {
  const value = row[column];
  if (typeof value === 'bigint') return value;
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value);
  throw fail(
    'SRC_CORRUPT',
    `${store.label}: ${column} of row ${text(row, 'id')} is no whole number, but ${String(value)}`,
  );
}

function small(store: MetaStore, row: MetaRow, column: string): number {
  return Number(whole(store, row, column));
}

function unsupported(label: string, what: string): MilvusdmError {
  return fail('SRC_UNSUPPORTED', `${label} holds the metadata of ${what}`, {
    hint: 'milvusdm reads the folders of Milvus 0.7 to 1.1: let such a server take the folder over first.',
  });
}

/** The two tables that count. Throws SRC_UNSUPPORTED for other generations, by their name. */
function recognise(store: MetaStore): { tables: TableShape; files: TableShape } {
  const { label, shapes } = store;
  const tables = shapes.get('tables');
  const files = shapes.get('tablefiles');
  if (!tables || !files) {
    const names = [...shapes.keys()];
    // 0.11 keeps snapshots: tables for collections, segments and what was committed to each.
    if (names.some((name) => /^segment_?(file|commit)s?$/.test(name))) throw unsupported(label, 'Milvus 0.11');
    const have =
      names.length === 0 ? 'it has no tables' : `it has ${listNames([...shapes.values()].map((s) => s.name))}`;
    const hint = 'Check the path, or the database of mysql_parameter.';
    throw fail('SRC_UNSUPPORTED', `${label} is no metadata of Milvus 0.7 to 1.1: ${have}`, { hint });
  }
  if (!files.columns.has('segment_id') || !tables.columns.has('flush_lsn'))
    throw unsupported(label, 'Milvus 0.6 or older');
  const absent = [
    ...TABLE_COLUMNS.filter((column) => !tables.columns.has(column)).map((column) => `${tables.name}.${column}`),
    ...FILE_COLUMNS.filter((column) => !files.columns.has(column)).map((column) => `${files.name}.${column}`),
  ];
  if (absent.length === 0) return { tables, files };
  throw fail('SRC_UNSUPPORTED', `${label} is no metadata of Milvus 0.7 to 1.1: it lacks ${absent.join(', ')}`);
}

function selectOf(shape: TableShape, columns: readonly string[]): string {
  const quoted = columns.map((column) => `\`${column}\``).join(', ');
  return `SELECT ${quoted} FROM \`${shape.name.replaceAll('`', '``')}\``;
}

/** Live segments by table, each once, in the order of their making. */
async function readSegments(store: MetaStore, files: TableShape): Promise<Map<string, Map<string, LegacySegment>>> {
  const marks = LIVE_FILE_TYPES.map(() => '?').join(', ');
  const sql = `${selectOf(files, FILE_COLUMNS)} WHERE \`file_type\` IN (${marks}) ORDER BY \`id\``;
  const byTable = new Map<string, Map<string, LegacySegment>>();
  for (const row of await store.query(sql, LIVE_FILE_TYPES)) {
    const tableId = text(row, 'table_id');
    const segments = byTable.get(tableId) ?? new Map<string, LegacySegment>();
    const id = text(row, 'segment_id') || text(row, 'file_id');
    if (!segments.has(id)) segments.set(id, { id, rowCount: whole(store, row, 'row_count') });
    byTable.set(tableId, segments);
  }
  return byTable;
}

function partsOf(own: LegacyTable, partitions: readonly { tag: string; table: LegacyTable }[]): LegacyPart[] {
  const parts = new Map<string, [LegacyTable, ...LegacyTable[]]>([[DEFAULT_PARTITION, [own]]]);
  for (const { tag, table } of partitions) {
    const name = tag === '' ? DEFAULT_PARTITION : tag;
    const known = parts.get(name);
    if (known) known.push(table);
    else parts.set(name, [table]);
  }
  return [...parts].map(([tag, tables]) => ({ tag, tables }));
}

async function warningsOf(store: MetaStore): Promise<string[]> {
  const fields = store.shapes.get('fields');
  if (!fields) return [...store.warnings];
  const [row] = await store.query(`SELECT COUNT(*) AS n FROM \`${fields.name.replaceAll('`', '``')}\``, []);
  const count = BigInt(row?.n ?? 0n);
  if (count === 0n) return [...store.warnings];
  const text = `attribute fields of the hybrid search preview are not carried over: ${plural(count, 'field')} of ${store.label}`;
  return [...store.warnings, text];
}

/**
 * Reads all live collections with their partitions and segments. A partition counts by its own state, since a tag that was
 * dropped and made again has two rows. Throws SRC_UNSUPPORTED for 0.6, 0.11 and foreign databases, SRC_CORRUPT,
 * SRC_UNREADABLE.
 */
export async function readMetadata(store: MetaStore): Promise<LegacyMetadata> {
  const shapes = recognise(store);
  const all = await store.query(`${selectOf(shapes.tables, TABLE_COLUMNS)} ORDER BY \`id\``, []);
  const live = all.filter((row) => whole(store, row, 'state') === STATE_NORMAL);
  const segments = await readSegments(store, shapes.files);
  const tableOf = (row: MetaRow): LegacyTable => ({
    id: whole(store, row, 'id'),
    tableId: text(row, 'table_id'),
    flushLsn: whole(store, row, 'flush_lsn'),
    segments: [...(segments.get(text(row, 'table_id'))?.values() ?? [])],
  });
  const partitions = new Map<string, { tag: string; table: LegacyTable }[]>();
  for (const row of live) {
    const owner = text(row, 'owner_table');
    if (owner === '') continue;
    const known = partitions.get(owner) ?? [];
    known.push({ tag: text(row, 'partition_tag'), table: tableOf(row) });
    partitions.set(owner, known);
  }
  const collections = live
    .filter((row) => text(row, 'owner_table') === '')
    .map((row): LegacyCollection => {
      const name = text(row, 'table_id');
      return {
        name,
        dimension: small(store, row, 'dimension'),
        metricType: small(store, row, 'metric_type'),
        engineType: small(store, row, 'engine_type'),
        indexParams: text(row, 'index_params'),
        flag: small(store, row, 'flag'),
        parts: partsOf(tableOf(row), partitions.get(name) ?? []),
      };
    });
  return { collections, warnings: await warningsOf(store) };
}
