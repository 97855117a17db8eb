import { Schema } from 'apache-arrow';
import { afterAll, expect, inject, test, vi } from 'vitest';
import { createBatchWriter } from '../../src/adapters/milvus/writer.js';
import { makeBatch } from '../../src/batch/columns.js';
import { type FieldSpec, toArrowField } from '../../src/batch/fields.js';
import { createCollection } from '../../src/milvus/collections.js';
import { openMilvus } from '../../src/milvus/open.js';
import type { Setting, Tuner } from '../../src/milvus/tuner.js';
import { startProxy } from '../support/proxy.js';
import { digest } from '../support/python.js';
import { digestsOf, dropCollections, milvusUri, unique } from './support.js';

afterAll(dropCollections);

const KIB = 1024;
const BATCH_BYTES = 256 * KIB;
/** In their turn, every few acknowledgements: as sudden as no tuner would be. */
const SETTINGS: readonly Setting[] = [
  { inFlight: 4, bytes: BATCH_BYTES },
  { inFlight: 1, bytes: 32 * KIB },
  { inFlight: 3, bytes: 128 * KIB },
  { inFlight: 2, bytes: 64 * KIB },
];
let acknowledged = 0;

vi.mock('../../src/milvus/tuner.js', () => ({
  createTuner: (): Tuner => ({
    get setting() {
      return SETTINGS[Math.floor(acknowledged / 7) % SETTINGS.length]!;
    },
    acknowledged() {
      acknowledged++;
    },
    late() {},
    disturbed() {},
    tuned: undefined,
  }),
}));

const DIM = 64;
const BATCHES = 16;
const PER_BATCH = BATCH_BYTES / (DIM * 4 + 8);
const FIELDS: FieldSpec[] = [
  { name: 'id', type: 'INT64', primaryKey: true },
  { name: 'embedding', type: 'FLOAT_VECTOR', dim: DIM },
];
const value = (row: number, column: number): number => row + column / DIM;

test('a server far away has every row once, however batches are cut and how many requests are in flight', async () => {
  const collection = unique('tuned');
  const rows = Math.floor(PER_BATCH);
  await using proxy = await startProxy(inject('milvusAddress'));
  await using opened = await openMilvus(
    { at: { kind: 'server', address: proxy.address, tls: false } },
    { log: () => {}, retry: { totalMs: 10_000 } },
  );
  const { connection } = opened;
  await createCollection(connection, { name: collection, fields: FIELDS, autoId: false, description: '', shards: 1 });
  proxy.delay(5);
  const writer = createBatchWriter(connection, { collection, parallelism: 4, tuning: { batchBytes: BATCH_BYTES } });
  const mapping = {
    fields: new Map(FIELDS.map(({ name }) => [name, name])),
    keyField: 'id',
    keyType: 'INT64' as const,
    vectorField: 'embedding',
    autoId: false,
  };
  const acks: Promise<{ rows: number; keys: BigInt64Array }>[] = [];
  for (let first = 0; first < BATCHES * rows; first += rows) {
    const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(first + i));
    const vectors = Float32Array.from({ length: rows * DIM }, (_, i) => value(first + Math.floor(i / DIM), i % DIM));
    const batch = makeBatch(new Schema(FIELDS.map(toArrowField)), rows, [ids, vectors]);
    acks.push((await writer.write(batch, mapping, { repeatable: false })).ack);
  }
  const done = await Promise.all(acks);
  // The keys of a batch are those of its requests, in the order of its rows.
  for (const [i, ack] of done.entries()) {
    expect([ack.rows, ack.keys[0], ack.keys.at(-1)]).toStrictEqual([
      rows,
      BigInt(i * rows),
      BigInt((i + 1) * rows - 1),
    ]);
  }
  expect(acknowledged).toBeGreaterThan(1.5 * BATCHES);
  const expected = Array.from({ length: BATCHES * rows }, (_, row) => ({
    id: BigInt(row),
    vector: Array.from({ length: DIM }, (__, column) => value(row, column)),
  }));
  expect(await digest({ uri: milvusUri(), collection })).toMatchObject({
    count: BATCHES * rows,
    ...digestsOf(expected),
  });
});
