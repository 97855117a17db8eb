import { describe, expect, it } from 'vitest';
import { schemaCodec } from '../../../../src/backup/meta.js';
import type { CollectionBackupInfo, FieldSchemaInfo } from '../../../../src/backup/types.js';
import { makeCollection } from '../../../../src/job/restore/make-collection.js';
import { createProtocolDouble } from '../../../support/protocol-double.js';
import { collection, field } from './support.js';

const KEY = field(100n, 'id', 5, { is_primary_key: true });
const VECTOR = field(101n, 'v', 101, { type_params: [{ key: 'dim', value: '4' }] });
const META = (id: bigint): FieldSchemaInfo => field(id, '$meta', 23, { is_dynamic: true });
const added = (id: bigint, name: string, more: Partial<FieldSchemaInfo> = {}): FieldSchemaInfo =>
  field(id, name, 21, { nullable: true, type_params: [{ key: 'max_length', value: '9' }], ...more });

function withFields(fields: readonly FieldSchemaInfo[], dynamic: boolean): CollectionBackupInfo {
  return collection('c', { schema: { ...schemaCodec.zero, name: 'c', fields, enable_dynamic_field: dynamic } });
}

async function make(info: CollectionBackupInfo): Promise<ReturnType<typeof createProtocolDouble>> {
  const double = createProtocolDouble();
  await makeCollection(double.connection, { name: 'made', info, source: 'default.c' });
  return double;
}

describe('a collection that is made again', () => {
  it.each<[string, FieldSchemaInfo[], boolean, string[]]>([
    ['as it was', [KEY, VECTOR], false, ['CreateCollection']],
    ['with a dynamic field that the backup does not list', [KEY, VECTOR], true, ['CreateCollection']],
    [
      'with fields that were added behind the dynamic one',
      [added(104n, 'later'), KEY, VECTOR, added(103n, 'late')],
      true,
      ['CreateCollection', 'AddCollectionField', 'AddCollectionField'],
    ],
    [
      'with one behind a dynamic field that the backup lists',
      [KEY, VECTOR, META(102n), added(103n, 'late')],
      true,
      ['CreateCollection', 'AddCollectionField'],
    ],
    // Without a dynamic field nothing tells it from the others, and it gets its number all the same.
    ['with one that was added', [KEY, VECTOR, added(102n, 'late')], false, ['CreateCollection']],
  ])('gives its fields their numbers: %s', async (_, fields, dynamic, calls) => {
    const double = await make(withFields(fields, dynamic));
    expect(double.calls).toEqual(calls);
    const ids = new Map(double.collections.get('made')!.map(({ id, name }) => [name, id]));
    for (const { name, fieldID } of fields) expect(ids.get(name), name).toBe(fieldID);
    if (dynamic) expect(ids.get('$meta')).toBe(102n);
  });

  it('tells all of an added field', async () => {
    const value = Buffer.from([0x32, 1, 0x78]).toString('base64');
    const late = added(103n, 'late', { description: 'text', default_value_base64: value });
    const double = await make(withFields([KEY, VECTOR, late], true));
    expect(double.collections.get('made')!.at(-1)!.schema).toEqual({
      name: 'late',
      description: 'text',
      data_type: 21,
      type_params: [{ key: 'max_length', value: '9' }],
      default_value: { string_data: 'x' },
      nullable: true,
    });
  });

  it('is refused where an added field is one that the server does not add', async () => {
    const info = withFields([KEY, VECTOR, added(103n, 'late', { nullable: false })], true);
    await expect(make(info)).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringMatching(/add field late to made.*must be nullable/),
    });
  });

  it.each<[string, FieldSchemaInfo[], boolean, string]>([
    [
      'two gaps',
      [KEY, VECTOR, added(103n, 'late'), added(105n, 'last')],
      true,
      '"last" has the number 105, .* get 104',
    ],
    [
      'a gap without a dynamic field',
      [KEY, VECTOR, added(103n, 'late')],
      false,
      '"late" has the number 103, .* get 102',
    ],
    [
      'a dynamic field elsewhere',
      [KEY, added(102n, 'late'), META(103n)],
      true,
      '"late" has the number 102, .* get 101',
    ],
  ])('is refused before anything is made: %s', async (_, fields, dynamic, message) => {
    const double = createProtocolDouble();
    const o = { name: 'made', info: withFields(fields, dynamic), source: 'default.c' };
    await expect(makeCollection(double.connection, o)).rejects.toMatchObject({
      code: 'DST_UNSUPPORTED',
      message: expect.stringMatching(message),
    });
    expect(double.calls).toEqual([]);
  });
});
