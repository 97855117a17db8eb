import { describe, expect, it } from 'vitest';
import { identityMapping, matchCollection, matchKey, targetField } from '../../../../src/adapters/milvus/match.js';
import type { IdChoice } from '../../../../src/adapters/types.js';
import type { CollectionField, CollectionInfo } from '../../../../src/milvus/collections.js';
import { schemaOf, specOf } from '../../batch/support.js';
import { collectionOf, fieldOf, KEY, KEY_FIELD, VECTOR, VECTOR_FIELD } from './support.js';

const STORED: IdChoice = { type: 'INT64', stored: true, newIds: false };
const NONE: IdChoice = { type: 'none', stored: false, newIds: false };
const SCHEMA = schemaOf(KEY, VECTOR);

const withFields = (...fields: CollectionField[]): CollectionInfo => collectionOf({ fields });

function refusal(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (thrown) {
    const { code, message } = thrown as { code: string; message: string };
    return { code, message };
  }
  throw new Error('nothing was refused');
}

describe('matchCollection', () => {
  it('takes the key and the only vector field of a collection whatever they are called', () => {
    const info = withFields(fieldOf('pk', 'INT64', { primaryKey: true }), fieldOf('vec', 'FLOAT_VECTOR', { dim: 4 }));
    expect(matchCollection(info, SCHEMA, STORED)).toStrictEqual({
      fields: new Map([['embedding', 'vec']]),
      keyField: 'pk',
      keyType: 'INT64',
      vectorField: 'vec',
      autoId: false,
    });
  });

  it('takes further columns by their names', () => {
    const info = withFields(
      KEY_FIELD,
      VECTOR_FIELD,
      fieldOf('title', 'VARCHAR', { maxLength: 10 }),
      fieldOf('n', 'INT8'),
    );
    const { fields } = matchCollection(
      info,
      schemaOf(KEY, VECTOR, specOf('INT8', 'n'), specOf('VARCHAR', 'title')),
      STORED,
    );
    expect([...fields]).toStrictEqual([
      ['embedding', 'embedding'],
      ['n', 'n'],
      ['title', 'title'],
    ]);
  });

  it('takes the dynamic column where the collection has such a field', () => {
    const schema = schemaOf(KEY, VECTOR, specOf('JSON', '$meta', { dynamic: true }));
    const info = collectionOf({ fields: [KEY_FIELD, VECTOR_FIELD], dynamic: true });
    expect([...matchCollection(info, schema, STORED).fields]).toContainEqual(['$meta', '$meta']);
    const without = refusal(() => matchCollection(withFields(KEY_FIELD, VECTOR_FIELD), schema, STORED));
    expect(without).toMatchObject({ code: 'DST_SCHEMA_MISMATCH', message: expect.stringContaining('"$meta"') });
  });

  it('among several vector fields takes the one of the same name', () => {
    const info = withFields(KEY_FIELD, VECTOR_FIELD, fieldOf('other', 'FLOAT_VECTOR', { dim: 8, nullable: true }));
    expect(matchCollection(info, SCHEMA, STORED).vectorField).toBe('embedding');
  });

  it('leaves alone what fills itself', () => {
    const info = withFields(
      KEY_FIELD,
      VECTOR_FIELD,
      fieldOf('a', 'INT64', { nullable: true }),
      fieldOf('b', 'INT64', { defaultValue: '0' }),
      fieldOf('c', 'SPARSE', { functionOutput: true }),
    );
    expect(matchCollection(info, SCHEMA, STORED).fields.size).toBe(1);
  });

  it.each<[string, CollectionInfo, string, readonly string[]]>([
    [
      'another dimension',
      withFields(KEY_FIELD, fieldOf('v', 'FLOAT_VECTOR', { dim: 8 })),
      'DST_SCHEMA_MISMATCH',
      ['FLOAT_VECTOR(4)', '"v" FLOAT_VECTOR(8)', '"books"'],
    ],
    [
      'another kind of vector',
      withFields(KEY_FIELD, fieldOf('v', 'BINARY_VECTOR', { dim: 4 })),
      'DST_SCHEMA_MISMATCH',
      ['FLOAT_VECTOR(4)', 'BINARY_VECTOR(4)'],
    ],
    [
      'no vector field',
      withFields(KEY_FIELD, fieldOf('n', 'INT64')),
      'DST_SCHEMA_MISMATCH',
      ['"books" has no vector field'],
    ],
    [
      'several vector fields, none of the name',
      withFields(KEY_FIELD, fieldOf('a', 'FLOAT_VECTOR', { dim: 4 }), fieldOf('b', 'FLOAT_VECTOR', { dim: 4 })),
      'DST_SCHEMA_MISMATCH',
      ['"a"', '"b"', '"embedding"'],
    ],
    [
      'another type of key',
      withFields(fieldOf('pk', 'VARCHAR', { primaryKey: true }), VECTOR_FIELD),
      'DST_SCHEMA_MISMATCH',
      ['ids of the source are INT64', '"pk" VARCHAR'],
    ],
    ['no key at all', withFields(VECTOR_FIELD), 'DST_SCHEMA_MISMATCH', ['no primary key']],
    [
      'a field that the source cannot fill',
      withFields(KEY_FIELD, VECTOR_FIELD, fieldOf('title', 'VARCHAR')),
      'DST_SCHEMA_MISMATCH',
      ['needs values for "title" VARCHAR'],
    ],
  ])('refuses %s, naming both sides', (_, info, code, parts) => {
    const refused = refusal(() => matchCollection(info, SCHEMA, STORED));
    expect(refused.code).toBe(code);
    for (const part of parts) expect(refused.message).toContain(part);
  });

  it('refuses a column without a field, or with one of another type', () => {
    const schema = schemaOf(KEY, VECTOR, specOf('DOUBLE', 'price'));
    expect(refusal(() => matchCollection(collectionOf(), schema, STORED))).toStrictEqual({
      code: 'DST_SCHEMA_MISMATCH',
      message: 'collection "books" has no field "price" DOUBLE for that column of the source',
    });
    const info = withFields(KEY_FIELD, VECTOR_FIELD, fieldOf('price', 'FLOAT'));
    expect(refusal(() => matchCollection(info, schema, STORED)).message).toMatch(/"price" DOUBLE .* "price" FLOAT/);
  });
});

