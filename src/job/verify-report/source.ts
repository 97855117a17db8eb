import { keyIndex } from '../../batch/columns.js';
import { type FieldSpec, specsOf } from '../../batch/fields.js';
import type { TaskConfig } from '../../config/types.js';
import type { OpenOptions } from '../../registry.js';
import { bindTransforms } from '../../transforms/bind.js';
import { type IdSource, idTransform } from '../../transforms/ids.js';
import { createDisposables } from '../../util/disposables.js';
import { fail } from '../../util/errors.js';
import { openCollectionTasks } from '../collection-task.js';
import { type ContentSource, contentSource } from '../contents/source.js';
import { nameDefault } from '../open-job.js';
import type { DigestField } from '../recorder.js';
import type { TargetReport } from '../report.js';
import { placeSplits } from '../run-context.js';

/** The rows of a run once more. The opener disposes of it. */
export interface SourceAgain extends AsyncDisposable {
  readonly content: ContentSource;
}

/** Rows that the run left out by looking at all others cannot be left out again without doing that. */
function refuseDropped({ options }: TaskConfig, { rows_skipped: skipped }: TargetReport): void {
  const losers = options.onDuplicateId === 'first' || options.onDuplicateId === 'last';
  if (skipped === 0 || (!losers && options.onBadRow !== 'quarantine')) return;
  throw fail('CFG_CONFLICT', 'the run left rows out by on_duplicate_id or on_bad_row, which are not judged again');
}

function idsOf(config: TaskConfig, fields: readonly DigestField[], stored: boolean): IdSource {
  const { idStart, idOffset, newIds } = config.options;
  if (!fields.some((f) => f.primaryKey)) return { kind: 'target' };
  if (stored && !newIds) return { kind: 'stored', offset: idOffset };
  if (idStart === 'auto') throw fail('CFG_CONFLICT', 'the ids began at id_start: auto, which is another number now');
  return { kind: 'rows', field: config.parameter.idField, start: idStart ?? 0n };
}

function sameFields(specs: readonly FieldSpec[], fields: readonly DigestField[]): boolean {
  return (
    specs.length === fields.length && specs.every((s, i) => s.name === fields[i]!.name && s.type === fields[i]!.type)
  );
}

/**
 * Opens the rows of one target as the run read them. Throws what opening the source throws, and CFG_CONFLICT or SRC_CHANGED
 * where they cannot be had again as they were.
 */
export async function openSourceAgain(
  config: TaskConfig,
  target: TargetReport,
  fields: readonly DigestField[],
  o: OpenOptions,
): Promise<SourceAgain> {
  refuseDropped(config, target);
  await using stack = createDisposables();
  const { tasks } = stack.use(await openCollectionTasks(config, o));
  const task = tasks.find((t) => t.config.collection === target.collection);
  if (!task) throw fail('SRC_CHANGED', `the source no longer has what went into "${target.collection}"`);
  const reader = stack.use(await task.open());
  const ids = idTransform(reader.schema, idsOf(task.config, fields, keyIndex(reader.schema) >= 0));
  const steps = bindTransforms(ids.schema, config.transforms ?? []);
  if (!sameFields(specsOf(steps.schema), fields)) {
    throw fail('SRC_CHANGED', `the fields of the source of "${target.collection}" have changed since the run`);
  }
  const placed = nameDefault(placeSplits(await reader.splits(), task.config));
  const content = contentSource(
    reader,
    placed.filter((s) => (s.partition ?? null) === target.partition),
    { transformers: [ids, steps], batchBytes: config.options.batchBytes },
  );
  const kept = stack.release();
  return { content, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}
