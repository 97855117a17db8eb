import type { RecordBatch } from 'apache-arrow';
import { keyIndex, rawColumns } from '../batch/columns.js';
import { fromArrowField } from '../batch/fields.js';
import { comparableAt, type Value, valueAt } from '../batch/values.js';

/** A row kept to be looked up in the target after the run. */
export interface SampledRow {
  /** Undefined until the target has said which key it made. */
  key: bigint | string | undefined;
  /** Value per field by name, without the key. */
  readonly values: ReadonlyMap<string, Value>;
}

/** A uniform random sample of all rows that pass by (reservoir sampling, algorithm L: cost grows with the sample only). */
export interface Sampler {
  /** Looks at a batch; gives, for rows of it that were taken, their number in the batch. */
  offer(batch: RecordBatch): { index: number; row: SampledRow }[];
  readonly rows: readonly SampledRow[];
}

/** Takes row `index` of a batch, copying its values. */
export function takeSample(batch: RecordBatch, index: number): SampledRow {
  const key = keyIndex(batch.schema);
  const columns = rawColumns(batch);
  const values = new Map<string, Value>();
  for (const [i, column] of columns.entries()) {
    if (i === key) continue;
    values.set(column.field.name, comparableAt(column, index, fromArrowField(column.field).type));
  }
  const keyColumn = columns[key];
  const raw = keyColumn ? valueAt(keyColumn, index, false) : undefined;
  return { key: raw instanceof Uint8Array ? Buffer.from(raw).toString('utf8') : (raw as bigint | undefined), values };
}

export function createSampler(size: number, random: () => number = Math.random): Sampler {
  const rows: SampledRow[] = [];
  let seen = 0;
  let next = -1;
  let w = 1;
  // Above 0 and up to 1: the logarithm of 0 would never come to an end.
  const chance = (): number => 1 - random();
  const advance = (): void => {
    w *= Math.exp(Math.log(chance()) / size);
    next += Math.floor(Math.log(chance()) / Math.log1p(-w)) + 1;
  };
  return {
    rows,
    offer(batch) {
      const taken: { index: number; row: SampledRow }[] = [];
      const end = seen + batch.numRows;
      for (; rows.length < size && seen < end; seen++) {
        const row = takeSample(batch, batch.numRows - (end - seen));
        rows.push(row);
        taken.push({ index: batch.numRows - (end - seen), row });
        if (rows.length === size) {
          next = seen;
          advance();
        }
      }
      while (rows.length === size && next < end) {
        const index = batch.numRows - (end - next);
        const row = takeSample(batch, index);
        rows[Math.floor(random() * size)] = row;
        taken.push({ index, row });
        advance();
      }
      seen = end;
      return taken;
    },
  };
}
