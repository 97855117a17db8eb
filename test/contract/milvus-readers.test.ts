import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { openMilvusReader } from '../../src/adapters/milvus/reader.js';
import type { Reader, Split } from '../../src/adapters/types.js';
import { isText, keyIndex, rawColumn } from '../../src/batch/columns.js';
import { describeCollection } from '../../src/milvus/collections.js';
import { type Connection, connect } from '../../src/milvus/connection.js';
import { readPoint } from '../../src/milvus/data.js';
import { type EmbeddedServer, startEmbedded } from '../../src/milvus/embedded.js';
import { dropCollections, unique, withClient } from '../e2e/support.js';
import { type CollectionPlan, makeCollection } from '../support/python.js';
import { readerSuite } from './reader-suite.js';

// The Milvus source against the reader contract, on a real server and on Milvus Lite, in one range of keys and in several.

let lite: EmbeddedServer;

beforeAll(async () => {
  vi.stubEnv('MILVUSDM_EMBEDDED_PATH', inject('embeddedPath'));
  lite = await startEmbedded(await mkdtemp(join(inject('runFolder'), 'lite-')), { log: () => {} });
});
afterAll(async () => {
  await lite[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await dropCollections();
});

const serverAddress = (): string => inject('milvusAddress');
const liteAddress = (): string => lite.address;

async function connected(address: string): Promise<Connection> {
  return connect({ at: { kind: 'server', address, tls: false } }, address, false, { totalMs: 10_000 });
}

interface OpenOptions {
  readonly rangeBytes?: number;
  readonly partitions?: readonly string[];
  readonly filter?: string;
}

async function openReader(address: string, collection: string, o: OpenOptions = {}): Promise<Reader> {
  const connection = await connected(address);
  const info = (await describeCollection(connection, collection))!;
  return openMilvusReader({
    connection,
    info,
    partitions: info.partitions,
    at: await readPoint(connection),
    ...o,
    close: async () => {
      await connection[Symbol.asyncDispose]();
    },
  });
}

const SCALARS = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'FLOAT', 'DOUBLE'].map((type) => ({ name: type, type }));

/** Keys of several blocks, written in no order; the partition "empty" has none. */
const BLOCKS = [
  { rows: 12, first_id: 447_000_000_000_000 },
  { rows: 20, first_id: -30, partition: 'p' },
  { rows: 9, first_id: 0 },
  { rows: 7, first_id: 100, partition: 'p' },
  { rows: 8, first_id: -2_000_000 },
] as const;
const ROWS = BLOCKS.reduce((sum, block) => sum + block.rows, 0);

function integerPlan(collection: string, uri: string): CollectionPlan {
  return {
    uri,
    collection,
    fields: [{ name: 'id', type: 'INT64', primary: true }, ...SCALARS, { name: 'vec', type: 'FLOAT_VECTOR', dim: 5 }],
    partitions: ['p', 'empty'],
    insert: BLOCKS.map((block, i) => ({ ...block, seed: i })),
    index: { field: 'vec', type: 'FLAT', metric: 'L2' },
    load: true,
  };
}

function textPlan(collection: string, uri: string, vector: 'FLOAT_VECTOR' | 'BINARY_VECTOR'): CollectionPlan {
  const binary = vector === 'BINARY_VECTOR';
  return {
    ...integerPlan(collection, uri),
    fields: [
      { name: 'vec', type: vector, dim: 16 },
      { name: 'id', type: 'VARCHAR', max_length: 100, primary: true },
      { name: 'json', type: 'JSON' },
      { name: 'small', type: 'INT8' },
    ],
    index: binary
      ? { field: 'vec', type: 'BIN_FLAT', metric: 'HAMMING' }
      : { field: 'vec', type: 'FLAT', metric: 'L2' },
  };
}

/** A collection that is made when it is first asked for. */
function once(make: (collection: string) => Promise<unknown>): () => Promise<string> {
  let made: Promise<string> | undefined;
  return () => {
    const collection = unique('read');
    made ??= make(collection).then(() => collection);
    return made;
  };
}

for (const [server, address, vector] of [
  ['Milvus 2.3.5', serverAddress, 'BINARY_VECTOR'],
  ['Milvus Lite', liteAddress, 'FLOAT_VECTOR'],
] as const) {
  const integers = once((name) => makeCollection(integerPlan(name, `http://${address()}`)));
  const texts = once((name) => makeCollection(textPlan(name, `http://${address()}`, vector)));
  readerSuite(`${server}: int64 keys`, ROWS, async () => openReader(address(), await integers()));
  readerSuite(`${server}: text keys`, ROWS, async () => openReader(address(), await texts()));
  const filter = 'INT8 < 50';
  test(`${server}: a filter is counted, too`, async () => {
    await using reader = await openReader(address(), await integers(), { filter });
    const rows = (await reader.splits()).reduce((sum, split) => sum + split.rows, 0);
    expect(rows).toBeGreaterThan(0);
    expect(rows).toBeLessThan(ROWS);
    expect((await keysOf(reader)).length).toBe(rows);
  });
  if (server === 'Milvus Lite') continue;
  const rangeBytes = 300;
  readerSuite(`${server}: int64 keys in ranges`, ROWS, async () =>
    openReader(address(), await integers(), { rangeBytes }),
  );
  readerSuite(`${server}: text keys in ranges`, ROWS, async () => openReader(address(), await texts(), { rangeBytes }));
}

