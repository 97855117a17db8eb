import type { RecordBatch } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBatch, type RawValues, rawColumns } from '../../../src/batch/columns.js';
import { createDigester } from '../../../src/batch/digest.js';
import { type FieldSpec, specsOf } from '../../../src/batch/fields.js';
import { answerBatch } from '../../../src/milvus/answer-batch.js';
import { decodeQuery } from '../../../src/milvus/decode-query.js';
import { encodeInsert } from '../../../src/milvus/encode.js';
import { delimitedSize, WireReader, WireWriter } from '../../../src/util/wire.js';
import { batches, EVERY_TYPE, int64, schemaOf, specOf, valuesFor } from '../batch/support.js';

/** The answer of a server that gives back what it got: columns are field 5 of InsertRequest and field 2 of QueryResults. */
function echoed(batch: RecordBatch): Uint8Array {
  const columns = rawColumns(batch).map((column) => ({ column, name: column.field.name }));
  const message = { collection: 'c', partition: '', rows: batch.numRows, columns };
  const request = new WireReader(encodeInsert(message, (bytes) => new Uint8Array(bytes)));
  const parts: Uint8Array[] = [];
  for (let f = request.field(); f; f = request.field()) {
    if (f.number === 5) parts.push(request.view());
    else request.skip(f.type);
  }
  const out = new WireWriter(new Uint8Array(parts.reduce((sum, p) => sum + delimitedSize(p.length), 0)));
  for (const part of parts) out.text(2, part);
  return out.bytes;
}

function throughTheWire(batch: RecordBatch): RecordBatch {
  return answerBatch(batch.schema, decodeQuery(echoed(batch)), 'the echo');
}

async function digestOf(schema: RecordBatch['schema'], parts: readonly RecordBatch[]): Promise<string> {
  const digester = await createDigester(schema);
  for (const part of parts) digester.add(part);
  const { hex, rows } = digester.result();
  return `${rows} ${hex}`;
}

/** What is written, read back in parts cut anywhere, has the digest of the source. */
async function expectSameDigest(batch: RecordBatch, cuts: readonly number[]): Promise<void> {
  const marks = [0, ...cuts.map((cut) => cut % (batch.numRows + 1)).sort((a, b) => a - b), batch.numRows];
  const parts = marks.slice(1).map((to, i) => throughTheWire(batch.slice(marks[i], to)));
  expect(await digestOf(batch.schema, parts.reverse())).toBe(await digestOf(batch.schema, [batch]));
}

const cuts = fc.array(fc.nat(1000), { maxLength: 4 });
const DENSE = EVERY_TYPE.filter((spec) => spec.type !== 'SPARSE_FLOAT_VECTOR' && spec.type !== 'JSON');

describe('written and read back', () => {
  it('rows of every type have the digest of the source, however they were cut, without rows too', async () => {
    await fc.assert(fc.asyncProperty(batches(DENSE, { min: 0, max: 25 }), cuts, expectSameDigest), { numRuns: 60 });
  });

  it('arrays do, empty ones among them', async () => {
    const specs: readonly FieldSpec[] = [
      { name: 'id', type: 'INT64', primaryKey: true },
      ...(['INT8', 'INT64', 'BOOL', 'DOUBLE', 'VARCHAR'] as const).map((elementType) =>
        specOf('ARRAY', elementType, { elementType, maxCapacity: 8 }),
      ),
    ];
    const lists = (spec: FieldSpec, rows: number): fc.Arbitrary<RawValues> =>
      fc.array(fc.nat(3), { minLength: rows, maxLength: rows }).chain((lengths) => {
        const offsets = new Int32Array(rows + 1);
        for (const [i, length] of lengths.entries()) offsets[i + 1] = offsets[i]! + length;
        const items = valuesFor({ name: '', type: spec.elementType! }, offsets[rows]!);
        return items.map((values) => ({ items: values, offsets }) as RawValues);
      });
    const made = fc
      .nat(12)
      .chain((rows) =>
        fc
          .tuple(valuesFor(specs[0]!, rows), ...specs.slice(1).map((spec) => lists(spec, rows)))
          .map((columns) => makeBatch(schemaOf(...specs), rows, columns)),
      );
    await fc.assert(fc.asyncProperty(made, cuts, expectSameDigest), { numRuns: 60 });
  });

  it.each([1, 32_768])('one row of %d dimensions does, NaN, infinities and -0 among its values', async (dim) => {
    const specs: readonly FieldSpec[] = [
      { name: 'id', type: 'INT64', primaryKey: true },
      { name: 'v', type: 'FLOAT_VECTOR', dim },
    ];
    const odd = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1e-45);
    await fc.assert(
      fc.asyncProperty(int64(), fc.array(odd, { minLength: 1, maxLength: 7 }), async (id, pattern) => {
        const vector = Float32Array.from({ length: dim }, (_, i) => pattern[i % pattern.length]!);
        const batch = makeBatch(schemaOf(...specs), 1, [BigInt64Array.of(id), vector]);
        await expectSameDigest(batch, []);
        expect(specsOf(throughTheWire(batch).schema)).toStrictEqual(specsOf(batch.schema));
      }),
      { numRuns: 20 },
    );
  });
});
