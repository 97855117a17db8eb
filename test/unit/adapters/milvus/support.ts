import type { Mapping } from '../../../../src/adapters/milvus/match.js';
import type { FieldSpec } from '../../../../src/batch/fields.js';
import type { CollectionField, CollectionInfo } from '../../../../src/milvus/collections.js';

/** A field of a collection as a server describes it. */
export function fieldOf(name: string, type: string, more: Partial<CollectionField> = {}): CollectionField {
  return { name, type, primaryKey: false, autoId: false, nullable: false, functionOutput: false, ...more };
}

export const KEY_FIELD: CollectionField = fieldOf('id', 'INT64', { primaryKey: true });
export const VECTOR_FIELD: CollectionField = fieldOf('embedding', 'FLOAT_VECTOR', { dim: 4 });

/** A collection with a key and a vector field, unless told otherwise. */
export function collectionOf(more: Partial<CollectionInfo> = {}): CollectionInfo {
  return {
    name: 'books',
    identity: '1',
    description: '',
    fields: [KEY_FIELD, VECTOR_FIELD],
    dynamic: false,
    aliases: [],
    properties: {},
    shards: 1,
    consistency: 'Bounded',
    partitions: ['_default'],
    functions: [],
    ...more,
  };
}

export const KEY: FieldSpec = { name: 'id', type: 'INT64', primaryKey: true };
export const VECTOR: FieldSpec = { name: 'embedding', type: 'FLOAT_VECTOR', dim: 4 };

/** Into a collection whose fields have other names. */
export const MAPPING: Mapping = {
  fields: new Map([['embedding', 'vec']]),
  keyField: 'pk',
  keyType: 'INT64',
  vectorField: 'vec',
  autoId: false,
};
