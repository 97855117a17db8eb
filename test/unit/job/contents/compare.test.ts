import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDigester, type Digest } from '../../../../src/batch/digest.js';
import { compareContents } from '../../../../src/job/contents/compare.js';
import { contentSource, digestContents, wholeSplits } from '../../../../src/job/contents/source.js';
import { idTransform } from '../../../../src/transforms/ids.js';
import { fail } from '../../../../src/util/errors.js';
import { memoryReader } from '../../../support/memory-reader.js';
import { schemaOf, textColumn } from '../../batch/support.js';
import { KEY, VECTOR } from '../support.js';
import { compareRows, contentOf, FIELDS, fileOfRows, NEVER, type Row, rowsContent, rowsOf, side } from './support.js';

const EQUAL = { equal: true, differences: [], counts: { missing: 0, extra: 0, different: 0 }, complete: true };

async function digestOf(rows: readonly Row[]): Promise<Digest> {
  return (await digestContents(await rowsContent(rows), { signal: NEVER })).get('')!;
}

describe('the digest of contents', () => {
  it('is that of the rows, per partition, read at most as many splits at a time as the reader allows', async () => {
    let open = 0;
    let most = 0;
    const reader = memoryReader(
      schemaOf(...FIELDS),
      ['a', 'b', 'c', 'd', 'e'].map((name, i) =>
        fileOfRows(rowsOf(20, i * 20), { name, partition: name < 'c' ? 'red' : 'blue' }),
      ),
      {
        async beforeBatch(_, first) {
          if (first === 0) open++;
          most = Math.max(most, open);
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (first >= 15) open--;
        },
      },
    );
    const parallel = Object.assign(reader, { parallelSplits: 3 });
    const source = contentSource(parallel, wholeSplits(await reader.splits()), { batchBytes: 160 });
    const digests = await digestContents(source, { signal: NEVER });
    expect([...digests.keys()].sort()).toEqual(['blue', 'red']);
    expect(digests.get('red')).toStrictEqual(await digestOf(rowsOf(40)));
    expect(digests.get('blue')).toStrictEqual(await digestOf(rowsOf(60, 40)));
    expect(most).toBe(3);
  });

  it('tells the rows as they are read, and stops when it is told to', async () => {
    const stop = new AbortController();
    let rows = 0;
    const digest = digestContents(await rowsContent(rowsOf(100)), {
      signal: stop.signal,
      onRows(count) {
        rows += count;
        if (rows > 30) stop.abort();
      },
    });
    await expect(digest).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(rows).toBeLessThan(60);
  });

  it('throws what the reader throws, not that the other splits were stopped by that', async () => {
    const reader = memoryReader(
      schemaOf(...FIELDS),
      ['a', 'b'].map((name) => fileOfRows(rowsOf(50), { name })),
      {
        async beforeBatch({ id }, first) {
          await new Promise((resolve) => setTimeout(resolve, id === 'a' ? 1 : 3));
          if (id === 'b' && first > 10) throw fail('SRC_CORRUPT', 'a bad page');
        },
      },
    );
    const source = contentSource(Object.assign(reader, { parallelSplits: 2 }), wholeSplits(await reader.splits()));
    await expect(digestContents({ ...source }, { signal: NEVER })).resolves.toBeDefined();
    const small = contentSource(Object.assign(reader, { parallelSplits: 2 }), wholeSplits(await reader.splits()), {
      batchBytes: 100,
    });
    await expect(digestContents(small, { signal: NEVER })).rejects.toMatchObject({ code: 'SRC_CORRUPT' });
  });
});

