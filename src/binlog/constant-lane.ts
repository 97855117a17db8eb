import type { RawValues } from '../batch/columns.js';
import { type FieldSpec, isVector, vectorBytes } from '../batch/fields.js';
import { fail } from '../util/errors.js';
import type { Lane, LaneValues } from './lane.js';

/** Text that a row has, where its field is text and was added after it. */
function textOf(spec: FieldSpec): string {
  return spec.defaultValue ?? (spec.dynamic ? '{}' : '');
}

function repeatedText(text: string, rows: number): RawValues {
  const one = Buffer.from(text);
  const bytes = new Uint8Array(one.length * rows);
  for (let i = 0; i < rows; i++) bytes.set(one, i * one.length);
  return { bytes, offsets: Int32Array.from({ length: rows + 1 }, (_, i) => i * one.length) };
}

function valuesOf(spec: FieldSpec, rows: number): RawValues {
  const number = Number(spec.defaultValue ?? 0);
  switch (spec.type) {
    case 'BOOL':
      return new Uint8Array(rows).fill(spec.defaultValue === 'true' ? 1 : 0);
    case 'INT8':
      return new Int8Array(rows).fill(number);
    case 'INT16':
      return new Int16Array(rows).fill(number);
    case 'INT32':
      return new Int32Array(rows).fill(number);
    case 'INT64':
      return new BigInt64Array(rows).fill(BigInt(spec.defaultValue ?? 0));
    case 'FLOAT':
      return new Float32Array(rows).fill(number);
    case 'DOUBLE':
      return new Float64Array(rows).fill(number);
    case 'FLOAT_VECTOR':
      return new Float32Array(rows * (spec.dim ?? 0));
    case 'ARRAY':
      return { items: emptyItems(spec), offsets: new Int32Array(rows + 1) };
    case 'VARCHAR':
    case 'JSON':
      return repeatedText(textOf(spec), rows);
    case 'SPARSE_FLOAT_VECTOR':
      return repeatedText('', rows);
    default:
      return new Uint8Array(rows * (isVector(spec.type) ? (vectorBytes(spec.type, spec.dim ?? 0) ?? 0) : 1));
  }
}

function emptyItems({ elementType }: FieldSpec): Extract<RawValues, { items: unknown }>['items'] {
  const items = valuesOf({ name: 'item', type: elementType ?? 'INT64' }, 0);
  if ('items' in items) throw fail('INTERNAL', 'an array of arrays');
  return items;
}

/**
 * Rows that were written before their field was added: its default value, null, or `{}` for what has no field.
 * Throws SRC_CORRUPT for a field that all rows must have.
 * @param missing what is not there, for the message
 */
export function constantLane(spec: FieldSpec, missing: string): Lane {
  const standing = spec.defaultValue !== undefined || spec.dynamic === true;
  if (!standing && !spec.nullable) {
    throw fail('SRC_CORRUPT', `${missing} ("${spec.name}"), which every row must have`);
  }
  return {
    spec,
    rowBytes: Math.max(8, Buffer.byteLength(textOf(spec)), vectorBytes(spec.type, spec.dim ?? 0) ?? 0),
    fixed: true,
    hold: (rows) => Promise.resolve(rows),
    take(rows): LaneValues {
      const values = valuesOf(spec, rows);
      return spec.nullable ? { values, valid: new Uint8Array(rows).fill(standing ? 1 : 0) } : { values };
    },
    drop() {},
    skip: () => Promise.resolve(),
  };
}
