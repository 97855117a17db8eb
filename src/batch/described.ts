import { type FieldSpec, MILVUS_TYPES, type MilvusType } from './fields.js';

/** Dimensions that Milvus takes are far fewer; this bounds what a damaged file can ask for. */
const MAX_DIM = 1 << 20;

/** What a collection is besides its rows, as far as its source says; all of it may be absent. */
export interface CollectionSettings {
  readonly description?: string;
  /** The metric by its Milvus name. */
  readonly metric?: string;
  /** Indexes of the source, or the nearest of Milvus 2.x to what an old source hints at. */
  readonly indexes?: readonly {
    readonly field: string;
    readonly type: string;
    readonly metric: string;
    readonly params: Readonly<Record<string, string | number>>;
  }[];
  readonly shards?: number;
  readonly consistency?: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly aliases?: readonly string[];
  readonly dynamic?: boolean;
  readonly autoId?: boolean;
  /** Number of partitions that a partition key spreads over; rows then name no partition. */
  readonly partitionCount?: number;
  /** All partitions, also those without rows. The default one is `_default`. */
  readonly partitions?: readonly string[];
}

export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

function flag(value: unknown): true | undefined {
  return value === true ? true : undefined;
}

function milvusType(value: unknown): MilvusType | undefined {
  return MILVUS_TYPES.find((type) => type === value);
}

/** Drops what is undefined. */
export function present<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

function validDim(type: MilvusType, dim: number | undefined): boolean {
  if (!type.endsWith('_VECTOR') || type === 'SPARSE_FLOAT_VECTOR') return true;
  return dim !== undefined && dim > 0 && dim <= MAX_DIM && (type !== 'BINARY_VECTOR' || dim % 8 === 0);
}

/** A field from JSON as this project writes it; undefined for what is none. */
export function parseSpec(field: unknown): FieldSpec | undefined {
  if (!isObject(field)) return undefined;
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

/** Settings from JSON as this project writes them; what has another form is left out. */
export function parseSettings(given: unknown): CollectionSettings {
  const value = isObject(given) ? given : {};
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

/** What a file or other source is, as `inspect` and `plan` show it. */
export interface SourceInfo {
  readonly path: string;
  /** e.g. "faiss", "hdf5". */
  readonly format: string;
  /** e.g. "IVFFlat (IwFl)", "HDF5 dataset embeddings". */
  readonly kind: string;
  readonly rows: number;
  readonly dim: number;
  readonly vectorType: MilvusType;
  /** The metric that the source itself states, by its Milvus name where Milvus has it (L2, IP, HAMMING), else by its own (L1). */
  readonly metric?: string;
  readonly ids: 'stored' | 'none';
  readonly bytes: number;
  readonly fields: readonly FieldSpec[];
  /** Files that keep vectors in several ways: whether they come back bit for bit, and if not, why. */
  readonly verdict?: 'exact' | 'narrow' | 'rounded' | 'lossy' | 'refused';
  /** Further facts, one line each (nested indexes, datasets, filters). */
  readonly details: readonly string[];
}