async function keysOfSplit(reader: Reader, split: Split, maxBytes: number): Promise<(bigint | string)[]> {
  const keys: (bigint | string)[] = [];
  for await (const { batch } of reader.read(split, { maxBytes })) {
    const { values } = rawColumn(batch, keyIndex(batch.schema));
    if (values instanceof BigInt64Array) keys.push(...values);
    else if (isText(values)) {
      for (let row = 0; row < batch.numRows; row++)
        keys.push(Buffer.from(values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!)).toString());
    }
  }
  return keys;
}

async function keysOf(reader: Reader, maxBytes = 1 << 20): Promise<(bigint | string)[]> {
  const parts: (bigint | string)[][] = [];
  for (const split of await reader.splits()) parts.push(await keysOfSplit(reader, split, maxBytes));
  return parts.flat();
}

/** Makes a collection with a vector of two dimensions and writes blocks of keys, each into a segment of its own. */
async function makeSegments(collection: string, blocks: readonly (readonly (string | number)[])[]): Promise<void> {
  const text = typeof blocks[0]![0] === 'string';
  await withClient(async (client) => {
    const name = { collection_name: collection };
    await client.createCollection({
      ...name,
      shards_num: 1,
      fields: [
        { name: 'id', data_type: text ? DataType.VarChar : DataType.Int64, is_primary_key: true, max_length: 200 },
        { name: 'vec', data_type: DataType.FloatVector, dim: 2 },
      ],
    });
    for (const [i, keys] of blocks.entries()) {
      const answer = await client.insert({ ...name, data: keys.map((id) => ({ id, vec: [i, 0] })) });
      expect(answer.status.reason).toBe('');
      if (i < blocks.length - 1) await client.flushSync({ collection_names: [collection] });
    }
    await client.createIndex({ ...name, field_name: 'vec', index_type: 'FLAT', metric_type: 'L2' });
    await client.loadCollectionSync(name);
  });
}

const numbers = (count: number, of: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => of(i));

describe('Milvus 2.3.5', () => {
  test('copies of an id in several segments hide no other rows, and are told once per partition', async () => {
    const collection = unique('copies');
    const blocks = [
      numbers(300, (i) => i),
      [...numbers(150, (i) => 2 * i), ...numbers(50, (i) => 1000 + i)],
      [...numbers(100, (i) => 3 * i), ...numbers(20, (i) => 2000 + i)],
    ];
    await makeSegments(collection, blocks);
    const all = [...new Set(blocks.flat())].map(BigInt).sort((a, b) => Number(a - b));
    for (const rangeBytes of [1000, 1 << 30]) {
      await using reader = await openReader(serverAddress(), collection, { rangeBytes });
      const splits = await reader.splits();
      expect(splits).toHaveLength(rangeBytes === 1000 ? 4 : 1);
      expect(splits.reduce((sum, split) => sum + split.rows, 0)).toBe(blocks.flat().length);
      for (const maxBytes of [48, 160, 1 << 20]) expect(await keysOf(reader, maxBytes)).toEqual(all);
      expect(reader.lateWarnings!()).toEqual([expect.stringMatching(/_default counts 620 rows, .* show 370:/)]);
    }
  });

  test('text keys of every kind are read, each once, in the order of their bytes', async () => {
    const collection = unique('texts');
    const characters = [
      'a',
      'B',
      '0',
      '"',
      "'",
      '\\',
      '\n',
      '\t',
      '\r',
      '\u0001',
      '\u007f',
      '%',
      '_',
      'é',
      '中',
      '😀',
      ' ',
    ];
    const keys = [...characters, ...characters.flatMap((a) => characters.map((b) => `${a}${b}`)), 'x'.repeat(200)];
    await makeSegments(collection, [keys]);
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const rangeBytes of [500, 1 << 30]) {
      await using reader = await openReader(serverAddress(), collection, { rangeBytes });
      expect((await reader.splits()).length > 1).toBe(rangeBytes === 500);
      for (const maxBytes of [100, 3000]) expect(await keysOf(reader, maxBytes)).toEqual(sorted);
      expect(reader.lateWarnings!()).toEqual([]);
    }
  });

  test('rows that are written meanwhile end the reading: they would push others out', async () => {
    const collection = unique('live');
    await makeSegments(collection, [numbers(50, (i) => i * 10)]);
    await using reader = await openReader(serverAddress(), collection);
    await withClient((client) =>
      client.insert({
        collection_name: collection,
        data: numbers(3, (i) => i).map((i) => ({ id: i + 1, vec: [0, 0] })),
      }),
    );
    await vi.waitFor(() => expect(keysOf(reader, 100)).rejects.toMatchObject({ code: 'SRC_CHANGED' }), 300_000);
  });

  test('the fingerprint outlives the reader, and shows that rows were added', async () => {
    const collection = unique('print');
    await makeSegments(collection, [numbers(50, (i) => i)]);
    const prints = async (o: OpenOptions = {}): Promise<string[]> => {
      await using reader = await openReader(serverAddress(), collection, o);
      return (await reader.splits()).map((split) => split.fingerprint);
    };
    const first = await prints();
    expect(await prints()).toEqual(first);
    expect(await prints({ filter: 'id >= 0' })).not.toEqual(first);
    await withClient((client) => client.insert({ collection_name: collection, data: [{ id: 77, vec: [0, 0] }] }));
    await vi.waitFor(async () => expect(await prints()).not.toEqual(first), 300_000);
  });
});
