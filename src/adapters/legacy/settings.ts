import { type FieldSpec, vectorBytes } from '../../batch/fields.js';
import { fail } from '../../util/errors.js';
import type { CollectionSettings } from '../types.js';
import type { LegacyCollection } from './metadata.js';

/** The names that the fields of a batch get. */
export interface FieldNames {
  readonly idField: string;
  readonly vectorField: string;
}

/** metric_type of `Tables`, by the Milvus name; from 3 on the vectors are binary. */
const METRICS = ['', 'L2', 'IP', 'HAMMING', 'JACCARD', 'TANIMOTO', 'SUBSTRUCTURE', 'SUPERSTRUCTURE'];
const FIRST_BINARY = 3;
const LARGEST_DIM = 32_768;

/** Index kinds by engine_type, as the old server called them. */
const ENGINES = [
  '',
  'FLAT',
  'IVF_FLAT',
  'IVF_SQ8',
  'RNSG',
  'IVF_SQ8_HYBRID',
  'IVF_PQ',
  'SPTAG_KDT',
  'SPTAG_BKT',
  'BIN_FLAT',
  'BIN_IVF_FLAT',
  'HNSW',
  'ANNOY',
];

/** Parameters that an index of Milvus 2.x needs. The others of the old ones have no counterpart. */
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  FLAT: [],
  IVF_FLAT: ['nlist'],
  IVF_SQ8: ['nlist'],
  IVF_PQ: ['nlist', 'm'],
  HNSW: ['M', 'efConstruction'],
  BIN_FLAT: [],
  BIN_IVF_FLAT: ['nlist'],
};

const AUTO_ID = 1;
const USER_ID = 2;

/** What a collection's vectors are. */
export interface Shape {
  readonly metric: string;
  readonly binary: boolean;
  readonly dim: number;
  /** Bytes of a vector in a .rv file. */
  readonly rowBytes: number;
}

/** Metric, type and size of the vectors. Throws SRC_UNSUPPORTED for an unknown metric, SRC_CORRUPT for an impossible dimension. */
export function shapeOf(collection: LegacyCollection): Shape {
  const { name, metricType, dimension: dim } = collection;
  const metric = METRICS[metricType];
  if (!metric) throw fail('SRC_UNSUPPORTED', `collection "${name}" has the unknown metric_type ${metricType}`);
  const binary = metricType >= FIRST_BINARY;
  if (!Number.isInteger(dim) || dim < 1 || dim > LARGEST_DIM || (binary && dim % 8 !== 0)) {
    const need = `1 to ${LARGEST_DIM}${binary ? ', a multiple of 8' : ''}`;
    throw fail('SRC_CORRUPT', `the metadata gives collection "${name}" the dimension ${dim}, possible: ${need}`);
  }
  return { metric, binary, dim, rowBytes: vectorBytes(binary ? 'BINARY_VECTOR' : 'FLOAT_VECTOR', dim)! };
}

/** Fields of the batches: the key and the vector. */
export function fieldsOf(shape: Shape, names: FieldNames): FieldSpec[] {
  return [
    { name: names.idField, type: 'INT64', primaryKey: true },
    { name: names.vectorField, type: shape.binary ? 'BINARY_VECTOR' : 'FLOAT_VECTOR', dim: shape.dim },
  ];
}

function paramsOf(json: string): Record<string, unknown> {
  if (json === '') return {};
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The index kind of a collection as it stood in the old server. */
export function oldIndexOf(collection: LegacyCollection): string {
  return ENGINES[collection.engineType] || `engine_type ${collection.engineType}`;
}

/** The kind that fits the vectors: on binary ones the old server took the float names too. */
function kindFor(kind: string, shape: Shape): string {
  if (!shape.binary) return kind;
  // The two metrics of structures are searched by brute force alone.
  if (shape.metric.endsWith('STRUCTURE')) return 'BIN_FLAT';
  if (kind === 'FLAT') return 'BIN_FLAT';
  return kind === 'IVF_FLAT' ? 'BIN_IVF_FLAT' : kind;
}

type Index = NonNullable<CollectionSettings['indexes']>[number];

/** The nearest index of Milvus 2.x, and a warning where it is not the same. */
function indexOf(collection: LegacyCollection, shape: Shape, field: string): { index: Index; warning?: string } {
  const old = oldIndexOf(collection);
  const type = kindFor(old, shape);
  const needed = PARAMETERS[type];
  const given = paramsOf(collection.indexParams);
  const auto = (why: string): { index: Index; warning: string } => ({
    index: { field, type: 'AUTOINDEX', metric: shape.metric, params: {} },
    warning: `index of collection "${collection.name}": ${why}, so AUTOINDEX is taken`,
  });
  if (!needed || type.startsWith('BIN_') !== shape.binary) return auto(`Milvus 2.x has no ${old} for these vectors`);
  const params: Record<string, number> = {};
  for (const name of needed) {
    const value = Number(given[name]);
    if (!Number.isInteger(value) || value < 1)
      return auto(`${old} lacks its parameter ${name} (${collection.indexParams})`);
    params[name] = value;
  }
  return { index: { field, type, metric: shape.metric, params } };
}

/** What is known of a collection besides its rows, and what of it Milvus 2.x does not have. */
export function settingsOf(
  collection: LegacyCollection,
  names: FieldNames,
): { settings: CollectionSettings; warnings: string[] } {
  const shape = shapeOf(collection);
  const { index, warning } = indexOf(collection, shape, names.vectorField);
  const autoId = (collection.flag & (AUTO_ID | USER_ID)) === AUTO_ID;
  const partitions = collection.parts.map(({ tag }) => tag);
  return {
    settings: { metric: shape.metric, indexes: [index], autoId, partitions },
    warnings: warning === undefined ? [] : [warning],
  };
}