describe('comparing contents', () => {
  it('finds equal rows equal in any order, reading each side once', async () => {
    const rows = rowsOf(500);
    expect(await compareRows(rows, [...rows].reverse())).toMatchObject({ ...EQUAL, rows: { a: 500, b: 500 } });
  });

  it('names the row and the field of one flipped bit', async () => {
    const rows = rowsOf(3000);
    const bits = new Uint32Array(Float32Array.of(1234).buffer);
    bits[0]! ^= 1;
    const changed = rows.map((r) => (r.id === 1234n ? { ...r, vector: new Float32Array(bits.buffer)[0]! } : r));
    expect(await compareRows(rows, changed)).toMatchObject({
      equal: false,
      counts: { missing: 0, extra: 0, different: 1 },
      differences: [{ id: '1234', kind: 'different', fields: ['embedding'] }],
    });
  });

  it('takes -0 for 0 in scalars alone', async () => {
    const row = { id: 1n, vector: 1, price: 0 };
    expect(await compareRows([row], [{ ...row, price: -0 }])).toMatchObject(EQUAL);
    expect(await compareRows([{ ...row, vector: 0 }], [{ ...row, vector: -0 }])).toMatchObject({
      differences: [{ id: '1', kind: 'different', fields: ['embedding'] }],
    });
  });

  it('names the first ten of many differences by ascending id, and counts all of them', async () => {
    const rows = rowsOf(1000, -500);
    const changed = rows.flatMap((r) => (r.id < -480n ? [] : [r.id >= 480n ? { ...r, price: -1 } : r]));
    const found = await compareRows(rows, [...changed, { id: 9999n, vector: 0, price: 0 }]);
    expect(found.counts).toEqual({ missing: 20, extra: 1, different: 20 });
    expect(found.differences.map((d) => [d.id, d.kind])).toEqual(
      Array.from({ length: 10 }, (_, i) => [String(i - 500), 'missing']),
    );
    expect(found.complete).toBe(true);
  });

  it('names text ids and their fields', async () => {
    const text = [{ ...KEY, type: 'VARCHAR' as const, maxLength: 20 }, ...FIELDS.slice(1)];
    const rows = rowsOf(300).map((r) => ({ ...r, id: `key ${r.id}` }));
    const changed = rows.flatMap((r, i) => (i === 7 ? [] : [i === 8 ? { ...r, price: 0 } : r]));
    const b = [...changed, { id: 'é', vector: 0, price: 0 }];
    const sides = [await contentOf(text, [fileOfRows(rows)]), await contentOf(text, [fileOfRows(b)])] as const;
    const { differences } = await compareContents(side(sides[0]), side(sides[1]), { signal: NEVER });
    const named = differences.map((d) => `${d.kind} ${d.id} ${d.fields.join()}`).sort();
    expect(named).toEqual(['different key 8 price', 'extra é ', 'missing key 7 ']);
  });

  it('does with a table for a few hundred rows what it does with a large one', async () => {
    const rows = rowsOf(4000);
    const changed = rows.map((r) => (r.id % 2n === 0n ? { ...r, price: r.price + 1 } : r));
    const found = await compareRows(rows, changed, { maxBytes: 24 * 1024, limit: 5000 });
    expect(found.counts).toEqual({ missing: 0, extra: 0, different: 2000 });
    expect(found.differences).toHaveLength(2000);
    const early = await compareRows(rows, changed, { maxBytes: 24 * 1024 });
    expect(early.complete).toBe(false);
    expect(early.differences).toHaveLength(10);
  });

  it('needs no more passes for one row among many of the same bucket', async () => {
    const rows = rowsOf(3000).map((r) => ({ ...r, id: r.id * 256n }));
    const changed = rows.map((r) => (r.id === 256n * 77n ? { ...r, price: -5 } : r));
    expect(await compareRows(rows, changed, { maxBytes: 24 * 1024 })).toMatchObject({
      complete: true,
      counts: { missing: 0, extra: 0, different: 1 },
      differences: [{ id: String(256 * 77), kind: 'different', fields: ['price'] }],
    });
  });

  it('reads a side whose digest is known only to name a difference', async () => {
    const known = await digestOf(rowsOf(50));
    const reader = memoryReader(schemaOf(...FIELDS), [fileOfRows(rowsOf(50))]);
    const a = contentSource(reader, wholeSplits(await reader.splits()));
    const same = await compareContents(side(a, { known }), side(await rowsContent(rowsOf(50))), { signal: NEVER });
    expect([same.equal, reader.reads]).toEqual([true, []]);
    const other = await compareContents(side(a, { known }), side(await rowsContent(rowsOf(49))), { signal: NEVER });
    expect(other.differences).toEqual([{ id: '49', kind: 'missing', fields: [] }]);
    expect(reader.reads.length).toBeGreaterThan(0);
    const { hex, rows } = known;
    const bare = { known: { hex, rows } };
    const third = await compareContents(side(a, bare), side(await rowsContent(rowsOf(48))), { signal: NEVER });
    expect(third.differences.map((d) => d.id)).toEqual(['48', '49']);
  });

  it('is refused when a side changes between two passes', async () => {
    let pass = 0;
    const rows = rowsOf(10);
    const changing = memoryReader(schemaOf(...FIELDS), [fileOfRows(rows), fileOfRows(rowsOf(9), { name: 'b' })]);
    const [first, second] = wholeSplits(await changing.splits());
    const content = contentSource(changing, [first!]);
    const b = {
      ...content,
      read: (_: unknown, signal: AbortSignal) => content.read(pass++ === 0 ? second! : first!, signal),
    };
    const compared = compareContents(side(await rowsContent(rows)), side(b), { signal: NEVER });
    await expect(compared).rejects.toMatchObject({ code: 'SRC_CHANGED' });
  });

  it('stops the other side when one fails', async () => {
    const bad = memoryReader(schemaOf(...FIELDS), [fileOfRows(rowsOf(10))], {
      beforeBatch: () => Promise.reject(fail('SRC_CORRUPT', 'bad')),
    });
    let batches = 0;
    const slow = await contentOf(FIELDS, [fileOfRows(rowsOf(1000))], {
      async beforeBatch() {
        batches++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    });
    const a = contentSource(bad, wholeSplits(await bad.splits()));
    await expect(compareContents(side(a), side(slow), { signal: NEVER })).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
    });
    expect(batches).toBeLessThan(10);
  });
});

