import type { RecordBatch } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBatch, type RawValues, rawColumns } from '../../../src/batch/columns.js';
import type { FieldSpec } from '../../../src/batch/fields.js';
import { encodeInsert } from '../../../src/milvus/encode.js';
import { type InsertPart, splitInsert } from '../../../src/milvus/split-insert.js';
import { batches, EVERY_TYPE, int64, schemaOf, specOf, textColumn, valuesFor } from '../batch/support.js';

const fieldsOf = (batch: RecordBatch) => batch.schema.fields;

function encode(batch: RecordBatch, partition = ''): Uint8Array {
  const columns = rawColumns(batch).map((column) => ({ column, name: `its_${column.field.name}` }));
  return encodeInsert({ collection: 'Bücher', partition, rows: batch.numRows, columns }, (n) => new Uint8Array(n));
}

/** The halves must be, byte for byte, what the halves of the batch are encoded to. */
function expectHalves(batch: RecordBatch, partition = ''): void {
  const middle = batch.numRows >> 1;
  const [first, second] = splitInsert(encode(batch, partition), fieldsOf(batch)).map((half) => half()) as [
    InsertPart,
    InsertPart,
  ];
  expect([first.rows, second.rows]).toStrictEqual([middle, batch.numRows - middle]);
  expect(first.request).toStrictEqual(encode(batch.slice(0, middle), partition));
  expect(second.request).toStrictEqual(encode(batch.slice(middle), partition));
}

/** Sparse vectors are pairs of index and value. */
const SPARSE: FieldSpec = specOf('SPARSE_FLOAT_VECTOR', 'sparse');
const sparse = (rows: number): fc.Arbitrary<RawValues> =>
  fc
    .array(fc.array(fc.tuple(fc.nat(1000), fc.float({ noNaN: true })), { maxLength: 4 }), {
      minLength: rows,
      maxLength: rows,
    })
    .map((all) =>
      textColumn(
        all.map((pairs) => {
          const bytes = Buffer.alloc(pairs.length * 8);
          for (const [i, [index, value]] of pairs.entries())
            bytes.writeFloatLE(value, bytes.writeUInt32LE(index, i * 8));
          return bytes;
        }),
      ),
    );

const NULLABLE: readonly FieldSpec[] = (['INT8', 'INT64', 'BOOL', 'DOUBLE', 'VARCHAR', 'JSON'] as const).map((type) =>
  specOf(type, type, { nullable: true }),
);

const ARRAYS: readonly FieldSpec[] = (['INT16', 'INT64', 'BOOL', 'FLOAT', 'VARCHAR'] as const).map((elementType) =>
  specOf('ARRAY', elementType, { elementType, maxCapacity: 10 }),
);

function arrays(spec: FieldSpec, rows: number): fc.Arbitrary<RawValues> {
  return fc.array(fc.nat(3), { minLength: rows, maxLength: rows }).chain((lengths) => {
    const offsets = new Int32Array(rows + 1);
    for (const [i, length] of lengths.entries()) offsets[i + 1] = offsets[i]! + length;
    return valuesFor({ name: '', type: spec.elementType! }, offsets[rows]!).map(
      (items) => ({ items, offsets }) as RawValues,
    );
  });
}

describe('splitInsert', () => {
  it('gives what the halves of the batch are encoded to, for every type', () => {
    const specs = EVERY_TYPE.filter((s) => s.type !== SPARSE.type);
    fc.assert(fc.property(batches(specs, { min: 2, max: 20 }), fc.constantFrom('', 'p', 'München'), expectHalves), {
      numRuns: 60,
    });
  });

  it('cuts nulls where they are', () => {
    const made = fc.integer({ min: 2, max: 12 }).chain((rows) =>
      fc
        .tuple(
          fc.tuple(...NULLABLE.map((s) => valuesFor(s, rows))),
          fc.array(fc.uint8Array({ min: 0, max: 1, minLength: rows, maxLength: rows }), {
            minLength: NULLABLE.length,
            maxLength: NULLABLE.length,
          }),
        )
        .map(([columns, valid]) => makeBatch(schemaOf(...NULLABLE), rows, columns, valid)),
    );
    fc.assert(fc.property(made, (batch) => expectHalves(batch)));
  });

  it('cuts arrays, empty ones among them', () => {
    const made = fc
      .integer({ min: 2, max: 10 })
      .chain((rows) =>
        fc.tuple(...ARRAYS.map((s) => arrays(s, rows))).map((columns) => makeBatch(schemaOf(...ARRAYS), rows, columns)),
      );
    fc.assert(fc.property(made, (batch) => expectHalves(batch)));
  });

  it('cuts sparse vectors and the dynamic field', () => {
    const meta = specOf('JSON', '$meta', { dynamic: true });
    const made = fc
      .integer({ min: 2, max: 10 })
      .chain((rows) =>
        fc
          .tuple(sparse(rows), valuesFor(meta, rows))
          .map((columns) => makeBatch(schemaOf(SPARSE, meta), rows, columns)),
      );
    fc.assert(fc.property(made, (batch) => expectHalves(batch)));
  });

  it('cuts down to single rows, of 32,768 dimensions too', () => {
    const key: FieldSpec = { name: 'id', type: 'INT64', primaryKey: true };
    const vector: FieldSpec = { name: 'v', type: 'FLOAT_VECTOR', dim: 32_768 };
    const [ids] = fc.sample(fc.array(int64(), { minLength: 5, maxLength: 5 }), 1) as [bigint[]];
    const batch = makeBatch(schemaOf(key, vector), 5, [
      BigInt64Array.from(ids),
      Float32Array.from({ length: 5 * 32_768 }, (_, i) => i),
    ]);
    const single: Uint8Array[] = [];
    const cut = (request: Uint8Array, rows: number): void => {
      if (rows === 1) single.push(request);
      else {
        for (const half of splitInsert(request, fieldsOf(batch))) {
          const part = half();
          cut(part.request, part.rows);
        }
      }
    };
    cut(encode(batch), 5);
    // Not by toStrictEqual, which takes a second per megabyte.
    for (const [i, request] of single.entries()) {
      expect(Buffer.compare(request, encode(batch.slice(i, i + 1))), `row ${i}`).toBe(0);
    }
    expect(single).toHaveLength(5);
  });
});
