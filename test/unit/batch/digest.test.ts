import type { RecordBatch } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { flat, isText, makeBatch, type RawValues, rawColumns, rowBytes } from '../../../src/batch/columns.js';
import { combineDigests, createDigester, type Digest } from '../../../src/batch/digest.js';
import { type FieldSpec, fromArrowField } from '../../../src/batch/fields.js';
import { takeRows } from '../../../src/batch/gather.js';
import { batches, EVERY_TYPE, schemaOf, specOf, textColumn } from './support.js';
import { xxh64 } from './xxh64.js';

async function digestOf(...parts: readonly RecordBatch[]): Promise<Digest> {
  const digester = await createDigester(parts[0]!.schema);
  for (const part of parts) digester.add(part);
  return digester.result();
}

const HEX = /^[0-9a-f]{32}$/;

/** The digest by its definition alone (docs and contract), row by row with BigInt. */
function byDefinition(batch: RecordBatch): string {
  const columns = rawColumns(batch);
  columns.sort(
    (a, b) => Number(fromArrowField(b.field).primaryKey ?? false) - Number(fromArrowField(a.field).primaryKey ?? false),
  );
  const sums = [0n, 0n];
  for (let row = 0; row < batch.numRows; row++) {
    const parts: Uint8Array[] = [];
    for (const column of columns) {
      const { type } = fromArrowField(column.field);
      let bytes = rowBytes(column, row);
      const text = type === 'VARCHAR' || type === 'JSON' || type === 'SPARSE_FLOAT_VECTOR';
      if (text) parts.push(new Uint8Array(Uint32Array.of(bytes.length).buffer));
      const number = type === 'FLOAT' || type === 'DOUBLE' ? (column.values as Float64Array)[row] : undefined;
      if (number === 0) bytes = new Uint8Array(bytes.length);
      parts.push(bytes);
    }
    const message = Buffer.concat(parts);
    for (const seed of [0, 1]) sums[seed]! += xxh64(message, BigInt(seed));
  }
  return sums.map((sum) => BigInt.asUintN(64, sum).toString(16).padStart(16, '0')).join('');
}

/** Numbers of the buckets in which two digests differ. */
function differing(a: Digest, b: Digest): number[] {
  const buckets = new Set<number>();
  for (const [i, sum] of a.buckets.entries()) if (sum !== b.buckets[i]) buckets.add(i >> 1);
  return [...buckets];
}

const KEY: FieldSpec = { name: 'id', type: 'INT64', primaryKey: true };
const VECTOR = specOf('FLOAT_VECTOR', 'v', { dim: 4 });

function small(ids: readonly bigint[], vectors: readonly number[]): RecordBatch {
  return makeBatch(schemaOf(KEY, VECTOR), ids.length, [BigInt64Array.from(ids), Float32Array.from(vectors)]);
}

describe('xxh64 of the tests', () => {
  // From the specification's own test vectors.
  it.each([
    ['', 0n, 0xef46db3751d8e999n],
    ['a', 0n, 0xd24ec4f1a98c6e5bn],
    ['abc', 0n, 0x44bc2cf5ad770999n],
  ])('of "%s"', (text, seed, hash) => {
    expect(xxh64(Buffer.from(text), seed)).toBe(hash);
  });
});

