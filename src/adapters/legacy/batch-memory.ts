import { type RecordBatch, Schema } from 'apache-arrow';
import { makeBatch, type RawValues } from '../../batch/columns.js';
import { fail } from '../../util/errors.js';
import type { FieldNames, Shape } from './settings.js';

const ID_BYTES = 8;
const LARGEST_ARRAY = 2 ** 31 - 1;

/** Memory that is lent to one pass at a time and kept for the next. */
export interface MemoryPool {
  take(bytes: number): ArrayBuffer;
  giveBack(memory: ArrayBuffer): void;
  drop(): void;
}

export function createMemoryPool(): MemoryPool {
  let spare: ArrayBuffer | undefined;
  return {
    take(bytes) {
      const found = spare;
      spare = undefined;
      return found && found.byteLength >= bytes ? found : new ArrayBuffer(bytes);
    },
    giveBack(memory) {
      spare = memory;
    },
    drop() {
      spare = undefined;
    },
  };
}

/** What the batches of a pass are made of. */
export interface BatchPlan {
  readonly schema: Schema;
  readonly wantIds: boolean;
  readonly wantVectors: boolean;
  /** Most rows of a batch. */
  readonly capacity: number;
  /** Bytes of its memory. */
  readonly bytes: number;
  readonly rowBytes: number;
}

/**
 * Plans batches of at most `maxBytes` with these columns only.
 * @param rows no batch needs to hold more
 * @param keepIds there is room for the ids also where they are not asked for
 * @throws INTERNAL for a column that there is not
 */
export function planBatches(
  full: Schema,
  names: FieldNames,
  shape: Shape,
  o: { maxBytes: number; columns?: readonly string[] | undefined; rows: number; keepIds?: boolean },
): BatchPlan {
  const { columns } = o;
  const unknown = columns?.find((name) => !full.fields.some((field) => field.name === name));
  if (unknown !== undefined) throw fail('INTERNAL', `the legacy reader has no column "${unknown}"`);
  const has = (name: string): boolean => columns?.includes(name) ?? true;
  const schema = columns ? new Schema(full.fields.filter((field) => has(field.name))) : full;
  const wantIds = o.keepIds === true || has(names.idField);
  const wantVectors = has(names.vectorField);
  const total = Math.max(1, (wantIds ? ID_BYTES : 0) + (wantVectors ? shape.rowBytes : 0));
  const capacity = Math.max(1, Math.min(Math.floor(Math.min(o.maxBytes, LARGEST_ARRAY) / total), o.rows));
  return { schema, wantIds, wantVectors, capacity, bytes: capacity * total, rowBytes: shape.rowBytes };
}

/** Rows being gathered for a batch. `ids` and `vectors` are bytes, empty where they are not wanted. */
export interface BatchRows {
  readonly ids: Uint8Array;
  readonly vectors: Uint8Array;
  /** The ids as pairs of 32-bit halves. */
  readonly halves: Int32Array;
  /**
   * Moves the rows of `count` just read at `at` that are to stay together, run by run.
   * @returns how many stay
   */
  compact(at: number, count: number, drop: (i: number) => boolean): number;
  /** The first `count` rows as a batch over this memory. */
  batch(count: number): RecordBatch;
}

/** Lays the columns over memory of at least `plan.bytes`. Ids lie first: they need the stricter alignment. */
export function layOut(plan: BatchPlan, memory: ArrayBuffer): BatchRows {
  const { schema, wantIds, wantVectors, capacity, rowBytes } = plan;
  const ids = new Uint8Array(memory, 0, wantIds ? capacity * ID_BYTES : 0);
  const vectors = new Uint8Array(memory, ids.length, wantVectors ? capacity * rowBytes : 0);
  const move = (from: number, to: number, rows: number): void => {
    if (wantIds) ids.copyWithin(to * ID_BYTES, from * ID_BYTES, (from + rows) * ID_BYTES);
    if (wantVectors) vectors.copyWithin(to * rowBytes, from * rowBytes, (from + rows) * rowBytes);
  };
  return {
    ids,
    vectors,
    halves: new Int32Array(memory, 0, ids.length / 4),
    compact(at, count, drop) {
      let kept = at;
      for (let row = 0; row < count; ) {
        while (row < count && drop(row)) row++;
        const first = row;
        while (row < count && !drop(row)) row++;
        if (row === first) break;
        if (at + first !== kept) move(at + first, kept, row - first);
        kept += row - first;
      }
      return kept - at;
    },
    batch(count) {
      const columns = schema.fields.map((field): RawValues => {
        if (field.metadata.get('milvus.primary_key') === 'true') return new BigInt64Array(memory, 0, count);
        const used = new Uint8Array(memory, ids.length, count * rowBytes);
        return field.metadata.get('milvus.type') === 'FLOAT_VECTOR'
          ? new Float32Array(memory, used.byteOffset, used.byteLength / 4)
          : used;
      });
      return makeBatch(schema, count, columns);
    },
  };
}
