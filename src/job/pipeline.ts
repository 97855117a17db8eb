import type { RecordBatch } from 'apache-arrow';
import { findNonFinite, nonFiniteRows } from '../batch/finite.js';
import type { Transformer } from '../transforms/types.js';
import { fail } from '../util/errors.js';
import { type BadRows, idText } from './bad-rows.js';
import type { Binding } from './binding.js';
import type { PlacedBatch } from './run-context.js';

/** From the rows of a source to the rows of its target. */
export interface Pipeline extends Binding {
  /** Look for NaN and infinity here, because preflight has not. */
  readonly checkFinite: boolean;
  /** The target refuses NaN and infinity in scalars, too. */
  readonly finiteScalars: boolean;
  readonly badRows: BadRows;
}

/** Names the bad rows of a batch that has its ids and still all of its rows, so that their numbers are those of the source. */
async function noteBadRows(pipeline: Pipeline, placed: PlacedBatch, batch: RecordBatch): Promise<Set<number>> {
  const { badRows, finiteScalars } = pipeline;
  const bad = findNonFinite(batch, finiteScalars);
  for (const { row: i, reason } of bad) {
    const row = placed.row + i - placed.split.base + (placed.split.split.firstRow ?? 0);
    await badRows.add({ source: placed.split.split.source, row, id: idText(batch, i), reason });
  }
  badRows.check();
  return new Set(bad.map(({ row }) => row));
}

/** What the steps have made is refused here: the target would refuse the whole batch, and no row of it by name. */
function refuseMade(batch: RecordBatch, finiteScalars: boolean): void {
  const [bad] = findNonFinite(batch, finiteScalars);
  if (!bad) return;
  const id = idText(batch, bad.row);
  const row = id === undefined ? 'a row' : `the row with the id ${id}`;
  throw fail(
    'SRC_BAD_ROW',
    `transforms: ${row} has ${bad.reason} behind the last step, which the target does not take`,
    {
      hint: 'Leave such rows out by a step `where`, before the step that makes them.',
    },
  );
}

/** The rows as they are written; bad ones are left out before any step. Throws SRC_BAD_ROW, and what the steps throw. */
export async function transformed(pipeline: Pipeline, placed: PlacedBatch): Promise<RecordBatch> {
  const { ids, steps, checkFinite, finiteScalars } = pipeline;
  const batch = ids.apply(placed.batch, placed.row);
  const bad = checkFinite ? await noteBadRows(pipeline, placed, batch) : undefined;
  const out = steps.apply(batch, placed.row, bad);
  if (!steps.isEmpty) refuseMade(out, finiteScalars);
  return out;
}

/** The same rows for those who read them once more: bad ones are left out without being told again. */
export function silently(pipeline: Pipeline): Transformer {
  const { ids, steps, checkFinite, finiteScalars } = pipeline;
  return {
    schema: steps.schema,
    apply(input, firstRow) {
      const batch = ids.apply(input, firstRow);
      const bad = checkFinite ? new Set(nonFiniteRows(batch, finiteScalars)) : undefined;
      return steps.apply(batch, firstRow, bad);
    },
  };
}
