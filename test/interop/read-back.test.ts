import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { counts, digest, makeCollection } from '../support/python.js';

/** The digest of ids 0 .. rows-1 as the fixtures define it. */
function idsDigest(rows: number): string {
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i));
  return createHash('sha256').update(new Uint8Array(ids.buffer)).digest('hex');
}

test('the independent reader sees what the independent writer wrote', async () => {
  const plan = {
    collection: 'read_back',
    fields: [
      { name: 'key', type: 'INT64', primary: true },
      { name: 'vec', type: 'BINARY_VECTOR', dim: 64 },
      { name: 'text', type: 'VARCHAR', max_length: 64 },
    ],
    partitions: ['p'],
    insert: [
      { rows: 9000, seed: 1 },
      { rows: 1000, partition: 'p', seed: 2 },
    ],
    index: { field: 'vec', type: 'BIN_FLAT', metric: 'JACCARD' },
    aliases: ['other_name'],
  };
  expect(await makeCollection(plan)).toBe(10_000);
  const all = await digest({ collection: 'read_back' });
  expect(all).toMatchObject({
    rows: 10_000,
    count: 10_000,
    dim: 64,
    vector: 'BINARY_VECTOR',
    partition_counts: { _default: 9000, p: 1000 },
    indexes: [{ field: 'vec', type: 'BIN_FLAT', metric: 'JACCARD' }],
    aliases: ['other_name'],
    load_state: 'NotLoad',
    sha256_ids: idsDigest(10_000),
  });
  const part = await digest({ collection: 'read_back', partition: 'p' });
  expect(part).toMatchObject({ rows: 1000, count: 1000 });
  expect(part.sha256).not.toBe(all.sha256);
  expect(await counts({ collection: 'read_back' })).toMatchObject({ count: 10_000, load_state: 'NotLoad' });
});

test('reading leaves a collection without index as it was', async () => {
  const fields = [
    { name: 'id', type: 'INT64', primary: true },
    { name: 'v', type: 'FLOAT_VECTOR', dim: 4 },
  ];
  await makeCollection({ collection: 'bare', fields, insert: [{ rows: 10 }] });
  await digest({ collection: 'bare' });
  expect(await counts({ collection: 'bare' })).toMatchObject({ count: 10, indexes: [], load_state: 'NotLoad' });
});
