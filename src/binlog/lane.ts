import type { FlatValues, RawValues } from '../batch/columns.js';
import { type FieldSpec, isVector, type MilvusType, vectorBytes } from '../batch/fields.js';
import { fail, type MilvusdmError } from '../util/errors.js';
import { decodeArrays } from './arrays.js';
import { FixedColumn, physicalBytes } from './fixed-column.js';
import type { ColumnPages } from './pages.js';
import type { Physical } from './parquet-meta.js';
import { decoding } from './source.js';
import { VariableColumn } from './text-column.js';
import { WindowMemory } from './window.js';

/** Values of some rows of a field; they share the lane's memory and are valid until more rows are asked for. */
export interface LaneValues {
  readonly values: RawValues;
  /** One byte a row, 0 = null; where the field may be null. */
  readonly valid?: Uint8Array;
}

/** One field on its way from pages to batches. Rows come from front to back. */
export interface Lane {
  readonly spec: FieldSpec;
  /**
   * Reads on until `rows` rows are held, or those of variable length exceed `maxBytes`; gives how many are held, at most `rows`.
   * Lanes of fixed length always hold as many as they are asked for. Throws SRC_* errors.
   */
  hold(rows: number, maxBytes: number): Promise<number>;
  /** The first `rows` rows that are held. */
  take(rows: number): LaneValues;
  /** Forgets the first `rows` rows that are held. */
  drop(rows: number): void;
  skip(rows: number): Promise<void>;
  /** Bytes of a row, on the average of the file where they vary. */
  readonly rowBytes: number;
  /** All rows have the same length. */
  readonly fixed: boolean;
}

const PHYSICAL_OF: Partial<Record<MilvusType, Physical>> = {
  BOOL: 'BOOLEAN',
  INT8: 'INT32',
  INT16: 'INT32',
  INT32: 'INT32',
  INT64: 'INT64',
  FLOAT: 'FLOAT',
  DOUBLE: 'DOUBLE',
};

/** Physical type that a field is stored in, and the bytes of its values; 0 where they vary. */
function storedAs(spec: FieldSpec): { type: Physical; bytes: number } {
  const scalar = PHYSICAL_OF[spec.type];
  if (scalar) return { type: scalar, bytes: physicalBytes(scalar, 0) };
  const bytes = isVector(spec.type) ? (vectorBytes(spec.type, spec.dim ?? 0) ?? 0) : 0;
  return { type: bytes > 0 ? 'FIXED' : 'BYTE_ARRAY', bytes };
}

function wrongType(spec: FieldSpec, pages: readonly ColumnPages[]): MilvusdmError {
  const { column, window } = pages[0]!;
  const stored = column.type === 'FIXED' ? `${column.length} bytes a row` : column.type;
  const dim = spec.dim === undefined ? '' : ` of dimension ${spec.dim}`;
  return fail('SRC_CORRUPT', `${window.source.name} holds ${stored}, which is no ${spec.type}${dim} ("${spec.name}")`);
}

/** A view of the values in the type that batches have. INT8 and INT16 are stored in four bytes. */
function viewOf(type: MilvusType, memory: ArrayBuffer, count: number): FlatValues {
  switch (type) {
    case 'INT8':
      return Int8Array.from(new Int32Array(memory, 0, count));
    case 'INT16':
      return Int16Array.from(new Int32Array(memory, 0, count));
    case 'INT32':
      return new Int32Array(memory, 0, count);
    case 'INT64':
      return new BigInt64Array(memory, 0, count);
    case 'FLOAT':
    case 'FLOAT_VECTOR':
      return new Float32Array(memory, 0, count);
    case 'DOUBLE':
      return new Float64Array(memory, 0, count);
    default:
      return new Uint8Array(memory, 0, count);
  }
}

function elementBytes(type: MilvusType): number {
  if (type === 'INT8' || type === 'INT16' || type === 'INT32' || type === 'FLOAT' || type === 'FLOAT_VECTOR') return 4;
  return type === 'INT64' || type === 'DOUBLE' ? 8 : 1;
}

/** Memory that a field's values are decoded into, batch after batch. */
export class FieldMemory {
  buffer: ArrayBuffer = new ArrayBuffer(0);
  bytes(size: number): Uint8Array {
    if (this.buffer.byteLength < size) this.buffer = new ArrayBuffer(Math.ceil(size / 8) * 8);
    return new Uint8Array(this.buffer, 0, size);
  }
}

/** Memory of the fields of one pass over a collection, kept from file to file. */
export class LaneMemory {
  private readonly fields = new Map<bigint, FieldMemory>();
  private readonly pieces = new Map<bigint, WindowMemory>();

