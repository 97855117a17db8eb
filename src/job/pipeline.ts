import type { RecordBatch } from 'apache-arrow';
import { findNonFinite, nonFiniteRows } from '../batch/finite.js';
import { takeRows } from '../batch/gather.js';
import type { Transformer } from '../transforms/types.js';
import { type BadRows, idText } from './bad-rows.js';
import type { PlacedBatch } from './run-context.js';

/** From the rows of a source to the rows of its target. */
export interface Pipeline {
  /** The first gives the rows their ids and leaves none out. */
  readonly transformers: readonly Transformer[];
  /** Look for NaN and infinity here, because preflight has not. */
  readonly checkFinite: boolean;
  /** The target refuses NaN and infinity in scalars, too. */
  readonly finiteScalars: boolean;
  readonly badRows: BadRows;
}

/** Names the bad rows of a batch that has its ids and still all of its rows, so that their numbers are those of the source. */
async function noteBadRows(pipeline: Pipeline, placed: PlacedBatch, batch: RecordBatch): Promise<void> {
  const { badRows, finiteScalars } = pipeline;
  for (const { row: i, reason } of findNonFinite(batch, finiteScalars)) {
    const row = placed.row + i - placed.split.base;
    await badRows.add({ source: placed.split.split.source, row, id: idText(batch, i), reason });
  }
  badRows.check();
}

function withoutBadRows(batch: RecordBatch, scalars: boolean): RecordBatch {
  const bad = new Set(nonFiniteRows(batch, scalars));
  if (bad.size === 0) return batch;
  const rows = Array.from({ length: batch.numRows }, (_, i) => i).filter((i) => !bad.has(i));
  return takeRows(batch, rows);
}

/** The rows as they are written. Throws SRC_BAD_ROW, and what the transformers throw. */
export async function transformed(pipeline: Pipeline, placed: PlacedBatch): Promise<RecordBatch> {
  const { transformers, checkFinite, finiteScalars } = pipeline;
  let { batch } = placed;
  for (const [i, transformer] of transformers.entries()) {
    batch = transformer.apply(batch, placed.row);
    if (checkFinite && i === 0) await noteBadRows(pipeline, placed, batch);
  }
  return checkFinite ? withoutBadRows(batch, finiteScalars) : batch;
}
