import { describe, expect, it } from 'vitest';
import { schemaCodec } from '../../../../src/backup/meta.js';
import type { CollectionBackupInfo, FieldSchemaInfo } from '../../../../src/backup/types.js';
import { createRequest } from '../../../../src/job/restore/schema.js';
import { protoDecode, schemaDecode } from '../../milvus/proto.js';
import { collection, field, partition } from './support.js';

type Decoded = Record<string, unknown>;

function decoded(
  info: CollectionBackupInfo,
  shards?: number,
): { request: Decoded; schema: Decoded; fields: Decoded[] } {
  const bytes = createRequest({ name: 'made', info, source: 'default.c', shards });
  const request = protoDecode('CreateCollectionRequest', bytes);
  const schema = schemaDecode(request.schema as Uint8Array);
  return { request, schema, fields: schema.fields as Decoded[] };
}

describe('the request that makes a collection', () => {
  it('says all that the backup knows of it', () => {
    const fields: FieldSchemaInfo[] = [
      field(101n, 'v', 101, { type_params: [{ key: 'dim', value: '4' }], description: 'a vector' }),
      field(100n, 'id', 21, { is_primary_key: true, type_params: [{ key: 'max_length', value: '9' }] }),
      field(102n, 'tags', 22, { element_type: 21, nullable: true }),
      field(103n, 'n', 5, { default_value_base64: Buffer.from([0x18, 5]).toString('base64'), is_partition_key: true }),
      field(104n, '$meta', 23, { is_dynamic: true }),
    ];
    const info = collection('c', {
      schema: { ...schemaCodec.zero, name: 'c', description: 'text', fields, enable_dynamic_field: true },
      shards_num: 2,
      consistency_level: 2,
      properties: [{ key: 'collection.ttl.seconds', value: '60' }],
      partition_backups: [partition(1n, '_default_0'), partition(2n, '_default_1')],
    });
    const { request, schema, fields: made } = decoded(info);
    expect(request).toMatchObject({ collection_name: 'made', shards_num: 2, consistency_level: 2 });
    expect(request.properties).toEqual([{ key: 'collection.ttl.seconds', value: '60' }]);
    expect(request.num_partitions).toBe('2');
    expect(schema).toMatchObject({ name: 'made', description: 'text', enable_dynamic_field: true });
    expect(made.map(({ name }) => name)).toEqual(['id', 'v', 'tags', 'n']);
    expect(made[0]).toMatchObject({
      is_primary_key: true,
      data_type: 21,
      type_params: [{ key: 'max_length', value: '9' }],
    });
    expect(made[1]).toMatchObject({ description: 'a vector', type_params: [{ key: 'dim', value: '4' }] });
    expect(made[2]).toMatchObject({ element_type: 21, nullable: true });
    expect(made[3]).toMatchObject({ is_partition_key: true, default_value: { long_data: '5' } });
  });

  it('takes another number of shards, and none of partitions without a key for them', () => {
    const info = collection('c', { shards_num: 4, partition_backups: [partition(1n, 'p')] });
    const { request } = decoded(info, 1);
    expect(request.shards_num).toBe(1);
    expect(request).not.toHaveProperty('num_partitions');
  });

  it('keeps properties that only the schema has, as older servers write them', () => {
    const base = collection('c');
    const schema = { ...base.schema!, properties: [{ key: 'a', value: '1' }] };
    expect(decoded({ ...base, schema }).request.properties).toMatchObject([{ key: 'a', value: '1' }]);
  });

  it.each<[string, CollectionBackupInfo, object]>([
    ['no schema', collection('c', { schema: undefined }), { code: 'SRC_CORRUPT', exitCode: 3 }],
    ['no fields', collection('c', { schema: schemaCodec.zero }), { code: 'SRC_CORRUPT' }],
    [
      'numbers with a gap',
      collection('c', { schema: { ...schemaCodec.zero, fields: [field(100n, 'id', 5), field(102n, 'late', 5)] } }),
      { code: 'DST_UNSUPPORTED', exitCode: 4, message: expect.stringContaining('"late" has the number 102') },
    ],
  ])('is refused for %s', (_, info, error) => {
    expect(() => createRequest({ name: 'made', info, source: 'default.c' })).toThrow(expect.objectContaining(error));
  });
});
