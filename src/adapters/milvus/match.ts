import type { Schema } from 'apache-arrow';
import { type FieldSpec, isVector, specsOf } from '../../batch/fields.js';
import type { CollectionField, CollectionInfo } from '../../milvus/collections.js';
import { fail } from '../../util/errors.js';
import type { IdChoice } from '../types.js';

/** How the columns of the batches go into a collection. */
export interface Mapping {
  /** Field name of the target for each column of the source but the key. */
  readonly fields: ReadonlyMap<string, string>;
  readonly keyField: string;
  readonly keyType: 'INT64' | 'VARCHAR';
  readonly vectorField: string;
  /** The server gives the keys. */
  readonly autoId: boolean;
}

function show(field: { name: string; type: string; dim?: number }): string {
  return `"${field.name}" ${field.type}${field.dim === undefined ? '' : `(${field.dim})`}`;
}

function targetVector(info: CollectionInfo, wanted: string): CollectionField {
  const vectors = info.fields.filter((f) => f.type.endsWith('_VECTOR'));
  const found = vectors.length === 1 ? vectors[0] : vectors.find((f) => f.name === wanted);
  if (found) return found;
  throw fail(
    'DST_SCHEMA_MISMATCH',
    vectors.length === 0
      ? `collection "${info.name}" has no vector field`
      : `collection "${info.name}" has ${vectors.length} vector fields (${vectors.map(show).join(', ')}) and none is called "${wanted}"`,
    { hint: 'Name the field by collection_parameter.vector_field.' },
  );
}

function matchVector(info: CollectionInfo, source: FieldSpec): CollectionField {
  const target = targetVector(info, source.name);
  if (target.type !== source.type || target.dim !== source.dim) {
    throw fail(
      'DST_SCHEMA_MISMATCH',
      `the vectors of the source are ${source.type}(${source.dim}), those of collection "${info.name}" are ${show(target)}`,
    );
  }
  return target;
}

function matchScalar(info: CollectionInfo, source: FieldSpec): CollectionField {
  const target = info.fields.find((f) => f.name === source.name);
  if (!target) {
    throw fail(
      'DST_SCHEMA_MISMATCH',
      `collection "${info.name}" has no field ${show(source)} for that column of the source`,
    );
  }
  if (target.type !== source.type) {
    throw fail(
      'DST_SCHEMA_MISMATCH',
      `column ${show(source)} of the source does not fit the field ${show(target)} of collection "${info.name}"`,
    );
  }
  return target;
}

/** The key field of an existing collection, or DST_IDS / DST_SCHEMA_MISMATCH when the ids of the source cannot go there. */
export function matchKey(info: CollectionInfo, ids: IdChoice): CollectionField {
  const key = info.fields.find((f) => f.primaryKey);
  if (!key) throw fail('DST_SCHEMA_MISMATCH', `collection "${info.name}" has no primary key`);
  if (key.autoId) {
    if (!ids.stored || ids.newIds) return key;
    throw fail(
      'DST_IDS',
      `collection "${info.name}" makes its own ids (auto_id), but the source has ids that would be lost`,
      {
        hint: 'Set new_ids: true to let the server make new ones, or choose another collection.',
      },
    );
  }
  if (ids.newIds) {
    throw fail(
      'DST_IDS',
      `new_ids: true needs a collection that makes its own ids, and "${info.name}" does not (auto_id is off)`,
      {
        hint: 'Leave new_ids out to keep the ids of the source, or choose another collection.',
      },
    );
  }
  const type = ids.type === 'none' ? 'INT64' : ids.type;
  if (key.type !== type) {
    throw fail(
      'DST_SCHEMA_MISMATCH',
      `the ids of the source are ${type}, the key of collection "${info.name}" is ${show(key)}`,
    );
  }
  return key;
}

/**
 * Compares the schema of the source with an existing collection. The collection's own key and only vector field are
 * taken whatever they are called, other columns by name. Throws DST_SCHEMA_MISMATCH or DST_IDS naming the difference.
 */
export function matchCollection(info: CollectionInfo, schema: Schema, ids: IdChoice): Mapping {
  const key = matchKey(info, ids);
  const specs = specsOf(schema).filter((s) => !s.primaryKey);
  const fields = new Map<string, string>();
  let vectorField = '';
  for (const spec of specs) {
    if (spec.dynamic && info.dynamic) {
      fields.set(spec.name, spec.name);
      continue;
    }
    const target = isVector(spec.type) ? matchVector(info, spec) : matchScalar(info, spec);
    if (isVector(spec.type)) vectorField = target.name;
    fields.set(spec.name, target.name);
  }
  const given = new Set(fields.values());
  const unfilled = info.fields.filter(
    (f) => !f.primaryKey && !given.has(f.name) && !f.nullable && f.defaultValue === undefined && !f.functionOutput,
  );
  if (unfilled.length > 0) {
    throw fail(
      'DST_SCHEMA_MISMATCH',
      `collection "${info.name}" needs values for ${unfilled.map(show).join(', ')}, which the source does not have`,
      { hint: 'Name the datasets that hold them by columns: {dataset: field}, or choose another collection.' },
    );
  }
  return { fields, keyField: key.name, keyType: key.type as Mapping['keyType'], vectorField, autoId: key.autoId };
}

/** The mapping into a collection that is made from the source's own schema, with `idField` as key where it has none. */
export function identityMapping(schema: Schema, idField: string, autoId: boolean): Mapping {
  const specs = specsOf(schema);
  const key = specs.find((s) => s.primaryKey);
  return {
    fields: new Map(specs.filter((s) => !s.primaryKey).map((s) => [s.name, s.name])),
    keyField: key?.name ?? idField,
    keyType: autoId ? 'INT64' : ((key?.type ?? 'INT64') as Mapping['keyType']),
    vectorField: specs.find((s) => isVector(s.type))!.name,
    autoId,
  };
}

/** Name of the target field for a column of a batch; undefined when it is not written (a key that the server makes). */
export function targetField(mapping: Mapping, column: FieldSpec): string | undefined {
  if (column.primaryKey) return mapping.autoId ? undefined : mapping.keyField;
  return mapping.fields.get(column.name);
}
