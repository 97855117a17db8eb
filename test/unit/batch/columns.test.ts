import type { RecordBatch } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  flat,
  isList,
  isText,
  keyIndex,
  makeBatch,
  rawColumn,
  rawColumns,
  rowBytes,
} from '../../../src/batch/columns.js';
import { fromArrowField, type MilvusType } from '../../../src/batch/fields.js';
import { takeRows } from '../../../src/batch/gather.js';
import { valueAt } from '../../../src/batch/values.js';
import { batches, EVERY_TYPE, rowTexts, schemaOf, specOf, TYPES, textColumn, valuesFor } from './support.js';

/** What Arrow itself says stands in a row: an independent reading of the same batch. */
function byArrow(batch: RecordBatch, index: number, row: number): unknown {
  const value: unknown = batch.getChildAt(index)!.get(row);
  if (typeof value === 'object' && value !== null && 'toArray' in value) {
    return [...(value as { toArray(): Float32Array }).toArray()];
  }
  return value instanceof Uint8Array ? [...value] : value;
}

function byUs(batch: RecordBatch, index: number, row: number): unknown {
  const column = rawColumn(batch, index);
  const { type } = fromArrowField(column.field);
  const { values, width } = column;
  if (isText(values)) {
    const bytes = rowBytes(column, row);
    return type === 'SPARSE_FLOAT_VECTOR' ? [...bytes] : new TextDecoder().decode(bytes);
  }
  if (isList(values)) return valueAt(column, row, false);
  const array = flat(values);
  if (type.endsWith('VECTOR')) return [...array.subarray(row * width, (row + 1) * width)];
  return type === 'BOOL' ? array[row] === 1 : array[row];
}

function sliceOf<T extends { readonly numRows: number }>(batch: T, a: number, b: number): [number, number] {
  const [from, to] = [a % (batch.numRows + 1), b % (batch.numRows + 1)];
  return from < to ? [from, to] : [to, from];
}

