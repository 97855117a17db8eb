import type { RecordBatch } from 'apache-arrow';
import { rawColumns } from './columns.js';
import { fromArrowField } from './fields.js';

/** Bits of the exponent of a value, all set for NaN and infinity. */
const EXPONENTS = { FLOAT_VECTOR: 0x7f800000, FLOAT16_VECTOR: 0x7c00, BFLOAT16_VECTOR: 0x7f80 } as const;

type FloatVector = keyof typeof EXPONENTS;

function isFloat(type: string): type is FloatVector {
  return type in EXPONENTS;
}

/** The values of a vector column as bits; copied only where bytes do not lie on an even address. */
function bitsOf(type: FloatVector, values: ArrayBufferView): Uint32Array | Uint16Array {
  if (type === 'FLOAT_VECTOR') return new Uint32Array(values.buffer, values.byteOffset, values.byteLength / 4);
  const odd = values.byteOffset % 2 !== 0;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const even = odd ? bytes.slice() : bytes;
  return new Uint16Array(even.buffer, even.byteOffset, even.byteLength / 2);
}

function addRows(bits: Uint32Array | Uint16Array, exponent: number, dim: number, found: Set<number>): void {
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i]! & exponent) === exponent) found.add(Math.floor(i / dim));
  }
}

/**
 * Rows of a batch with NaN or infinity in a float vector, ascending. Milvus refuses the whole request for one such
 * value, and Milvus Lite stores it. Bit tests on the exponent: about 4 GB/s.
 */
export function nonFiniteRows(batch: RecordBatch): number[] {
  const found = new Set<number>();
  for (const column of rawColumns(batch)) {
    const { type } = fromArrowField(column.field);
    if (!isFloat(type)) continue;
    const bits = bitsOf(type, column.values as Float32Array | Uint8Array);
    addRows(bits, EXPONENTS[type], type === 'FLOAT_VECTOR' ? column.width : column.width / 2, found);
  }
  return [...found].sort((a, b) => a - b);
}