describe('matchKey', () => {
  const own = withFields(fieldOf('auto', 'INT64', { primaryKey: true, autoId: true }), VECTOR_FIELD);
  const text = withFields(fieldOf('pk', 'VARCHAR', { primaryKey: true }), VECTOR_FIELD);

  it.each<[string, CollectionInfo, IdChoice, string]>([
    ['stored integers', collectionOf(), STORED, 'id'],
    ['row numbers', collectionOf(), NONE, 'id'],
    ['stored text', text, { ...STORED, type: 'VARCHAR' }, 'pk'],
    ['no ids into auto_id', own, NONE, 'auto'],
    ['new ids into auto_id', own, { ...STORED, newIds: true }, 'auto'],
  ])('takes %s', (_, info, ids, name) => {
    expect(matchKey(info, ids).name).toBe(name);
  });

  it.each<[string, CollectionInfo, IdChoice, string, string]>([
    ['ids into auto_id', own, STORED, 'DST_IDS', 'makes its own ids'],
    ['new ids without auto_id', collectionOf(), { ...STORED, newIds: true }, 'DST_IDS', 'auto_id is off'],
    ['row numbers into a text key', text, NONE, 'DST_SCHEMA_MISMATCH', '"pk" VARCHAR'],
    ['text into an integer key', collectionOf(), { ...STORED, type: 'VARCHAR' }, 'DST_SCHEMA_MISMATCH', 'are VARCHAR'],
  ])('refuses %s', (_, info, ids, code, part) => {
    const refused = refusal(() => matchKey(info, ids));
    expect(refused.code).toBe(code);
    expect(refused.message).toContain(part);
  });
});

describe('the mapping', () => {
  it('into a new collection keeps all names', () => {
    const mapping = identityMapping(schemaOf(VECTOR, { ...KEY, name: 'pk' }, specOf('BOOL', 'b')), 'unused', false);
    expect(mapping).toMatchObject({ keyField: 'pk', keyType: 'INT64', vectorField: 'embedding', autoId: false });
    expect([...mapping.fields.keys()]).toStrictEqual(['embedding', 'b']);
    const text = schemaOf({ name: 'pk', type: 'VARCHAR', primaryKey: true }, VECTOR);
    expect(identityMapping(text, 'unused', false).keyType).toBe('VARCHAR');
    expect(identityMapping(text, 'unused', true)).toMatchObject({ keyType: 'INT64', autoId: true });
  });

  it('gives columns the name of their field, and keys of the server none', () => {
    const mapping = {
      fields: new Map([['embedding', 'vec']]),
      keyField: 'pk',
      keyType: 'INT64',
      vectorField: 'vec',
      autoId: false,
    } as const;
    expect([KEY, VECTOR].map((spec) => targetField(mapping, spec))).toStrictEqual(['pk', 'vec']);
    expect(targetField({ ...mapping, autoId: true }, KEY)).toBeUndefined();
  });
});