describe('the digest', () => {
  it('of other rows is what it is, whatever another one has failed on', async () => {
    const schema = schemaOf(KEY, specOf('JSON'));
    const good = makeBatch(schema, 1, [BigInt64Array.of(1n), textColumn(['{}'])]);
    const before = await digestOf(good);
    const bad = makeBatch(schema, 2, [BigInt64Array.of(1n, 2n), textColumn(['{}', '[1]'])]);
    const digester = await createDigester(schema);
    const from = vi.spyOn(Buffer, 'from').mockImplementation(((bytes: Uint8Array) => {
      if (bytes.length === 3) throw new RangeError('no memory');
      return Buffer.concat([typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes]);
    }) as typeof Buffer.from);
    expect(() => digester.add(bad)).toThrow('no memory');
    from.mockRestore();
    expect(await digestOf(good)).toStrictEqual(before);
  });

  it('is what its definition says, for every type', async () => {
    await fc.assert(
      fc.asyncProperty(batches(EVERY_TYPE, { min: 0, max: 12 }), async (batch) => {
        const digest = await digestOf(batch);
        expect(digest.hex).toMatch(HEX);
        expect(digest.hex).toBe(byDefinition(batch));
        expect(digest.rows).toBe(batch.numRows);
      }),
      { numRuns: 40 },
    );
  });

  it('is what its definition says for rows longer than its buffer', async () => {
    const spec = specOf('FLOAT_VECTOR', 'v', { dim: 4096 });
    const batch = makeBatch(schemaOf(KEY, specOf('VARCHAR'), spec), 2, [
      BigInt64Array.of(-1n, 300n),
      textColumn(['x'.repeat(9000), '']),
      Float32Array.from({ length: 8192 }, (_, i) => i / 7),
    ]);
    expect((await digestOf(batch)).hex).toBe(byDefinition(batch));
  });

  it('is zero for no rows', async () => {
    expect(await digestOf(small([], []))).toStrictEqual({
      hex: '0'.repeat(32),
      rows: 0,
      buckets: new BigUint64Array(512),
      counts: new Float64Array(256),
    });
  });

  it('counts the rows of every bucket', async () => {
    const { counts } = await digestOf(small([1n, 257n, -1n], new Array(12).fill(0)));
    expect([counts[1], counts[255], counts.reduce((sum, n) => sum + n, 0)]).toStrictEqual([2, 1, 3]);
  });

  it('of several sets is the sum of their digests', async () => {
    const batch = small(
      [1n, 2n, 3n, 260n],
      Array.from({ length: 16 }, (_, i) => i),
    );
    const parts = [await digestOf(batch.slice(0, 1)), await digestOf(batch.slice(1))];
    expect(combineDigests(parts)).toStrictEqual(await digestOf(batch));
    expect(combineDigests([]).hex).toBe('0'.repeat(32));
  });

  it('depends neither on the order of rows nor on the boundaries of batches', async () => {
    const cases = batches(EVERY_TYPE, { min: 1, max: 20 });
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(), fc.infiniteStream(fc.nat()), async (batch, cut, random) => {
        const whole = await digestOf(batch);
        const at = cut % (batch.numRows + 1);
        expect(await digestOf(batch.slice(0, at), batch.slice(at))).toStrictEqual(whole);
        const keyed = Array.from({ length: batch.numRows }, (_, row) => ({ row, by: random.next().value as number }));
        const order = keyed.sort((a, b) => a.by - b.by).map(({ row }) => row);
        expect(await digestOf(takeRows(batch, order))).toStrictEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('of a range of rows is that of the slice', async () => {
    const batch = small(
      [1n, 2n, 3n, 4n],
      Array.from({ length: 16 }, (_, i) => i),
    );
    const digester = await createDigester(batch.schema);
    digester.add(batch, 1, 3);
    expect(digester.result()).toStrictEqual(await digestOf(batch.slice(1, 3)));
  });

  it('changes with any flipped bit of any field, in the bucket of the id alone', async () => {
    const specs: FieldSpec[] = [
      KEY,
      specOf('BOOL'),
      specOf('INT16'),
      specOf('VARCHAR'),
      VECTOR,
      specOf('INT8_VECTOR', 'w', { dim: 3 }),
    ];
    const columns = (): RawValues[] => [
      BigInt64Array.of(5n, -6n, 700n),
      Uint8Array.of(0, 1, 0),
      Int16Array.of(1, 2, 3),
      textColumn(['a', 'é', '']),
      Float32Array.from({ length: 12 }, (_, i) => i),
      Uint8Array.from({ length: 9 }, (_, i) => i),
    ];
    const before = await digestOf(makeBatch(schemaOf(...specs), 3, columns()));
    const seen = new Set([before.hex]);
    const bucketOf = [5, 256 - 6, 700 % 256];
    let flips = 0;
    for (const [at, spec] of specs.entries()) {
      for (let row = 0; row < 3; row++) {
        const width = rowBytes(rawColumns(makeBatch(schemaOf(...specs), 3, columns()))[at]!, row).length;
        for (let bit = 0; bit < (spec.type === 'BOOL' ? 1 : width * 8); bit++) {
          const changed = columns();
          const values = changed[at]!;
          const bytes = isText(values) ? values.bytes : new Uint8Array(flat(values).buffer);
          const start = isText(values) ? values.offsets[row]! : row * width;
          bytes[start + (bit >> 3)]! ^= 1 << (bit & 7);
          const after = await digestOf(makeBatch(schemaOf(...specs), 3, changed));
          expect(seen).not.toContain(after.hex);
          seen.add(after.hex);
          flips++;
          if (at > 0) expect(differing(before, after)).toStrictEqual([bucketOf[row]]);
        }
      }
    }
    expect(flips).toBe(3 * 64 + 3 + 3 * 16 + 8 + 16 + 3 * 128 + 3 * 24);
  });

  it('changes with a lost and with a doubled row, in its bucket alone', async () => {
    const batch = small(
      [1n, 2n, 259n, -1n],
      Array.from({ length: 16 }, (_, i) => i),
    );
    const whole = await digestOf(batch);
    for (const [row, bucket] of [1, 2, 3, 255].entries()) {
      const others = [0, 1, 2, 3].filter((other) => other !== row);
      const lost = await digestOf(takeRows(batch, others));
      const doubled = await digestOf(takeRows(batch, [...others, row, row]));
      expect(differing(whole, lost)).toStrictEqual([bucket]);
      expect(differing(whole, doubled)).toStrictEqual([bucket]);
      expect(new Set([whole.hex, lost.hex, doubled.hex]).size).toBe(3);
    }
  });

  it('does not cancel out when a row occurs twice', async () => {
    const once = await digestOf(small([7n], [1, 2, 3, 4]));
    const twice = await digestOf(small([7n, 7n], [1, 2, 3, 4, 1, 2, 3, 4]));
    expect(twice.hex).not.toBe('0'.repeat(32));
    expect(twice.hex).not.toBe(once.hex);
  });

  it('tells two rows that have swapped their vectors', async () => {
    const straight = await digestOf(small([1n, 2n], [1, 1, 1, 1, 2, 2, 2, 2]));
    const crossed = await digestOf(small([2n, 1n], [1, 1, 1, 1, 2, 2, 2, 2]));
    expect(straight.hex).not.toBe(crossed.hex);
  });

  it('tells where one text ends and the next begins', async () => {
    const two = schemaOf(KEY, specOf('VARCHAR', 'a'), specOf('VARCHAR', 'b'));
    const make = (a: string, b: string): RecordBatch =>
      makeBatch(two, 1, [BigInt64Array.of(1n), textColumn([a]), textColumn([b])]);
    expect((await digestOf(make('ab', 'c'))).hex).not.toBe((await digestOf(make('a', 'bc'))).hex);
  });

  it.each(['FLOAT', 'DOUBLE'] as const)('takes -0 for 0 in a scalar %s', async (type) => {
    const make = (zero: number): RecordBatch => {
      const values = type === 'FLOAT' ? Float32Array.of(zero) : Float64Array.of(zero);
      return makeBatch(schemaOf(KEY, specOf(type)), 1, [BigInt64Array.of(1n), values]);
    };
    expect((await digestOf(make(-0))).hex).toBe((await digestOf(make(0))).hex);
    expect((await digestOf(make(1e-45))).hex).not.toBe((await digestOf(make(0))).hex);
  });

  it('takes -0 for itself in a vector, also of one dimension', async () => {
    for (const dim of [1, 2]) {
      const schema = schemaOf(KEY, specOf('FLOAT_VECTOR', 'v', { dim }));
      const make = (zero: number): RecordBatch =>
        makeBatch(schema, 1, [BigInt64Array.of(1n), new Float32Array(dim).fill(zero)]);
      expect((await digestOf(make(-0))).hex).not.toBe((await digestOf(make(0))).hex);
    }
  });

  it('puts rows without ids into bucket 0', async () => {
    const batch = makeBatch(schemaOf(VECTOR), 2, [Float32Array.from({ length: 8 }, (_, i) => i + 1)]);
    const { buckets, hex } = await digestOf(batch);
    expect([...buckets.slice(2)].every((sum) => sum === 0n)).toBe(true);
    expect(hex).toBe(byDefinition(batch));
  });

  it('puts text ids into the bucket of their first byte, the empty one into 0', async () => {
    const schema = schemaOf({ name: 'pk', type: 'VARCHAR', primaryKey: true }, VECTOR);
    const none = await digestOf(makeBatch(schema, 0, [textColumn([]), new Float32Array(0)]));
    for (const [key, bucket] of [
      ['abc', 97],
      ['é', 0xc3],
      ['', 0],
    ] as const) {
      const vector = Float32Array.from([3.14, 1, 2, 3]);
      expect(differing(none, await digestOf(makeBatch(schema, 1, [textColumn([key]), vector])))).toStrictEqual([
        bucket,
      ]);
    }
  });

  it('reads the key first wherever it stands, and other fields in the order asked for', async () => {
    const columns = { id: BigInt64Array.of(4n), a: Int32Array.of(1), b: Int32Array.of(2) };
    const [a, b] = [specOf('INT32', 'a'), specOf('INT32', 'b')];
    const first = makeBatch(schemaOf(KEY, a, b), 1, [columns.id, columns.a, columns.b]);
    const last = makeBatch(schemaOf(b, a, KEY), 1, [columns.b, columns.a, columns.id]);
    const digester = await createDigester(last.schema, ['a', 'b']);
    digester.add(last);
    expect(digester.result().hex).toBe((await digestOf(first)).hex);
    expect((await digestOf(last)).hex).not.toBe((await digestOf(first)).hex);
  });

  it('is refused an order with a field that is not there', async () => {
    await expect(createDigester(schemaOf(KEY, VECTOR), ['v', 'w'])).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('"w"'),
    });
  });
});