  /** Memory for what is read of the field's file at a time, a piece of `bytes` or more; for one chunk at a time. */
  piece(id: bigint, bytes: number): WindowMemory {
    const known = this.pieces.get(id);
    if (known && known.bytes >= bytes) return known;
    const memory = new WindowMemory(bytes);
    this.pieces.set(id, memory);
    return memory;
  }

  of(id: bigint): FieldMemory {
    const memory = this.fields.get(id) ?? new FieldMemory();
    this.fields.set(id, memory);
    return memory;
  }
}

function fixedLane(
  spec: FieldSpec,
  pages: readonly ColumnPages[],
  width: number,
  name: string,
  memory: FieldMemory,
): Lane {
  const column = new FixedColumn(pages, width, name);
  const per = width / elementBytes(spec.type);
  let valid = new Uint8Array(0);
  let held = 0;
  return {
    spec,
    rowBytes: width,
    fixed: true,
    async hold(rows) {
      if (spec.nullable && valid.length < rows) valid = new Uint8Array(rows);
      await column.fill(memory.bytes(rows * width), rows, spec.nullable ? valid : undefined);
      held = rows;
      return rows;
    },
    take(rows) {
      const values = viewOf(spec.type, memory.buffer, rows * per);
      return spec.nullable ? { values, valid: valid.subarray(0, rows) } : { values };
    },
    drop(rows) {
      if (rows !== held) throw fail('INTERNAL', `${held} rows of "${spec.name}" are held, ${rows} are dropped`);
      held = 0;
    },
    skip: (rows) => column.skip(rows),
  };
}

/** Vectors that may be null are stored like text; a null row has zeros. */
function spreadVectors(
  text: { bytes: Uint8Array; offsets: Int32Array },
  valid: Uint8Array | undefined,
  out: Uint8Array,
  width: number,
): void {
  const rows = text.offsets.length - 1;
  for (let i = 0; i < rows; i++) {
    const [from, to] = [text.offsets[i]!, text.offsets[i + 1]!];
    if (valid && !valid[i]) out.fill(0, i * width, (i + 1) * width);
    else if (to - from !== width) throw new RangeError(`a vector of ${to - from} bytes where ${width} are needed`);
    else out.set(text.bytes.subarray(from, to), i * width);
  }
}

function assertSparse(offsets: Int32Array): void {
  for (let i = 0; i + 1 < offsets.length; i++) {
    const bytes = offsets[i + 1]! - offsets[i]!;
    if (bytes % 8 !== 0) throw new RangeError(`a sparse vector of ${bytes} bytes`);
  }
}

function variableLane(
  spec: FieldSpec,
  pages: readonly ColumnPages[],
  width: number,
  name: string,
  memory: FieldMemory,
): Lane {
  const column = new VariableColumn(pages, spec.nullable ?? false, name);
  const values = pages.reduce((sum, p) => sum + p.place.values, 0);
  const bytes = pages.reduce((sum, p) => sum + p.place.plainBytes, 0);
  const convert = (rows: number): RawValues => {
    const { values: text, valid } = column.view(rows);
    if (width > 0) {
      spreadVectors(text, valid, memory.bytes(rows * width), width);
      return viewOf(spec.type, memory.buffer, (rows * width) / elementBytes(spec.type));
    }
    if (spec.type === 'ARRAY') return decodeArrays(text, spec.elementType ?? 'INT64');
    if (spec.type === 'SPARSE_FLOAT_VECTOR') assertSparse(text.offsets);
    return text;
  };
  return {
    spec,
    rowBytes: Math.max(width, Math.ceil(bytes / Math.max(1, values))),
    fixed: false,
    hold: (rows, maxBytes) => column.hold(rows, maxBytes),
    take(rows) {
      const { valid } = column.view(rows);
      const taken = decoding(name, `the field "${spec.name}"`, () => convert(rows));
      return valid ? { values: taken, valid } : { values: taken };
    },
    drop: (rows) => column.drop(rows),
    skip: (rows) => column.skip(rows),
  };
}

/**
 * A lane over the pages of a field. Throws SRC_CORRUPT where they hold values of another type or dimension.
 * @param name of the field's files, for messages
 */
export function openLane(
  spec: FieldSpec,
  pages: readonly ColumnPages[],
  name: string,
  memory: FieldMemory = new FieldMemory(),
): Lane {
  const { column } = pages[0]!;
  const stored = storedAs(spec);
  if (column.type === 'BYTE_ARRAY' && (stored.type === 'BYTE_ARRAY' || stored.type === 'FIXED')) {
    return variableLane(spec, pages, stored.bytes, name, memory);
  }
  if (column.type !== stored.type || (column.type === 'FIXED' && column.length !== stored.bytes)) {
    throw wrongType(spec, pages);
  }
  return fixedLane(spec, pages, stored.bytes, name, memory);
}