describe('ids that occur several times', () => {
  const copies: Row[] = [
    { id: 5n, vector: 1, price: 1 },
    { id: 5n, vector: 2, price: 2 },
    { id: 6n, vector: 3, price: 3 },
  ];

  it('of the source: whichever copy a query shows is right', async () => {
    for (const shown of [0, 1]) {
      const found = await compareRows(copies, [copies[shown]!, copies[2]!], { queriedB: true });
      expect(found).toMatchObject({ ...EQUAL, copies: 1 });
    }
  });

  it('of the source: a row that is none of the copies is a difference', async () => {
    const found = await compareRows(copies, [{ id: 5n, vector: 1, price: 2 }, copies[2]!], { queriedB: true });
    expect(found.counts).toEqual({ missing: 0, extra: 0, different: 1 });
    const lost = await compareRows(copies, [copies[2]!], { queriedB: true });
    expect(lost.counts).toEqual({ missing: 1, extra: 0, different: 0 });
  });

  it('of two files: each copy counts', async () => {
    const found = await compareRows(copies, [copies[0]!, copies[2]!]);
    expect(found.counts).toEqual({ missing: 1, extra: 0, different: 0 });
    expect(found.differences).toEqual([{ id: '5', kind: 'missing', fields: [] }]);
    const doubled = await compareRows([copies[2]!], [copies[2]!, copies[2]!]);
    expect(doubled.counts).toEqual({ missing: 0, extra: 1, different: 0 });
  });

  it('rows with the ids that no query shows do not count as missing', async () => {
    const edges: Row[] = [2n ** 63n - 1n, -(2n ** 63n), 1n].map((id) => ({ id, vector: 1, price: 1 }));
    expect(await compareRows(edges, edges.slice(2), { queriedB: true })).toMatchObject({ ...EQUAL, unfindable: 2 });
    expect(await compareRows(edges, edges.slice(2))).toMatchObject({ equal: false, counts: { missing: 2 } });
  });
});