describe.each(TYPES)('a column of %s', (type: MilvusType) => {
  const spec = specOf(type);
  const some = batches([spec], { min: 0, max: 40 });

  it('gives back what it was made of', () => {
    const cases = fc.integer({ min: 0, max: 40 }).chain((rows) => fc.tuple(fc.constant(rows), valuesFor(spec, rows)));
    fc.assert(
      fc.property(cases, ([rows, values]) => {
        const column = rawColumn(makeBatch(schemaOf(spec), rows, [values]), 0);
        expect(column.rows).toBe(rows);
        expect(column.values).toStrictEqual(values);
        if (!isText(column.values)) expect(flat(column.values).length).toBe(rows * column.width);
      }),
      { numRuns: 30 },
    );
  });

  it('is read as Arrow reads it, whole and sliced twice', () => {
    fc.assert(
      fc.property(some, fc.nat(), fc.nat(), fc.nat(), fc.nat(), (batch, a, b, c, d) => {
        const once = batch.slice(...sliceOf(batch, a, b));
        const twice = once.slice(...sliceOf(once, c, d));
        for (const part of [batch, once, twice]) {
          for (let row = 0; row < part.numRows; row++) expect(byUs(part, 0, row)).toStrictEqual(byArrow(part, 0, row));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('has in a slice exactly the rows of the slice', () => {
    fc.assert(
      fc.property(some, fc.nat(), fc.nat(), (batch, a, b) => {
        const [from, to] = sliceOf(batch, a, b);
        const slice = batch.slice(from, to);
        const column = rawColumn(slice, 0);
        expect(column.rows).toBe(to - from);
        expect(
          isText(column.values) ? column.values.offsets.length - 1 : flat(column.values).length / column.width,
        ).toBe(to - from);
        expect(rowTexts(slice)).toStrictEqual(rowTexts(batch).slice(from, to));
      }),
      { numRuns: 40 },
    );
  });

  it('survives being made anew from a slice', () => {
    fc.assert(
      fc.property(some, fc.nat(), fc.nat(), (batch, a, b) => {
        const slice = batch.slice(...sliceOf(batch, a, b));
        const again = makeBatch(slice.schema, slice.numRows, [rawColumn(slice, 0).values]);
        expect(rowTexts(again)).toStrictEqual(rowTexts(slice));
      }),
      { numRuns: 40 },
    );
  });
});

describe('batches', () => {
  const every = batches(EVERY_TYPE, { min: 0, max: 24 });

  it('cut in parts hold the rows of the whole, in order', () => {
    fc.assert(
      fc.property(every, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), (batch, sizes) => {
        const parts: string[] = [];
        for (let at = 0, i = 0; at < batch.numRows; i++) {
          const size = Math.min(sizes[i % sizes.length]!, batch.numRows - at);
          parts.push(...rowTexts(batch.slice(at, at + size)));
          at += size;
        }
        expect(parts).toStrictEqual(rowTexts(batch));
      }),
      { numRuns: 40 },
    );
  });

  it('of taken rows are those rows, in the order asked for, with memory of their own', () => {
    fc.assert(
      fc.property(every, fc.array(fc.nat(), { maxLength: 30 }), fc.nat(), fc.nat(), (whole, picks, a, b) => {
        const batch = whole.slice(...sliceOf(whole, a, b));
        const rows = batch.numRows === 0 ? [] : picks.map((pick) => pick % batch.numRows);
        const texts = rowTexts(batch);
        const taken = takeRows(batch, rows);
        const expected = rows.map((row) => texts[row]!);
        expect(rowTexts(taken)).toStrictEqual(expected);
        for (const column of rawColumns(batch)) for (let r = 0; r < batch.numRows; r++) rowBytes(column, r).fill(1);
        expect(rowTexts(taken)).toStrictEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it('take longer arrays than they need', () => {
    const batch = makeBatch(schemaOf(specOf('INT64'), specOf('FLOAT_VECTOR', 'v', { dim: 2 }), specOf('VARCHAR')), 2, [
      BigInt64Array.of(1n, 2n, 3n),
      Float32Array.of(1, 2, 3, 4, 5, 6),
      textColumn(['a', 'bc', 'd']),
    ]);
    const [ids, vectors, texts] = rawColumns(batch);
    expect(ids!.values).toStrictEqual(BigInt64Array.of(1n, 2n));
    expect(vectors!.values).toStrictEqual(Float32Array.of(1, 2, 3, 4));
    expect((texts!.values as { offsets: Int32Array }).offsets).toStrictEqual(Int32Array.of(0, 1, 3));
  });

  it.each([
    ['INT64', BigInt64Array.of(1n), 2, '1 values where 2 rows need 2'],
    ['FLOAT_VECTOR', new Float32Array(31), 2, '31 values where 2 rows need 32'],
    ['VARCHAR', textColumn(['a']), 2, '2 values where 2 rows need 3'],
  ] as const)('refuse a %s column that is too short', (type, values, rows, message) => {
    expect(() => makeBatch(schemaOf(specOf(type)), rows, [values])).toThrow(
      expect.objectContaining({ code: 'INTERNAL', message: expect.stringContaining(message) }),
    );
  });

  it('share memory with the arrays that they are made of', () => {
    const vectors = new Float32Array(32);
    const batch = makeBatch(schemaOf(specOf('FLOAT_VECTOR')), 2, [vectors]);
    vectors[17] = 5;
    expect((rawColumn(batch, 0).values as Float32Array)[17]).toBe(5);
    expect((rawColumn(batch.slice(1, 2), 0).values as Float32Array)[1]).toBe(5);
  });

  it('know their key', () => {
    expect(keyIndex(schemaOf(specOf('FLOAT'), specOf('VARCHAR', 'pk', { primaryKey: true })))).toBe(1);
    expect(keyIndex(schemaOf(specOf('FLOAT')))).toBe(-1);
  });
});

describe('values of single rows', () => {
  it('are copies: later changes of the batch do not reach them', () => {
    const batch = makeBatch(schemaOf(specOf('FLOAT_VECTOR'), specOf('VARCHAR')), 1, [
      new Float32Array(16).fill(1.5),
      textColumn(['héllo']),
    ]);
    const [vector, text] = rawColumns(batch).map((column, i) => valueAt(column, 0, i === 0));
    for (const column of rawColumns(batch)) rowBytes(column, 0).fill(0);
    expect(new Float32Array((vector as Uint8Array).buffer)).toStrictEqual(new Float32Array(16).fill(1.5));
    expect(new TextDecoder().decode(text as Uint8Array)).toBe('héllo');
  });

  it('are copies also of the memory of a Node Buffer', () => {
    const text = { bytes: Buffer.from('abcd'), offsets: Int32Array.of(0, 2, 4) };
    const vectors = Buffer.alloc(8, 7);
    const batch = makeBatch(schemaOf(specOf('BINARY_VECTOR', 'v', { dim: 32 }), specOf('VARCHAR')), 2, [vectors, text]);
    const taken = takeRows(batch, [1, 0]);
    const values = rawColumns(batch).map((column, i) => valueAt(column, 0, i === 0));
    vectors.fill(0);
    text.bytes.fill(0);
    expect(values.map((value) => [...(value as Uint8Array)])).toStrictEqual([
      [7, 7, 7, 7],
      [97, 98],
    ]);
    expect(rowTexts(taken)).toStrictEqual(['07070707 6364', '07070707 6162']);
  });
});
