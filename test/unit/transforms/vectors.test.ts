import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawColumn } from '../../../src/batch/columns.js';
import { specsOf } from '../../../src/batch/fields.js';
import type { TruncateTarget } from '../../../src/config/transforms.js';
import { batchOf, bind, floats, floatsOf, type Given, run, texts, thrown, valuesOf } from './support.js';

const number = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
const vectors = (dim: number): fc.Arbitrary<number[][]> =>
  fc.array(fc.array(number, { minLength: dim, maxLength: dim }), { maxLength: 8 });
const length = (vector: readonly number[]): number => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
const normalize = { kind: 'normalize', fields: ['v'] } as const;
const truncate = (
  dim: number,
  renormalize = false,
): { kind: 'truncate_dim'; fields: Record<string, TruncateTarget> } => ({
  kind: 'truncate_dim',
  fields: { v: { dim, renormalize } },
});

describe('normalize', () => {
  it('divides by the length, as float64 would, in slices too', () => {
    fc.assert(
      fc.property(vectors(3), fc.nat(), (rows, at) => {
        const whole = batchOf(rows.length, floats('v', 3, rows.flat()));
        const from = at % (rows.length + 1);
        const out = floatsOf(run(whole.slice(from), normalize), 'v');
        const wanted = rows
          .slice(from)
          .flatMap((row) => row.map((x) => Math.fround(length(row) === 0 ? x : x / length(row))));
        expect(out).toEqual(wanted);
        expect(floatsOf(whole, 'v')).toEqual(rows.flat());
      }),
    );
  });

  it('does not overflow or vanish where float32 would', () => {
    const out = floatsOf(run(batchOf(2, floats('v', 2, [3e30, 4e30, 3e-30, 4e-30])), normalize), 'v');
    for (const [i, x] of [0.6, 0.8, 0.6, 0.8].entries()) expect(out[i]).toBeCloseTo(x, 6);
  });

  it('leaves vectors without a direction as they are, and counts', () => {
    const special = [Number.NaN, 1, Number.POSITIVE_INFINITY, 2];
    const batch = batchOf(5, floats('v', 2, [0, 0, ...special, 3, 4, 0, -0.5]));
    const bound = bind(batch, { kind: 'normalize', fields: ['v', 'v'] });
    expect(floatsOf(bound.apply(batch, 0), 'v')).toEqual([0, 0, ...special, Math.fround(0.6), Math.fround(0.8), 0, -1]);
    expect(bound.losses()).toEqual([
      {
        step: 1,
        kind: 'normalize',
        field: 'v',
        rows: 5,
        affected: 1,
        figures: { normalized: 2, zero_vectors: 1, not_finite: 2, min_norm: 0.5, max_norm: 5 },
        text: '`v`: 2 of 5 vectors brought to length 1, lengths were 0.5000 to 5.000; 1 zero vectors kept as they are',
      },
    ]);
  });

  it('has figures without any row', () => {
    const batch = batchOf(0, floats('v', 2, []));
    const bound = bind(batch, normalize);
    expect(bound.apply(batch, 0).numRows).toBe(0);
    expect(bound.losses()[0]).toMatchObject({ rows: 0, text: '`v`: 0 of 0 vectors brought to length 1' });
    expect(bound.losses()[0]!.figures).toEqual({ normalized: 0, zero_vectors: 0, not_finite: 0 });
  });

  it('null stays null and is not counted', () => {
    const given: Given = {
      spec: { name: 'v', type: 'FLOAT_VECTOR', dim: 1, nullable: true },
      values: Float32Array.of(5, 5),
      valid: [0, 1],
    };
    const batch = batchOf(2, given);
    const bound = bind(batch, normalize);
    expect(valuesOf(bound.apply(batch, 0), 'v')[0]).toBeNull();
    expect(bound.losses()[0]!.rows).toBe(1);
  });

  it.each([
    [{ spec: { name: 'v', type: 'BINARY_VECTOR', dim: 8 }, values: Uint8Array.of(1) }, 'BINARY_VECTOR'],
    [{ spec: { name: 'v', type: 'FLOAT16_VECTOR', dim: 1 }, values: Uint8Array.of(1, 1) }, 'FLOAT16_VECTOR'],
    [texts('v', ['a']), 'VARCHAR'],
  ] as [Given, string][])('%# is refused', (given, type) => {
    expect(thrown(() => bind(batchOf(1, given), normalize))).toBe(
      `CFG_CONFLICT transforms: step 1 (normalize): \`v\` is ${type}, allowed: FLOAT_VECTOR`,
    );
  });

  it('unknown and missing fields are refused', () => {
    const batch = batchOf(0, floats('v', 2, []));
    expect(thrown(() => bind(batch, { kind: 'normalize', fields: [] }))).toContain('names no field');
    expect(thrown(() => bind(batch, { kind: 'normalize', fields: ['w'] }))).toContain(
      'no field `w`, did you mean `v`?',
    );
  });
});

