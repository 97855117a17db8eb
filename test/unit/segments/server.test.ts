import { describe, expect, it } from 'vitest';
import type { Connection } from '../../../src/milvus/connection.js';
import { segmentServer } from '../../../src/segments/server.js';
import { encodeRequest } from '../../../src/segments/wire-messages.js';
import { fail } from '../../../src/util/errors.js';

type Value = Parameters<typeof encodeRequest>[0][number];

/** A message with messages inside it: those are given as bytes. */
function encode(fields: Readonly<Record<number, Value | Uint8Array | readonly Uint8Array[]>>): Uint8Array {
  return Buffer.concat(
    Object.entries(fields).map(([number, value]) => {
      const parts = value instanceof Uint8Array ? [value] : value;
      if (!Array.isArray(parts) || !(parts[0] instanceof Uint8Array))
        return encodeRequest({ [number]: value as Value });
      return Buffer.concat(
        parts.map((bytes: Uint8Array) => {
          // Tag and length are those of a text of as many bytes.
          const head = encodeRequest({ [number]: 'x'.repeat(bytes.length) });
          return Buffer.concat([head.subarray(0, head.length - bytes.length), bytes]);
        }),
      );
    }),
  );
}

interface Asked {
  readonly method: string;
  readonly request: Uint8Array;
}

function serverThat(answers: Readonly<Record<string, Uint8Array | Error>>) {
  const asked: Asked[] = [];
  const connection = {
    address: 'host:1',
    version: 'v2.6.0',
    retry: { totalMs: 0 },
    async call(method: string, request: Uint8Array) {
      asked.push({ method, request: Buffer.from(request) });
      const answer = answers[method];
      if (answer instanceof Error) throw answer;
      return answer ?? new Uint8Array();
    },
  } as unknown as Connection;
  return { server: segmentServer(connection), asked };
}

const unimplemented = fail('DST_UNSUPPORTED', 'x', { cause: { code: 12, details: '' } });
const ID = 470596403606015148n;
const ARTICLES = { db: 'shop', name: 'articles' };

