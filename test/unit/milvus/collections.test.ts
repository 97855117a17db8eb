import { describe, expect, it } from 'vitest';
import { describeCollection } from '../../../src/milvus/collections.js';
import type { Connection } from '../../../src/milvus/connection.js';

const OK = { error_code: 'Success', code: 0, reason: '' };
const GONE = { error_code: 'UnexpectedError', code: 100, reason: 'collection not found[collection=c]' };
const REFUSED = { error_code: 'UnexpectedError', code: 65535, reason: 'no' };

/** A server that answers the two calls with these statuses. */
function connection(described: object, partitions: object): Connection {
  const schema = { name: 'c', description: '', autoID: false, enable_dynamic_field: false, fields: [], functions: [] };
  const rest = { aliases: [], properties: [], shards_num: 1, consistency_level: 'Bounded', collectionID: '1' };
  return {
    retry: { totalMs: 0 },
    sdk: {
      describeCollection: async () => ({ status: described, collection_name: 'c', schema, ...rest }),
      showPartitions: async () => ({ status: partitions, partition_names: ['_default'] }),
    },
  } as unknown as Connection;
}

describe('the description of a collection', () => {
  it('has its partitions', async () => {
    expect(await describeCollection(connection(OK, OK), 'c')).toMatchObject({ name: 'c', partitions: ['_default'] });
  });

  it('is none where there is no collection, also when it is dropped in between', async () => {
    expect(await describeCollection(connection(GONE, OK), 'c')).toBeUndefined();
    expect(await describeCollection(connection(OK, GONE), 'c')).toBeUndefined();
  });

  it('is refused as the server says', async () => {
    await expect(describeCollection(connection(OK, REFUSED), 'c')).rejects.toMatchObject({ code: 'DST_REFUSED' });
  });
});