describe('truncate_dim', () => {
  it('keeps the first dimensions and measures what stays', () => {
    fc.assert(
      fc.property(vectors(4), fc.integer({ min: 1, max: 4 }), fc.nat(), (rows, dim, at) => {
        const batch = batchOf(rows.length, floats('v', 4, rows.flat()));
        const bound = bind(batch, truncate(dim));
        const from = at % (rows.length + 1);
        const parts = [batch.slice(0, from), batch.slice(from)].map((part) => bound.apply(part, 0));
        expect(parts.flatMap((part) => floatsOf(part, 'v'))).toEqual(rows.flatMap((row) => row.slice(0, dim)));
        expect(specsOf(bound.schema)).toEqual([{ name: 'v', type: 'FLOAT_VECTOR', dim }]);
        const directed = rows.filter((row) => length(row) ** 2 > 0);
        const [loss] = bound.losses();
        expect(loss!.rows).toBe(rows.length);
        expect(loss!.affected).toBe(rows.filter((row) => length(row.slice(dim)) ** 2 > 0).length);
        if (directed.length === 0) return;
        const squares = (list: number[][]): number => list.reduce((sum, row) => sum + length(row) ** 2, 0);
        const shares = directed.map((row) => length(row.slice(0, dim)) ** 2 / length(row) ** 2);
        expect(loss!.figures.kept_share).toBeCloseTo(squares(rows.map((r) => r.slice(0, dim))) / squares(rows), 9);
        expect(loss!.figures.min_row_share).toBeCloseTo(Math.min(...shares), 9);
        expect(loss!.figures.mean_row_share).toBeCloseTo(shares.reduce((a, b) => a + b) / shares.length, 9);
      }),
      { numRuns: 60 },
    );
  });

  it('says it in words', () => {
    const batch = batchOf(2, floats('v', 2, [3, 4, 4, 3]));
    const bound = bind(batch, truncate(1));
    bound.apply(batch, 0);
    expect(bound.losses()[0]!.text).toBe(
      '`v`: 2 dimensions cut to 1, which keeps 50.00 % of the squared length (36.00 % in the worst row)',
    );
  });

  it('brings what is left to length 1', () => {
    const batch = batchOf(3, floats('v', 3, [3, 4, 9, 0, 0, 1, 5, 0, 0]));
    const out = floatsOf(run(batch, truncate(2, true)), 'v');
    expect(out).toEqual([Math.fround(0.6), Math.fround(0.8), 0, 0, 1, 0]);
    expect(floatsOf(batch, 'v')).toEqual([3, 4, 9, 0, 0, 1, 5, 0, 0]);
  });

  it('is normalize behind a plain truncation', () => {
    fc.assert(
      fc.property(vectors(3), (rows) => {
        const batch = batchOf(rows.length, floats('v', 3, rows.flat()));
        expect(floatsOf(run(batch, truncate(2, true)), 'v')).toEqual(floatsOf(run(batch, truncate(2), normalize), 'v'));
      }),
      { numRuns: 30 },
    );
  });

  it('works on every dense type, also in a Buffer', () => {
    const bytes = Buffer.from([0, 0x3c, 0, 0x40, 0, 0x3c, 0, 0]);
    const half: Given = { spec: { name: 'v', type: 'FLOAT16_VECTOR', dim: 2 }, values: bytes };
    const bound = bind(batchOf(2, half), truncate(1));
    expect(valuesOf(bound.apply(batchOf(2, half), 0), 'v')).toEqual([Uint8Array.of(0, 0x3c), Uint8Array.of(0, 0x3c)]);
    expect(bound.losses()[0]!.figures).toMatchObject({ kept_share: 2 / 6, min_row_share: 0.2 });
    const small: Given = { spec: { name: 'v', type: 'INT8_VECTOR', dim: 2 }, values: Uint8Array.of(1, 255, 2, 0) };
    expect(valuesOf(run(batchOf(2, small), truncate(1)), 'v')).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    const bits: Given = { spec: { name: 'v', type: 'BINARY_VECTOR', dim: 16 }, values: Uint8Array.of(1, 2, 3, 4) };
    const cut = bind(batchOf(2, bits), truncate(8));
    expect(valuesOf(cut.apply(batchOf(2, bits), 0), 'v')).toEqual([Uint8Array.of(1), Uint8Array.of(3)]);
    expect(cut.losses()[0]).toMatchObject({ rows: 2, affected: 2, figures: { dropped_dimensions: 8 } });
  });

  it('null stays null, other columns share their memory, and no rows are no rows', () => {
    const given: Given = {
      spec: { name: 'v', type: 'FLOAT_VECTOR', dim: 2, nullable: true },
      values: Float32Array.of(1, 2, 3, 4),
      valid: [0, 1],
    };
    const other = floats('w', 1, [1, 2]);
    const batch = batchOf(2, given, other);
    const bound = bind(batch, truncate(1));
    const out = bound.apply(batch, 0);
    expect(valuesOf(out, 'v')).toEqual([null, new Uint8Array(Float32Array.of(3).buffer)]);
    expect((rawColumn(out, 1).values as Float32Array).buffer).toBe((other.values as Float32Array).buffer);
    expect(bound.losses()[0]!.rows).toBe(1);
    expect(bound.apply(batch.slice(0, 0), 0).numRows).toBe(0);
  });

  it.each([
    [floats('v', 2, [1, 2]), truncate(3), '`v` has 2 dimensions, which cannot become 3, allowed: 1 to 2'],
    [floats('v', 2, [1, 2]), truncate(0), '`v` has 2 dimensions, which cannot become 0, allowed: 1 to 2'],
    [floats('v', 2, [1, 2]), truncate(1.5), '`v` has 2 dimensions, which cannot become 1.5, allowed: 1 to 2'],
    [floats('x', 2, [1, 2]), truncate(1), 'there is no field `v`, did you mean `x`?'],
    [
      texts('v', ['a']),
      truncate(1),
      '`v` is VARCHAR, allowed: FLOAT_VECTOR, FLOAT16_VECTOR, BFLOAT16_VECTOR, INT8_VECTOR, BINARY_VECTOR',
    ],
    [
      { spec: { name: 'v', type: 'BINARY_VECTOR', dim: 16 }, values: Uint8Array.of(1, 2) },
      truncate(12),
      '`v` is BINARY_VECTOR, which 12 dimensions do not suit, allowed: a multiple of 8',
    ],
    [
      { spec: { name: 'v', type: 'INT8_VECTOR', dim: 2 }, values: Uint8Array.of(1, 2) },
      truncate(1, true),
      '`v` is INT8_VECTOR, which renormalize does not suit, allowed: FLOAT_VECTOR',
    ],
  ] as [Given, ReturnType<typeof truncate>, string][])('%# is refused', (given, step, message) => {
    expect(thrown(() => bind(batchOf(1, given), step))).toBe(
      `CFG_CONFLICT transforms: step 1 (truncate_dim): ${message}`,
    );
  });
});