describe('the calls of a backup', () => {
  it('describe a collection with every id exact', async () => {
    const field = encode({
      1: 100n,
      2: 'id',
      3: 1n,
      5: 5n,
      6: [encode({ 1: 'dim', 2: '16' })],
      11: encode({ 3: 7n }),
      15: 1n,
    });
    const { server, asked } = serverThat({
      DescribeCollection: encode({
        2: encode({ 1: 'articles', 4: [field], 5: 1n, 7: [encode({ 1: 'bm25', 6: [101n, 102n] })] }),
        3: ID,
        4: ['channel'],
        6: 2n ** 64n - 1n,
        8: 2n,
        9: ['alias'],
        11: 2n,
        13: [encode({ 1: 'collection.ttl.seconds', 2: '5' })],
        16: 3n,
      }),
    });
    const found = await server.describe(ARTICLES);
    expect(asked[0]!.request).toEqual(encodeRequest({ 2: 'shop', 3: 'articles' }));
    expect(found).toMatchObject({
      collection_id: ID,
      created_timestamp: 2n ** 64n - 1n,
      shards_num: 2,
      aliases: ['alias'],
      consistency_level: 2,
      properties: [{ key: 'collection.ttl.seconds', value: '5' }],
      db_id: 3n,
      virtual_channel_names: ['channel'],
      schema: { name: 'articles', enable_dynamic_field: true, functions: [{ input_field_ids: [101n, 102n] }] },
    });
    expect(found!.schema.fields).toMatchObject([
      {
        fieldID: 100n,
        name: 'id',
        is_primary_key: true,
        data_type: 5,
        type_params: [{ key: 'dim', value: '16' }],
        default_value_base64: Buffer.from(encode({ 3: 7n })).toString('base64'),
        nullable: true,
      },
    ]);
  });

  it('say that a collection is gone', async () => {
    const { server } = serverThat({ DescribeCollection: encode({ 1: encode({ 2: 'not found', 3: 100n }) }) });
    expect(await server.describe(ARTICLES)).toBeUndefined();
  });

  it('fail with what the server says', async () => {
    const { server } = serverThat({ Flush: encode({ 1: encode({ 2: 'no right', 3: 1401n }) }) });
    await expect(server.flush(ARTICLES)).rejects.toMatchObject({
      code: 'DST_AUTH',
      message: 'flush shop.articles: no right (Milvus code 1401)',
    });
  });

  it('flush, and know what must be on the disk', async () => {
    const ids = (...list: bigint[]) => encode({ 1: list });
    const position = encode({ 1: 'channel', 4: 99n });
    const { server, asked } = serverThat({
      Flush: encode({
        3: [encode({ 1: 'articles', 2: ids(1n, ID) })],
        4: [encode({ 1: 'articles', 2: ids(ID, 3n) })],
        5: [encode({ 1: 'articles', 2: 1795186530n })],
        6: [encode({ 1: 'articles', 2: 77n })],
        7: [encode({ 1: 'channel', 2: position })],
      }),
      GetFlushState: encode({ 2: 1n }),
    });
    const ticket = await server.flush(ARTICLES);
    expect(ticket).toEqual({
      of: ARTICLES,
      segments: [1n, ID, 3n],
      timestamp: 77n,
      sealed: 1795186530n,
      checkpoints: { channel: Buffer.from(position).toString('base64') },
      checkpoint: 99n,
    });
    expect(await server.isFlushed(ticket)).toBe(true);
    expect(asked[1]!.request).toEqual(encodeRequest({ 1: [1n, ID, 3n], 2: 77n, 3: 'shop', 4: 'articles' }));
  });

  it('read packed integers, and segments with their states', async () => {
    const packed = Buffer.concat([encodeRequest({ 3: 'xx' }).subarray(0, 2), Uint8Array.of(7, 9)]);
    const { server } = serverThat({
      ShowPartitions: Buffer.concat([encode({ 2: ['_default', 'p'] }), packed]),
      GetPersistentSegmentInfo: encode({
        2: [encode({ 1: ID, 3: BigInt.asUintN(64, -1n), 4: 5n, 5: 4n, 6: 1n, 8: 2n })],
      }),
    });
    expect(await server.partitions(ARTICLES)).toEqual([
      { id: 7n, name: '_default' },
      { id: 9n, name: 'p' },
    ]);
    expect(await server.segments(ARTICLES)).toEqual([
      { segment_id: ID, partition_id: -1n, rows: 5, state: 4, level: 1, storage_version: 2 },
    ]);
  });

  it('know no databases where the server has none, and no index where there is none', async () => {
    const { server } = serverThat({
      ListDatabases: unimplemented,
      DescribeIndex: encode({ 1: encode({ 2: 'index not found', 3: 700n }) }),
    });
    expect((await server.databases()).map(({ db_name }) => db_name)).toEqual(['default']);
    expect(await server.indexes(ARTICLES)).toEqual([]);
  });

  it('describe databases where the server does', async () => {
    const { server } = serverThat({
      ListDatabases: encode({ 2: ['shop'] }),
      DescribeDatabase: encode({ 3: 8n, 5: [encode({ 1: 'database.replica.number', 2: '2' })] }),
    });
    expect(await server.databases()).toEqual([
      { db_name: 'shop', db_id: 8n, properties: [{ key: 'database.replica.number', value: '2' }], ezk: '' },
    ]);
  });

  it('read users, roles and grants', async () => {
    const name = (text: string) => encode({ 1: text });
    const { server } = serverThat({
      BackupRBAC: encode({
        2: encode({
          1: [encode({ 1: 'u', 2: 'hash', 3: [name('r')] })],
          2: [name('r')],
          3: [encode({ 1: name('r'), 2: name('Collection'), 3: '*', 4: encode({ 2: name('Query') }), 5: 'shop' })],
          4: [encode({ 1: 'group', 2: [name('Query')] })],
        }),
      }),
    });
    expect(await server.rbac()).toEqual({
      users: [{ user: 'u', password: 'hash', roles: [{ name: 'r' }] }],
      roles: [{ name: 'r' }],
      grants: [
        {
          role: { name: 'r' },
          object: { name: 'Collection' },
          object_name: '*',
          grantor: { user: undefined, privilege: { name: 'Query' } },
          db_name: 'shop',
        },
      ],
      privilege_groups: [{ group_name: 'group', privileges: [{ name: 'Query' }] }],
    });
  });

  it('list users, roles and grants one by one where the server has no call for all', async () => {
    const name = (text: string) => encode({ 1: text });
    const grant = encode({ 1: name('r'), 2: name('Global'), 3: '*', 4: encode({ 2: name('Query') }), 5: '*' });
    const { server, asked } = serverThat({
      BackupRBAC: unimplemented,
      ListDatabases: encode({ 2: ['default', 'shop'] }),
      DescribeDatabase: unimplemented,
      SelectRole: encode({ 2: [encode({ 1: name('r') })] }),
      SelectUser: encode({ 2: [encode({ 1: name('u'), 2: [name('r')] })] }),
      ListCredUsers: encode({ 2: ['root', 'u'] }),
      SelectGrant: encode({ 2: [grant] }),
    });
    const found = await server.rbac();
    expect(found.users).toEqual([
      { user: 'root', password: '', roles: [] },
      { user: 'u', password: '', roles: [{ name: 'r' }] },
    ]);
    // The same grant, of all databases, was told for each of them.
    expect(found.grants).toMatchObject([{ role: { name: 'r' }, db_name: '*' }]);
    expect(asked.filter(({ method }) => method === 'SelectGrant')).toHaveLength(3);
  });

  it('take indexes with their parameters, and the state of loading', async () => {
    const { server, asked } = serverThat({
      DescribeIndex: encode({
        2: [encode({ 1: 'i', 2: ID, 3: [encode({ 1: 'index_type', 2: 'HNSW' }), encode({ 1: 'M', 2: '8' })], 4: 'v' })],
      }),
      GetLoadState: encode({ 2: 3n }),
    });
    expect(await server.indexes(ARTICLES)).toMatchObject([
      { index_name: 'i', index_id: ID, index_type: 'HNSW', field_name: 'v', params: { index_type: 'HNSW', M: '8' } },
    ]);
    expect(await server.loadState(ARTICLES, 'p')).toBe('Loaded');
    expect(asked[1]!.request).toEqual(encodeRequest({ 2: 'articles', 3: ['p'], 4: 'shop' }));
  });
});
