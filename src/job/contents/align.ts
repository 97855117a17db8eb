import { type RecordBatch, Schema } from 'apache-arrow';
import { makeBatch, rawColumn } from '../../batch/columns.js';
import { type FieldSpec, isVector, specsOf, toArrowField } from '../../batch/fields.js';
import type { ContentSource } from './source.js';

/** A field that the two sides do not share; `undefined` where a side lacks it. */
export interface FieldDifference {
  readonly name: string;
  readonly a: FieldSpec | undefined;
  readonly b: FieldSpec | undefined;
}

/** Two contents brought to one schema, so that equal rows have equal bytes. */
export interface Aligned {
  readonly a: ContentSource;
  readonly b: ContentSource;
  readonly schema: Schema;
  /** Fields that only one side has, or that differ in type: they are left out of both sides. */
  readonly differences: readonly FieldDifference[];
}

interface Pair {
  readonly a: FieldSpec;
  readonly b: FieldSpec;
}

function sameType(a: FieldSpec, b: FieldSpec): boolean {
  return a.type === b.type && a.dim === b.dim && a.elementType === b.elementType;
}

/**
 * The counterpart of a field: the key for the key and the only vector for the only vector, whatever they are called, the
 * dynamic field for the dynamic field, and else the field of that name.
 */
function counterpart(field: FieldSpec, own: readonly FieldSpec[], others: readonly FieldSpec[]): FieldSpec | undefined {
  if (field.primaryKey) return others.find((f) => f.primaryKey);
  const vectors = others.filter((f) => isVector(f.type));
  const lone = own.filter((f) => isVector(f.type)).length === 1 && vectors.length === 1;
  if (isVector(field.type) && lone) return vectors[0];
  if (field.dynamic) return others.find((f) => f.dynamic);
  return others.find((f) => f.name === field.name && !f.primaryKey);
}

/**
 * A column in a's clothes. Where a's field cannot be null but this batch has a null, the field stays one that can: then its
 * rows are hashed in another way than any of a's, and the difference shows.
 */
function relabel(source: ContentSource, pairs: readonly Pair[], side: 'a' | 'b'): ContentSource {
  const positions = pairs.map((pair) => source.schema.fields.findIndex((f) => f.name === pair[side].name));
  const dress = (batch: RecordBatch): RecordBatch => {
    const columns = positions.map((at) => rawColumn(batch, at));
    const fields = pairs.map(({ a }, i) => toArrowField(columns[i]!.valid ? { ...a, nullable: true } : a));
    return makeBatch(
      new Schema(fields),
      batch.numRows,
      columns.map((c) => c.values),
      columns.map((c) => c.valid),
    );
  };
  return {
    ...source,
    schema: new Schema(pairs.map(({ a }) => toArrowField(a))),
    async *read(split, signal) {
      for await (const batch of source.read(split, signal)) yield dress(batch);
    },
  };
}

/** As both can hold it: a field that may be null on one side is one that may be null on both. */
function nullableIfOne({ a, b }: Pair): Pair {
  return b.nullable && !a.nullable ? { a: { ...a, nullable: true }, b } : { a, b };
}

/**
 * Brings both sides to the fields that they share, under the names, in the order and with the nullability of `a`: where
 * nothing of `a` is left out, its digest is what it is on its own. Without a key on the side of `a` the key of `b` is left out,
 * so rows without ids are compared with rows whose ids the target has made.
 * @param nulls `both`: row by row comparable also where only `b` may hold nulls, at the price that digests are not those of `a` alone
 */
export function align(a: ContentSource, b: ContentSource, nulls: 'a' | 'both' = 'a'): Aligned {
  const specsA = specsOf(a.schema);
  const specsB = specsOf(b.schema).filter((s) => !s.primaryKey || specsA.some((f) => f.primaryKey));
  const pairs: Pair[] = [];
  const differences: FieldDifference[] = [];
  const taken = new Set<FieldSpec>();
  for (const field of specsA) {
    const other = counterpart(field, specsA, specsB);
    if (other) taken.add(other);
    const pair = other && { a: field, b: other };
    if (pair && sameType(field, pair.b)) pairs.push(nulls === 'both' ? nullableIfOne(pair) : pair);
    else differences.push({ name: field.name, a: field, b: other });
  }
  for (const field of specsB) if (!taken.has(field)) differences.push({ name: field.name, a: undefined, b: field });
  return {
    a: relabel(a, pairs, 'a'),
    b: relabel(b, pairs, 'b'),
    schema: new Schema(pairs.map(({ a: field }) => toArrowField(field))),
    differences,
  };
}
