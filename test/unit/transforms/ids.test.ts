import type { RecordBatch } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBatch, rawColumn, rawColumns } from '../../../src/batch/columns.js';
import { type FieldSpec, specsOf } from '../../../src/batch/fields.js';
import { idTransform } from '../../../src/transforms/ids.js';
import { int64, LARGEST, rowTexts, SMALLEST, schemaOf, specOf, textColumn } from '../batch/support.js';

const KEY: FieldSpec = { name: 'pk', type: 'INT64', primaryKey: true };
const TEXT_KEY: FieldSpec = { name: 'pk', type: 'VARCHAR', primaryKey: true };
const VECTOR = specOf('FLOAT_VECTOR', 'v', { dim: 2 });
const WITH_IDS = schemaOf(VECTOR, KEY);
const WITHOUT_IDS = schemaOf(VECTOR, specOf('VARCHAR', 'text'));

function withIds(ids: readonly bigint[]): RecordBatch {
  return makeBatch(WITH_IDS, ids.length, [
    Float32Array.from({ length: ids.length * 2 }, (_, i) => i),
    BigInt64Array.from(ids),
  ]);
}

function withoutIds(rows: number): RecordBatch {
  const texts = Array.from({ length: rows }, (_, i) => `row ${i}`);
  return makeBatch(WITHOUT_IDS, rows, [Float32Array.from({ length: rows * 2 }, (_, i) => i), textColumn(texts)]);
}

function idsOf(batch: RecordBatch, column = 0): bigint[] {
  return [...(rawColumn(batch, column).values as BigInt64Array)];
}

describe('stored ids', () => {
  it('pass as they are without an offset', () => {
    const batch = withIds([3n, -1n]);
    const transform = idTransform(WITH_IDS, { kind: 'stored', offset: 0n });
    expect(transform.schema).toBe(WITH_IDS);
    expect(transform.apply(batch, 0)).toBe(batch);
  });

  it('are shifted by the offset, in slices too, and the source keeps its own', () => {
    const cases = fc.array(int64(), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(cases, int64(), fc.nat(), (ids, offset, at) => {
        const from = at % ids.length;
        const batch = withIds(ids);
        const part = batch.slice(from);
        const transform = idTransform(WITH_IDS, { kind: 'stored', offset });
        const wanted = ids.slice(from).map((id) => id + offset);
        if (wanted.some((id) => id > LARGEST || id < SMALLEST)) {
          expect(() => transform.apply(part, from)).toThrow(expect.objectContaining({ code: 'SRC_BAD_ROW' }));
        } else {
          const shifted = transform.apply(part, from);
          expect(idsOf(shifted, 1)).toStrictEqual(wanted);
          expect(rawColumn(shifted, 0).values).toStrictEqual(rawColumn(part, 0).values);
        }
        expect(idsOf(batch, 1)).toStrictEqual(ids);
      }),
    );
  });

  it.each([
    ['the largest', [1n, LARGEST - 5n], 6n, `id ${LARGEST - 5n} of row 101 plus id_offset 6 leaves int64`],
    ['the smallest', [SMALLEST], -1n, `id ${SMALLEST} of row 100 plus id_offset -1 leaves int64`],
  ] as const)('plus an offset are refused beyond %s, naming id and row', (_, ids, offset, message) => {
    const transform = idTransform(WITH_IDS, { kind: 'stored', offset });
    expect(() => transform.apply(withIds(ids), 100)).toThrow(expect.objectContaining({ code: 'SRC_BAD_ROW', message }));
  });

  it('reach the very ends of int64', () => {
    const up = idTransform(WITH_IDS, { kind: 'stored', offset: 5n });
    expect(idsOf(up.apply(withIds([LARGEST - 5n]), 0), 1)).toStrictEqual([LARGEST]);
    const down = idTransform(WITH_IDS, { kind: 'stored', offset: -5n });
    expect(idsOf(down.apply(withIds([SMALLEST + 5n]), 0), 1)).toStrictEqual([SMALLEST]);
  });

  it('of text go through, and have no offset', () => {
    const schema = schemaOf(TEXT_KEY, VECTOR);
    const batch = makeBatch(schema, 1, [textColumn(['a']), new Float32Array(2)]);
    expect(idTransform(schema, { kind: 'stored', offset: 0n }).apply(batch, 0)).toBe(batch);
    expect(() => idTransform(schema, { kind: 'stored', offset: 1n })).toThrow(
      expect.objectContaining({ code: 'CFG_CONFLICT' }),
    );
  });
});

describe('row numbers', () => {
  it('run on over the batches, from the start', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: SMALLEST, max: LARGEST - 2000n }),
        fc.nat({ max: 1000 }),
        fc.integer({ min: 0, max: 50 }),
        (start, first, rows) => {
          const transform = idTransform(WITHOUT_IDS, { kind: 'rows', field: 'key', start });
          const batch = transform.apply(withoutIds(rows), first);
          expect(idsOf(batch)).toStrictEqual(Array.from({ length: rows }, (_, i) => start + BigInt(first + i)));
          expect(specsOf(batch.schema)).toStrictEqual(specsOf(transform.schema));
        },
      ),
    );
  });

  it('are the key under the name asked for, before the other columns', () => {
    const transform = idTransform(WITHOUT_IDS, { kind: 'rows', field: 'key', start: 0n });
    expect(specsOf(transform.schema)).toStrictEqual([
      { name: 'key', type: 'INT64', primaryKey: true },
      VECTOR,
      specOf('VARCHAR', 'text'),
    ]);
    const source = withoutIds(3).slice(1, 3);
    const batch = transform.apply(source, 1);
    expect(rowTexts(batch).map((row) => row.split(' ').slice(1).join(' '))).toStrictEqual(rowTexts(source));
  });

  it('take the place of a key of the source', () => {
    const transform = idTransform(WITH_IDS, { kind: 'rows', field: 'id', start: 10n });
    expect(specsOf(transform.schema).map((spec) => spec.name)).toStrictEqual(['id', 'v']);
    expect(idsOf(transform.apply(withIds([7n, 7n]), 0))).toStrictEqual([10n, 11n]);
  });

  it('end with the largest id and are refused beyond it', () => {
    const transform = idTransform(WITHOUT_IDS, { kind: 'rows', field: 'id', start: LARGEST - 4n });
    expect(idsOf(transform.apply(withoutIds(2), 3))).toStrictEqual([LARGEST - 1n, LARGEST]);
    expect(() => transform.apply(withoutIds(2), 4)).toThrow(
      expect.objectContaining({
        code: 'DST_IDS',
        message: `row numbers from id_start ${LARGEST - 4n} leave int64 at row 4`,
      }),
    );
    expect(idsOf(transform.apply(withoutIds(0), 5))).toStrictEqual([]);
  });
});

describe('ids of the target', () => {
  it('leave the key of the source out', () => {
    const transform = idTransform(WITH_IDS, { kind: 'target' });
    expect(specsOf(transform.schema)).toStrictEqual([VECTOR]);
    const batch = transform.apply(withIds([1n, 2n, 3n]).slice(1, 3), 1);
    expect(rawColumns(batch).map((column) => [...(column.values as Float32Array)])).toStrictEqual([[2, 3, 4, 5]]);
  });

  it('leave all columns of a source without ids', () => {
    const transform = idTransform(WITHOUT_IDS, { kind: 'target' });
    expect(rowTexts(transform.apply(withoutIds(2), 0))).toStrictEqual(rowTexts(withoutIds(2)));
  });
});
