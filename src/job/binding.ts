import type { Schema } from 'apache-arrow';
import type { CollectionSettings } from '../adapters/types.js';
import type { Bitmap } from '../batch/bitmap.js';
import { keyIndex } from '../batch/columns.js';
import { type FieldSpec, isVector, specsOf } from '../batch/fields.js';
import type { TransformStep } from '../config/transforms.js';
import { type BoundTransforms, bindTransforms } from '../transforms/bind.js';
import { type IdSource, idTransform } from '../transforms/ids.js';
import type { Transformer } from '../transforms/types.js';

/** Where the keys of a run come from. */
export type KeySource = IdSource['kind'];

/** Where the keys come from, once the target has said whether it makes them. */
export function keySource(input: Schema, newIds: boolean, autoId: boolean): KeySource {
  if (autoId) return 'target';
  return keyIndex(input) >= 0 && !newIds ? 'stored' : 'rows';
}

/** Where the keys can come from, likeliest first, while the target has not been asked. */
export function possibleKeys(input: Schema, newIds: boolean): readonly KeySource[] {
  if (newIds) return ['target', 'rows'];
  return keyIndex(input) >= 0 ? ['stored'] : ['rows', 'target'];
}

/** What stands between reader and writer. */
export interface Binding {
  /** Gives the rows their keys, and leaves none out. */
  readonly ids: Transformer;
  /** The steps of the configuration; its schema is that of what is written. */
  readonly steps: BoundTransforms;
}

/**
 * Binds keys and steps to the schema of a source: the one way, for a plan as for a run. Throws CFG_CONFLICT for a step
 * that does not fit.
 * @param dropped rows of the run that no step gets to see
 */
export function bindRun(
  input: Schema,
  keys: IdSource,
  transforms: readonly TransformStep[] = [],
  dropped?: Bitmap,
): Binding {
  const ids = idTransform(input, keys);
  return { ids, steps: bindTransforms(ids.schema, transforms, dropped) };
}

/** The first vector field, whose metric and dimension the collection is known by. */
export function vectorOf(schema: Schema): FieldSpec {
  return specsOf(schema).find((f) => isVector(f.type))!;
}

/** The indexes of fields that are still there, by their names of now, and of scalars that still have their type. */
function indexesAfter(indexes: NonNullable<CollectionSettings['indexes']>, input: Schema, steps: BoundTransforms) {
  const before = new Map(specsOf(input).map((f) => [f.name, f]));
  const after = new Map(specsOf(steps.schema).map((f) => [f.name, f]));
  return indexes.flatMap((index) => {
    const field = steps.fieldNames.get(index.field);
    const [was, is] = [before.get(index.field), after.get(field ?? '')];
    if (field === undefined || !was || !is) return [];
    return isVector(is.type) || is.type === was.type ? [{ ...index, field }] : [];
  });
}

/** What the collection of a source is, as far as that holds behind the steps. */
export function settingsAfter(settings: CollectionSettings, input: Schema, steps: BoundTransforms): CollectionSettings {
  const { indexes, metric, partitionCount, dynamic, ...rest } = settings;
  const [before, after] = [specsOf(input), specsOf(steps.schema)];
  const kept = indexes && indexesAfter(indexes, input, steps);
  const vector = vectorOf(steps.schema).name;
  const first = steps.fieldNames.get(vectorOf(input).name) === vector;
  const own = kept?.find((i) => i.field === vector && i.metric !== '')?.metric ?? (first ? metric : undefined);
  const keyed = before.some((f) => f.partitionKey) && !after.some((f) => f.partitionKey);
  const closed = before.some((f) => f.dynamic) && !after.some((f) => f.dynamic);
  return {
    ...rest,
    ...(own === undefined ? {} : { metric: own }),
    ...(kept ? { indexes: kept } : {}),
    ...(partitionCount === undefined || keyed ? {} : { partitionCount }),
    ...(dynamic === undefined ? {} : { dynamic: dynamic && !closed }),
  };
}