describe('a part of the other side', () => {
  it('is all there, whatever else is', async () => {
    const found = await compareRows(rowsOf(40, 100), rowsOf(1000), { subset: true });
    expect(found).toMatchObject({ ...EQUAL, rows: { a: 40, b: 1000 } });
  });

  it('has a row that is different or missing', async () => {
    const b = rowsOf(130).map((r) => (r.id === 105n ? { ...r, price: -1 } : r));
    const found = await compareRows(rowsOf(40, 100), b, { subset: true, maxBytes: 24 * 1024 });
    expect(found.counts).toEqual({ missing: 10, extra: 0, different: 1 });
    expect(found.differences[0]).toEqual({ id: '105', kind: 'different', fields: ['price'] });
  });
});

describe('sides with other fields', () => {
  const vectors = new Float32Array(8).fill(1);
  const ids = BigInt64Array.of(1n, 2n);

  it('key and only vector are the same field under another name, others go by name', async () => {
    const a = await contentOf(FIELDS, [fileOfRows(rowsOf(20))]);
    const other = [FIELDS[2]!, { ...VECTOR, name: 'vec' }, { ...KEY, name: 'pk' }];
    const { columns, ...rest } = fileOfRows(rowsOf(20));
    const b = await contentOf(other, [{ ...rest, columns: [columns[2]!, columns[1]!, columns[0]!] }]);
    const found = await compareContents(side(a), side(b), { signal: NEVER });
    expect(found).toMatchObject({ ...EQUAL, fields: [] });
    expect(found.digests.a).toBe((await digestOf(rowsOf(20))).hex);
  });

  it('a field of one side alone, or of another type, is a difference, and the others are compared', async () => {
    const a = await contentOf(
      [KEY, VECTOR, { name: 'n', type: 'INT32' }],
      [{ name: 'a', rows: 2, columns: [ids, vectors, Int32Array.of(1, 2)] }],
    );
    const b = await contentOf(
      [KEY, VECTOR, { name: 'n', type: 'INT64' }, { name: 'm', type: 'BOOL' }],
      [{ name: 'a', rows: 2, columns: [ids, vectors, BigInt64Array.of(1n, 2n), Uint8Array.of(1, 0)] }],
    );
    const found = await compareContents(side(a), side(b), { signal: NEVER });
    expect(found.equal).toBe(false);
    expect(found.digests.a).toBe(found.digests.b);
    expect(found.fields.map((f) => [f.name, f.a?.type, f.b?.type])).toEqual([
      ['n', 'INT32', 'INT64'],
      ['m', undefined, 'BOOL'],
    ]);
    const part = await compareContents(side(b), side(b), { signal: NEVER, subset: true });
    expect(part.equal).toBe(true);
  });

  it('keys of two types have no row in common', async () => {
    const text = { ...KEY, type: 'VARCHAR' as const, maxLength: 9 };
    const a = await contentOf([KEY, VECTOR], [{ name: 'a', rows: 2, columns: [ids, vectors] }]);
    const b = await contentOf([text, VECTOR], [{ name: 'a', rows: 2, columns: [textColumn(['1', '2']), vectors] }]);
    expect(await compareContents(side(a), side(b), { signal: NEVER })).toMatchObject({
      equal: false,
      fields: [{ name: 'id', a: { type: 'INT64' }, b: { type: 'VARCHAR' } }],
    });
  });

  it('a null is no value, whichever side could hold one', async () => {
    const strict = [KEY, { name: 'n', type: 'INT32' as const }];
    const loose = [KEY, { name: 'n', type: 'INT32' as const, nullable: true }];
    const numbers = { name: 'a', rows: 2, columns: [ids, Int32Array.of(0, 7)] };
    const a = await contentOf(strict, [numbers]);
    const same = await contentOf(loose, [numbers]);
    expect(await compareContents(side(a), side(same), { signal: NEVER })).toMatchObject(EQUAL);
    expect(await compareContents(side(same), side(a), { signal: NEVER })).toMatchObject(EQUAL);
    const content = await contentOf(loose, [numbers]);
    const { makeBatch, rawColumns } = await import('../../../../src/batch/columns.js');
    const withNull = {
      ...content,
      async *read(...args: Parameters<typeof content.read>) {
        for await (const batch of content.read(...args)) {
          const values = rawColumns(batch).map((c) => c.values);
          yield makeBatch(content.schema, batch.numRows, values, [undefined, Uint8Array.of(0, 1)]);
        }
      },
    };
    expect(await compareContents(side(a), side(withNull), { signal: NEVER })).toMatchObject({
      counts: { missing: 0, extra: 0, different: 1 },
      differences: [{ id: '1', kind: 'different', fields: ['n'] }],
    });
  });

  it('rows without ids are compared with rows whose ids the target has made', async () => {
    const bare = memoryReader(schemaOf(VECTOR), [
      { name: 'a', rows: 3, columns: [Float32Array.of(1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2)] },
    ]);
    const a = contentSource(bare, wholeSplits(await bare.splits()), {
      transformers: [idTransform(bare.schema, { kind: 'target' })],
    });
    const made = (values: readonly number[]) =>
      contentOf(
        [KEY, VECTOR],
        [
          {
            name: 'a',
            rows: 3,
            columns: [BigInt64Array.of(7n, 8n, 9n), Float32Array.from(values.flatMap((v) => [v, v, v, v]))],
          },
        ],
      );
    const options = { signal: NEVER };
    expect(await compareContents(side(a), side(await made([2, 1, 2]), { queried: true }), options)).toMatchObject(
      EQUAL,
    );
    expect(await compareContents(side(a), side(await made([2, 1, 1]), { queried: true }), options)).toMatchObject({
      counts: { missing: 1, extra: 1, different: 0 },
      differences: [{ id: null }, { id: null }],
    });
  });
});

