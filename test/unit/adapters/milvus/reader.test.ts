import { describe, expect, it } from 'vitest';
import { openMilvusReader } from '../../../../src/adapters/milvus/reader.js';
import type { Reader } from '../../../../src/adapters/types.js';
import type { Features } from '../../../../src/milvus/features.js';
import { protoDecode, protoEncode } from '../../milvus/proto.js';
import { type FakeCall, fakeConnection } from './fake-connection.js';
import { collectionOf, fieldOf, KEY_FIELD, VECTOR_FIELD } from './support.js';

const VECTOR = [1, 2, 3, 4];

interface Request {
  readonly expr?: string;
  readonly output_fields?: readonly string[];
  readonly query_params?: readonly { key: string; value: string }[];
  readonly consistency_level?: string | number;
  readonly guarantee_timestamp?: string;
}

function requestOf(call: FakeCall): Request {
  return protoDecode('QueryRequest', call.request) as Request;
}

/** Rows with the ids from 0 on, which `counted` says are more or fewer than are shown. */
function serverOf(shown: number, counted: (upTo: number | undefined) => number) {
  return (call: FakeCall): Uint8Array => {
    const request = requestOf(call);
    const upTo = /id <= (\d+)/.exec(request.expr ?? '')?.[1];
    if (request.output_fields?.[0] === 'count(*)') {
      const data = [counted(upTo === undefined ? undefined : Number(upTo))];
      return protoEncode('QueryResults', {
        fields_data: [{ field_name: 'count(*)', scalars: { long_data: { data } } }],
      });
    }
    const from = Number(/id > (-?\d+)/.exec(request.expr ?? '')?.[1] ?? -1) + 1;
    const limit = Number(request.query_params?.find((p) => p.key === 'limit')?.value);
    const to = Math.min(from + limit, shown, upTo === undefined ? shown : Number(upTo) + 1);
    const ids = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
    return protoEncode('QueryResults', {
      fields_data: [
        { field_name: 'id', scalars: { long_data: { data: ids } } },
        { field_name: 'embedding', vectors: { dim: 4, float_vector: { data: ids.flatMap(() => VECTOR) } } },
      ],
    });
  };
}

interface Opened {
  readonly reader: Reader;
  readonly calls: readonly FakeCall[];
}

async function open(
  answer: (call: FakeCall) => Uint8Array,
  o: { features?: Partial<Features>; rangeBytes?: number; filter?: string; info?: object } = {},
): Promise<Opened> {
  const connection = fakeConnection(answer, o.features ? { features: o.features } : {});
  const { rangeBytes, filter } = o;
  const reader = await openMilvusReader({
    connection,
    info: collectionOf(o.info ?? {}),
    partitions: ['_default'],
    at: { timestamp: 447_000_000_000_000_001n },
    ...(rangeBytes === undefined ? {} : { rangeBytes }),
    ...(filter === undefined ? {} : { filter }),
    close: async () => {},
  });
  return { reader, calls: connection.calls };
}

async function rowsOf(reader: Reader): Promise<number> {
  let rows = 0;
  for (const split of await reader.splits()) {
    for await (const { batch } of reader.read(split, { maxBytes: 4000 })) rows += batch.numRows;
  }
  return rows;
}

const all = (rows: number) => (upTo: number | undefined) => Math.min(rows, (upTo ?? rows) + 1);

describe('openMilvusReader', () => {
  it('asks for every page in the order of its keys, at the one timestamp', async () => {
    const { reader, calls } = await open(serverOf(500, all(500)));
    expect(await rowsOf(reader)).toBe(500);
    const pages = calls.map(requestOf).filter((request) => request.output_fields?.[0] !== 'count(*)');
    expect(pages.length).toBeGreaterThan(2);
    for (const page of pages) {
      expect(page.query_params).toContainEqual({ key: 'iterator', value: 'True' });
      expect(page.query_params).toContainEqual({ key: 'reduce_stop_for_best', value: 'True' });
      expect(page).toMatchObject({ guarantee_timestamp: '447000000000000001' });
    }
    expect(reader.lateWarnings!()).toEqual([]);
  });

  it('makes several splits of a large partition, and one of it on Milvus Lite', async () => {
    const answer = serverOf(4000, all(4000));
    const { reader } = await open(answer, { rangeBytes: 24 * 100 });
    const splits = await reader.splits();
    expect(splits.map((split) => split.id)).toEqual([1, 2, 3, 4].map((i) => `_default#${i}/4`));
    expect(new Set(splits.map((split) => split.source))).toEqual(new Set(['books/_default']));
    expect(new Set(splits.map((split) => split.fingerprint)).size).toBe(4);
    expect(reader.parallelSplits).toBe(4);
    expect(splits.reduce((sum, split) => sum + split.bytes, 0)).toBe(4000 * 24);
    expect(await rowsOf(reader)).toBe(4000);
    const lite = await open(answer, { rangeBytes: 24 * 100, features: { lite: true } });
    expect((await lite.reader.splits()).map((split) => split.id)).toEqual(['_default']);
    expect(lite.reader.parallelSplits).toBe(1);
  });

  it('sums what is counted and shown over the ranges of a partition', async () => {
    const { reader } = await open(
      serverOf(4000, (upTo) => (upTo === undefined ? 4005 : upTo + 1)),
      { rangeBytes: 2400 },
    );
    expect((await reader.splits()).length).toBeGreaterThan(1);
    expect(await rowsOf(reader)).toBe(4000);
    expect(reader.lateWarnings!()).toEqual([
      expect.stringMatching(/^books\/_default counts 4,005 rows, .* show 4,000:/),
    ]);
  });

  it('calls what the server refuses an error of the source', async () => {
    const refusing = (): Uint8Array => protoEncode('QueryResults', { status: { code: 1100, reason: 'cannot parse' } });
    await expect(open(refusing, { filter: 'nonsense' })).rejects.toMatchObject({
      code: 'SRC_UNREADABLE',
      message: expect.stringContaining('cannot parse'),
    });
    let counting = true;
    const later = (call: FakeCall): Uint8Array => (counting ? serverOf(9, all(9))(call) : refusing());
    const { reader } = await open(later);
    counting = false;
    await expect(rowsOf(reader)).rejects.toMatchObject({ code: 'SRC_UNREADABLE' });
  });

  it('takes texts in an array, whose length is not said, for the longest, and says so', async () => {
    const tags = fieldOf('tags', 'ARRAY', { elementType: 'VARCHAR', maxCapacity: 4 });
    const { reader } = await open(serverOf(0, all(0)), { info: { fields: [KEY_FIELD, VECTOR_FIELD, tags] } });
    expect(reader.warnings).toEqual([expect.stringMatching(/"tags" may be: taken as 65535 bytes/)]);
    expect(reader.info[0]!.fields.at(-1)).toMatchObject({ name: 'tags', maxLength: 65_535 });
  });
});
