import type { Schema } from 'apache-arrow';
import type { Bitmap } from '../batch/bitmap.js';
import { takeRows } from '../batch/gather.js';
import type { Transformer } from './types.js';

/** Leaves out the rows of the run whose bit is set. A batch without such rows passes as it is. */
export function dropRows(schema: Schema, dropped: Bitmap): Transformer {
  return {
    schema,
    apply(batch, firstRow) {
      const kept: number[] = [];
      for (let i = 0; i < batch.numRows; i++) if (!dropped.has(firstRow + i)) kept.push(i);
      return kept.length === batch.numRows ? batch : takeRows(batch, kept);
    },
  };
}