/** The differences by their definition, on plain lists. */
function byDefinition(a: readonly Row[], b: readonly Row[]): Record<'missing' | 'extra' | 'different', number> {
  const counts = { missing: 0, extra: 0, different: 0 };
  const text = (r: Row): string => `${r.vector} ${r.price}`;
  for (const id of new Set([...a, ...b].map((r) => r.id))) {
    const left = a.filter((r) => r.id === id).map(text);
    const right: string[] = [];
    for (const row of b.filter((r) => r.id === id).map(text)) {
      const at = left.indexOf(row);
      if (at >= 0) left.splice(at, 1);
      else right.push(row);
    }
    const different = Math.min(left.length, right.length);
    counts.different += different;
    counts.missing += left.length - different;
    counts.extra += right.length - different;
  }
  return counts;
}

describe('differences', () => {
  it('are those of the definition, for any rows', async () => {
    const row = fc.record({
      id: fc.bigInt({ min: -3n, max: 3n }).map((id) => id * 256n),
      vector: fc.integer({ min: 0, max: 2 }),
      price: fc.constant(1),
    });
    const list = fc.array(row, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(list, list, async (a, b) => {
        const found = await compareRows(a, b, { limit: 100 });
        expect(found.counts).toEqual(byDefinition(a, b));
        expect(found.equal).toBe(Object.values(found.counts).every((n) => n === 0));
      }),
      { numRuns: 200 },
    );
  });
});

it('the digest of a source is the same through the comparison as in a run', async () => {
  const batches = await rowsContent(rowsOf(30));
  const digester = await createDigester(batches.schema);
  for await (const batch of batches.read(batches.splits[0]!, NEVER)) digester.add(batch);
  expect((await compareRows(rowsOf(30), rowsOf(30))).digests.a).toBe(digester.result().hex);
});
