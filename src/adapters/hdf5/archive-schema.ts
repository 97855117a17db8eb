import { type FieldSpec, MILVUS_TYPES, type MilvusType } from '../../batch/fields.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { CollectionSettings } from '../types.js';
import { type ArchivedField, type FieldDatasets, layoutOf } from './archive-layout.js';

/** What an archive says of itself. */
export interface ArchiveSchema {
  readonly rows: number;
  /** In the order of the collection. */
  readonly fields: readonly ArchivedField[];
  /** Whatever the writer was given: `collection`, `partition` and `settings` are known to the reader. */
  readonly meta: Readonly<Record<string, unknown>>;
}

const FORMAT = 'milvusdm-archive';
const VERSION = 1;
/** Dimensions that Milvus takes are far fewer; this bounds what a damaged file can ask for. */
const MAX_DIM = 1 << 20;

/** The schema as the bytes of its dataset. 64-bit integers in `meta` become text. */
export function formatSchema(schema: ArchiveSchema): Uint8Array {
  const fields = schema.fields.map(({ spec, datasets }) => ({ ...spec, datasets }));
  const document = { format: FORMAT, version: VERSION, rows: schema.rows, fields, meta: schema.meta };
  const text = JSON.stringify(document, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 1);
  return new TextEncoder().encode(text);
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

function flag(value: unknown): true | undefined {
  return value === true ? true : undefined;
}

function milvusType(value: unknown): MilvusType | undefined {
  return MILVUS_TYPES.find((type) => type === value);
}

/** Drops what is undefined. */
function present<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

function validDim(type: MilvusType, dim: number | undefined): boolean {
  if (!type.endsWith('_VECTOR') || type === 'SPARSE_FLOAT_VECTOR') return true;
  return dim !== undefined && dim > 0 && dim <= MAX_DIM && (type !== 'BINARY_VECTOR' || dim % 8 === 0);
}

function specOf(field: Json): FieldSpec | undefined {
  const name = text(field.name);
  const type = milvusType(field.type);
  const dim = count(field.dim);
  if (!name || !type || !validDim(type, dim)) return undefined;
  const element = milvusType(field.elementType);
  // Arrays hold scalars only; a damaged schema could ask for arrays of anything.
  if (element && (element === 'ARRAY' || element === 'JSON' || element.endsWith('_VECTOR'))) return undefined;
  return present<FieldSpec>({
    name,
    type,
    dim,
    maxLength: count(field.maxLength),
    elementType: element,
    maxCapacity: count(field.maxCapacity),
    primaryKey: flag(field.primaryKey),
    nullable: flag(field.nullable),
    dynamic: flag(field.dynamic),
    partitionKey: flag(field.partitionKey),
    clusteringKey: flag(field.clusteringKey),
    description: text(field.description),
    defaultValue: text(field.defaultValue),
  });
}

function datasetsOf(spec: FieldSpec, value: unknown): FieldDatasets | undefined {
  if (!isObject(value)) return undefined;
  const [values, offsets] = [text(value.values), text(value.offsets)];
  const [itemOffsets, valid] = [text(value.itemOffsets), text(value.valid)];
  const layout = layoutOf(spec);
  if (!values || (layout !== 'values' && !offsets) || (layout === 'text-list' && !itemOffsets)) return undefined;
  return present<FieldDatasets>({ values, offsets, itemOffsets, valid });
}

/** Reads the bytes of an archive's schema. Throws SRC_CORRUPT, or SRC_UNSUPPORTED for one of a later version. */
export function parseSchema(bytes: Uint8Array, path: string): ArchiveSchema {
  const corrupt = (what: string): MilvusdmError => fail('SRC_CORRUPT', `the schema of the archive ${path} ${what}`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw corrupt('is not JSON');
  }
  if (!isObject(document) || document.format !== FORMAT) throw corrupt('is not one of milvusdm');
  if (document.version !== VERSION) {
    const version = String(document.version);
    throw fail('SRC_UNSUPPORTED', `the archive ${path} has format version ${version}; this milvusdm reads ${VERSION}`, {
      hint: 'Use the milvusdm that wrote it, or a later one.',
    });
  }
  const rows = count(document.rows);
  if (rows === undefined || !Array.isArray(document.fields) || document.fields.length === 0) {
    throw corrupt('lacks rows or fields');
  }
  const names = new Set<string>();
  const fields = document.fields.map((field: unknown, i): ArchivedField => {
    const spec = isObject(field) ? specOf(field) : undefined;
    if (!spec) throw corrupt(`has a field ${i + 1} that is none`);
    const datasets = datasetsOf(spec, (field as Json).datasets);
    if (!datasets) throw corrupt(`lacks the datasets of the field "${spec.name}"`);
    if (names.has(spec.name)) throw corrupt(`has the field "${spec.name}" twice`);
    names.add(spec.name);
    return { spec, datasets };
  });
  return { rows, fields, meta: isObject(document.meta) ? document.meta : {} };
}

function texts(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

function scalars(value: unknown): Record<string, string | number> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter(([, v]) => typeof v === 'string' || typeof v === 'number')) as Record<
    string,
    string | number
  >;
}

function indexes(value: unknown): CollectionSettings['indexes'] {
  if (!Array.isArray(value)) return undefined;
  return value.filter(isObject).flatMap((index) => {
    const [field, type, metric] = [text(index.field), text(index.type), text(index.metric)];
    if (field === undefined || type === undefined || metric === undefined) return [];
    return [{ field, type, metric, params: scalars(index.params) }];
  });
}

/** The settings of a collection as an archive keeps them in `meta.settings`; what has another form is left out. */
export function settingsOf(meta: Readonly<Record<string, unknown>>): CollectionSettings {
  const value = isObject(meta.settings) ? meta.settings : {};
  const properties = isObject(value.properties)
    ? Object.fromEntries(Object.entries(value.properties).map(([key, v]) => [key, String(v)]))
    : undefined;
  const switched = (v: unknown): boolean | undefined => (typeof v === 'boolean' ? v : undefined);
  return present<CollectionSettings>({
    description: text(value.description),
    metric: text(value.metric),
    indexes: indexes(value.indexes),
    shards: count(value.shards),
    consistency: text(value.consistency),
    properties,
    aliases: texts(value.aliases),
    dynamic: switched(value.dynamic),
    autoId: switched(value.autoId),
    partitionCount: count(value.partitionCount),
    partitions: texts(value.partitions),
  });
}
