import type { RecordBatch, Schema } from 'apache-arrow';

/** A pure step between reader and writer. */
export interface Transformer {
  readonly schema: Schema;
  /**
   * @param firstRow number of the batch's first row within the run
   */
  apply(batch: RecordBatch, firstRow: number): RecordBatch;
}
