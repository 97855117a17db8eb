import { isVector, type MilvusType } from '../batch/fields.js';

/** What a server can do, as far as milvusdm depends on it. */
export interface Features {
  readonly lite: boolean;
  readonly vectorTypes: ReadonlySet<MilvusType>;
  /** Insert keeps only the last copy of an id. */
  readonly deduplicates: boolean;
  /** Requests that may be in flight at a time. */
  readonly maxInFlight: number;
  /** Largest message that it takes, in bytes. */
  readonly maxMessageBytes: number;
  readonly timestamps: boolean;
  /** NaN and infinity are refused in FLOAT and DOUBLE fields, too: not by 2.3.5 and Lite, from some 2.4 on. */
  readonly finiteScalars: boolean;
  /** Fields may be null (Milvus 2.5 and later; older servers take the schema and then refuse the rows). */
  readonly nullable: boolean;
  /** Fields can be added to a collection (AddCollectionField, Milvus 2.6). */
  readonly addsFields: boolean;
  /** The server keeps snapshots itself (Milvus 3.0). */
  readonly snapshots: boolean;
}

function atLeast(version: readonly number[], major: number, minor: number): boolean {
  const [a = 0, b = 0] = version;
  return a > major || (a === major && b >= minor);
}

/**
 * The features of a server from the version it reports. Milvus Lite 3.x says "milvus_lite-3.2.2" (the 2.3.5 of PyPI, a whole server,
 * says "v2.3.5-lite"); it knows float and sparse vectors only and has one writer. An unreadable version counts as a current server.
 */
export function featuresOf(version: string): Features {
  const lite = /^v?milvus[_-]lite/i.test(version);
  const numbers = /(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [99, 0];
  const types: MilvusType[] = ['FLOAT_VECTOR'];
  if (lite) types.push('SPARSE_FLOAT_VECTOR');
  else {
    types.push('BINARY_VECTOR');
    if (atLeast(numbers, 2, 4)) types.push('FLOAT16_VECTOR', 'BFLOAT16_VECTOR', 'SPARSE_FLOAT_VECTOR');
    if (atLeast(numbers, 2, 6)) types.push('INT8_VECTOR');
  }
  return {
    lite,
    vectorTypes: new Set(types),
    deduplicates: lite,
    maxInFlight: lite ? 1 : 16,
    maxMessageBytes: 64 * 1024 * 1024,
    timestamps: !lite,
    finiteScalars: !lite && atLeast(numbers, 2, 4),
    nullable: lite || atLeast(numbers, 2, 5),
    addsFields: !lite && atLeast(numbers, 2, 6),
    snapshots: !lite && atLeast(numbers, 3, 0),
  };
}

/** Whether the server can hold a field of this type. */
export function supports(features: Features, type: MilvusType): boolean {
  return !isVector(type) || features.vectorTypes.has(type);
}
