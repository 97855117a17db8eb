import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RawValues, rawColumn } from '../../../src/batch/columns.js';
import { type FieldSpec, type MilvusType, specsOf } from '../../../src/batch/fields.js';
import type { CastTarget } from '../../../src/config/transforms.js';
import { int64, LARGEST, rowTexts, SMALLEST, textColumn, valuesFor } from '../batch/support.js';
import { batchOf, bind, floats, type Given, ids, run, texts, thrown, valuesOf } from './support.js';

const NUMBERS: Readonly<Partial<Record<MilvusType, (values: readonly number[]) => RawValues>>> = {
  BOOL: (v) => Uint8Array.from(v),
  INT8: (v) => Int8Array.from(v),
  INT16: (v) => Int16Array.from(v),
  INT32: (v) => Int32Array.from(v),
  INT64: (v) => BigInt64Array.from(v.map(BigInt)),
  FLOAT: (v) => Float32Array.from(v),
  DOUBLE: (v) => Float64Array.from(v),
};

function column(type: MilvusType, values: readonly number[], valid?: readonly number[]): Given {
  return {
    spec: { name: 'x', type, ...(valid ? { nullable: true } : {}) },
    values: NUMBERS[type]!(values),
    ...(valid ? { valid } : {}),
  };
}

const cast = (
  type: MilvusType,
  more: Partial<CastTarget> = {},
): { kind: 'cast'; fields: Record<string, CastTarget> } => ({
  kind: 'cast',
  fields: { x: { type, ...more } },
});

function casted(given: Given, type: MilvusType, more: Partial<CastTarget> = {}): unknown[] {
  const rows = valuesRows(given);
  return valuesOf(run(batchOf(rows, given), cast(type, more)), 'x');
}

function valuesRows({ values, spec }: Given): number {
  if ('offsets' in values) return values.offsets.length - 1;
  return values.length / (spec.dim ?? 1);
}

const report: Partial<CastTarget> = { onLoss: 'report' };

describe('numbers', () => {
  it('that fit keep their value in every type, and null stays null', () => {
    const types = Object.keys(NUMBERS) as MilvusType[];
    for (const from of types) {
      for (const to of types) {
        const wanted = to === 'INT64' ? [0n, 1n, null] : [0, 1, null];
        expect(casted(column(from, [0, 1, 1], [1, 1, 0]), to), `${from} to ${to}`).toEqual(wanted);
      }
    }
  });

  it('64-bit ones are exact through text and back', () => {
    fc.assert(
      fc.property(fc.array(int64(), { maxLength: 9 }), (values) => {
        const given: Given = { spec: { name: 'x', type: 'INT64' }, values: BigInt64Array.from(values) };
        const batch = batchOf(values.length, given);
        expect(valuesOf(run(batch, cast('VARCHAR')), 'x')).toEqual(values.map(String));
        expect(valuesOf(run(batch, cast('VARCHAR'), cast('INT64')), 'x')).toEqual(values);
      }),
      { numRuns: 50 },
    );
  });

  it.each(['FLOAT', 'DOUBLE', 'BOOL', 'INT16'] as MilvusType[])('%s is exact through text and back', (type) => {
    fc.assert(
      fc.property(valuesFor({ name: 'x', type }, 6), (values) => {
        const batch = batchOf(6, { spec: { name: 'x', type }, values });
        const back = run(batch, cast('VARCHAR'), cast(type));
        const at = (b: typeof batch): unknown[] => [...(rawColumn(b, 0).values as Float64Array)];
        expect(at(back)).toEqual(at(batch));
      }),
      { numRuns: 60 },
    );
  });

  it('float32 has short texts', () => {
    expect(casted(column('FLOAT', [0.1, 1e-7, -0, 16777216, 3.4e38]), 'VARCHAR')).toEqual([
      '0.1',
      '1e-7',
      '-0',
      '16777216',
      '3.4e+38',
    ]);
    expect(casted(column('BOOL', [0, 1]), 'VARCHAR')).toEqual(['false', 'true']);
    expect(casted(column('DOUBLE', [Number.NaN, Number.POSITIVE_INFINITY]), 'VARCHAR')).toEqual(['NaN', 'Infinity']);
  });

  it('that do not fit are clamped and counted where that is asked for', () => {
    const batch = batchOf(5, column('DOUBLE', [300, -1e30, 1.75, -1.75, 7]));
    const bound = bind(batch, cast('INT8', report));
    expect(valuesOf(bound.apply(batch, 0), 'x')).toEqual([127, -128, 1, -1, 7]);
    const [loss] = bound.losses();
    expect(loss).toMatchObject({ step: 1, kind: 'cast', field: 'x', rows: 5, affected: 4 });
    expect(loss!.figures).toMatchObject({
      values: 5,
      changed: 4,
      max_abs_error: 1e30 - 128,
      max_rel_error: 1 - 128e-30,
    });
    const big: Given = { spec: { name: 'x', type: 'INT64' }, values: BigInt64Array.of(LARGEST, SMALLEST, 5n) };
    expect(casted(big, 'INT32', report)).toEqual([2 ** 31 - 1, -(2 ** 31), 5]);
    expect(casted(column('DOUBLE', [1e19, -1e19]), 'INT64', report)).toEqual([LARGEST, SMALLEST]);
    expect(casted(column('INT8', [5]), 'BOOL', report)).toEqual([1]);
  });

  it('narrowed to float types are counted, with the error measured', () => {
    const values = [0.1, 1 / 3, 0.5, 1e10, 0, -7.7];
    const batch = batchOf(6, column('DOUBLE', values));
    const bound = bind(batch, cast('FLOAT'));
    bound.apply(batch.slice(0, 2), 0);
    bound.apply(batch.slice(2), 2);
    const errors = values.map((v) => Math.abs(v - Math.fround(v)));
    const relative = values.filter((v) => v !== 0).map((v) => Math.abs(v - Math.fround(v)) / Math.abs(v));
    const mean = (list: number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    const [loss] = bound.losses();
    expect(loss!.affected).toBe(3);
    expect(loss!.figures).toEqual({
      values: 6,
      changed: 3,
      max_abs_error: Math.max(...errors),
      mean_abs_error: expect.closeTo(mean(errors), 18),
      max_rel_error: Math.max(...relative),
      mean_rel_error: expect.closeTo(mean(relative), 18),
    });
    expect(loss!.text).toMatch(
      /^`x` from DOUBLE to FLOAT: 3 of 6 values changed, by at most \S+ \(relative \S+\), \S+ on average$/,
    );
    const big: Given = { spec: { name: 'x', type: 'INT64' }, values: BigInt64Array.of(2n ** 53n + 1n, LARGEST) };
    const wide = bind(batchOf(2, big), cast('DOUBLE'));
    wide.apply(batchOf(2, big), 0);
    expect(wide.losses()[0]!.figures).toMatchObject({ changed: 2, max_abs_error: 1 });
  });

  it('NaN and infinity stay themselves as floats', () => {
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    expect(casted(column('DOUBLE', special), 'FLOAT')).toEqual(special);
  });

  it('nothing to lose has no report, exact values one of zero', () => {
    const batch = batchOf(2, column('FLOAT', [1, 2]));
    expect(bind(batch, cast('DOUBLE')).losses()).toEqual([]);
    const bound = bind(batch, cast('INT8'));
    bound.apply(batch, 0);
    expect(bound.losses()[0]).toMatchObject({ affected: 0, text: '`x` from FLOAT to INT8: all 2 values exact' });
  });
});

describe('rows that a type cannot hold', () => {
  const at = (given: Given, type: MilvusType, more?: Partial<CastTarget>): string =>
    thrown(() => casted(given, type, more)).replace('SRC_BAD_ROW transforms: step 1 (cast): ', '');
  const nan = column('DOUBLE', [0, Number.NaN]);
  it.each([
    [column('INT16', [1, 200]), 'INT8', {}, 'row 101: `x`: 200 does not fit into INT8 (-128 to 127)'],
    [column('INT8', [2]), 'BOOL', {}, 'row 100: `x`: 2 does not fit into BOOL (0 to 1)'],
    [column('FLOAT', [1, 1.5]), 'INT8', {}, 'row 101: `x`: 1.5 is not exact as INT8'],
    [nan, 'INT64', {}, 'row 101: `x`: NaN is no whole number'],
    [nan, 'INT64', report, 'row 101: `x`: NaN is no whole number'],
    [column('DOUBLE', [1e39]), 'FLOAT', report, 'row 100: `x`: 1e+39 is beyond the range of FLOAT'],
    [column('DOUBLE', [0.1]), 'FLOAT', { onLoss: 'error' }, 'row 100: `x`: 0.1 is not exact as FLOAT'],
    [texts('x', ['1', ' 2']), 'INT8', {}, 'row 101: `x`: ` 2` is no INT8'],
    [texts('x', ['']), 'FLOAT', {}, 'row 100: `x`: `` is no FLOAT'],
    [texts('x', ['1e999']), 'DOUBLE', report, 'row 100: `x`: `1e999` is no DOUBLE'],
    [
      texts('x', ['9223372036854775808']),
      'INT64',
      {},
      `row 100: \`x\`: ${LARGEST + 1n} does not fit into INT64 (${SMALLEST} to ${LARGEST})`,
    ],
    [texts('x', ['yes']), 'BOOL', {}, 'row 100: `x`: `yes` is neither true nor false'],
    [texts('x', ['{}', '{"a":}']), 'JSON', {}, 'row 101: `x`: the text is no JSON (unexpected character at byte 5)'],
    [texts('x', ['ok', 'äö']), 'VARCHAR', { maxLength: 3 }, 'row 101: `x`: a text of 4 bytes, where max_length is 3'],
    [column('INT32', [12345]), 'VARCHAR', { maxLength: 4 }, 'row 100: `x`: a text of 5 bytes, where max_length is 4'],
    [
      floats('x', 2, [1, 2, 3, 70000]),
      'FLOAT16_VECTOR',
      report,
      'row 101: `x`: the value 70000 of dimension 1 lies beyond 65504, the largest of float16',
    ],
    [
      floats('x', 1, [3.4e38]),
      'BFLOAT16_VECTOR',
      {},
      'row 100: `x`: the value 3.3999999521443642e+38 of dimension 0 lies beyond 3.3895e38, the largest of bfloat16',
    ],
    [
      floats('x', 1, [1, 128]),
      'INT8_VECTOR',
      report,
      'row 101: `x`: the value 128 of dimension 0 lies outside -128 to 127, the range of int8',
    ],
    [
      floats('x', 1, [Number.NaN]),
      'INT8_VECTOR',
      report,
      'row 100: `x`: the value NaN of dimension 0 lies outside -128 to 127, the range of int8',
    ],
    [
      floats('x', 2, [1, 0.5]),
      'INT8_VECTOR',
      {},
      'row 100: `x`: the value 0.5 of dimension 1 is not exact as INT8_VECTOR',
    ],
    [
      floats('x', 1, [1, 0.1]),
      'FLOAT16_VECTOR',
      { onLoss: 'error' },
      'row 101: `x`: the value 0.10000000149011612 of dimension 0 is not exact as FLOAT16_VECTOR',
    ],
  ] as [Given, MilvusType, Partial<CastTarget>, string][])('%#', (given, type, more, message) => {
    expect(at(given, type, more)).toBe(message);
  });

  it('are named with their id, also behind other steps', () => {
    const batch = batchOf(3, ids(7n, 8n, 9n), column('INT16', [1, 2, 300]), floats('v', 1, [1, 2, 3]));
    const steps = [
      { kind: 'where', expression: 'x != 1' },
      { kind: 'rename', fields: { id: 'pk' } },
      cast('INT8'),
    ] as const;
    expect(thrown(() => run(batch, ...steps))).toContain('step 3 (cast): row 102 (id 9): `x`: 300 does not fit');
    const named = batchOf(1, texts('k', ['a"b'], { primaryKey: true }), column('INT16', [300]));
    expect(thrown(() => run(named, cast('INT8')))).toContain('row 100 (id "a\\"b"): `x`');
  });

  it('null rows are not looked at', () => {
    expect(casted(column('INT16', [300, 1], [0, 1]), 'INT8')).toEqual([null, 1]);
    expect(casted(texts('x', [null, '5']), 'INT8')).toEqual([null, 5]);
    expect(casted(texts('x', [null, '5']), 'JSON')).toEqual([null, '5']);
    const vector: Given = {
      spec: { name: 'x', type: 'FLOAT_VECTOR', dim: 1, nullable: true },
      values: Float32Array.of(1e9, 1, 1e9),
      valid: [0, 1, 0],
    };
    const batch = batchOf(3, vector);
    const bound = bind(batch, cast('FLOAT16_VECTOR'));
    expect(valuesOf(bound.apply(batch, 0), 'x')).toEqual([null, Uint8Array.of(0, 0x3c), null]);
    expect(bound.losses()[0]!.figures).toMatchObject({ values: 1, changed: 0 });
  });
});

describe('texts', () => {
  it('become JSON and back without a change, in the same memory', () => {
    const batch = batchOf(2, texts('x', ['{"a": 9007199254740993}', '"b"'], { maxLength: 50 }));
    const json = run(batch, cast('JSON'));
    expect(specsOf(json.schema)).toEqual([{ name: 'x', type: 'JSON' }]);
    const back = run(json, cast('VARCHAR', { maxLength: 50 }));
    expect(rowTexts(back)).toEqual(rowTexts(batch));
    expect((rawColumn(back, 0).values as { bytes: Uint8Array }).bytes.buffer).toBe(
      (rawColumn(batch, 0).values as { bytes: Uint8Array }).bytes.buffer,
    );
  });

  it('are cut between characters where that is asked for', () => {
    const batch = batchOf(4, texts('x', ['aäö', 'abcd', '𝄞', null]));
    const bound = bind(batch, cast('VARCHAR', { maxLength: 3, onLoss: 'report' }));
    expect(valuesOf(bound.apply(batch, 0), 'x')).toEqual(['aä', 'abc', '', null]);
    expect(valuesOf(bound.apply(batch.slice(1, 2), 0), 'x')).toEqual(['abc']);
    expect(bound.losses()[0]).toMatchObject({
      affected: 4,
      text: '`x` from VARCHAR to VARCHAR: 4 of 4 texts cut to 3 bytes',
    });
    expect(specsOf(bound.schema)[0]!.maxLength).toBe(3);
  });

  it('as numbers: signs, fractions, exponents, names', () => {
    expect(casted(texts('x', ['+5', '-0', '007']), 'INT64')).toEqual([5n, 0n, 7n]);
    expect(casted(texts('x', ['.5', '1.', '-1e3', 'NaN', '-Infinity']), 'DOUBLE')).toEqual([
      0.5,
      1,
      -1000,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
    ]);
  });
});

describe('vectors', () => {
  const types: MilvusType[] = ['FLOAT16_VECTOR', 'BFLOAT16_VECTOR', 'INT8_VECTOR'];

  it.each(types)('%s and back keeps every value that it holds, in slices too', (type) => {
    const bytes = type === 'INT8_VECTOR' ? 3 : 6;
    fc.assert(
      fc.property(fc.nat({ max: 6 }), fc.nat(), fc.infiniteStream(fc.nat({ max: 255 })), (rows, at, stream) => {
        const raw = Uint8Array.from([...stream.take(rows * bytes)]);
        // NaN has many forms, of which one comes back.
        if (type !== 'INT8_VECTOR') for (let i = 1; i < raw.length; i += 2) raw[i]! &= 0xbf;
        const whole = batchOf(rows, { spec: { name: 'x', type, dim: 3 }, values: raw });
        const part = whole.slice(at % (rows + 1));
        const up = run(part, cast('FLOAT_VECTOR'));
        expect(specsOf(up.schema)).toEqual([{ name: 'x', type: 'FLOAT_VECTOR', dim: 3 }]);
        const back = run(up, cast(type, { onLoss: 'error' }));
        expect(rowTexts(back)).toEqual(rowTexts(part));
        expect(specsOf(back.schema)).toEqual(specsOf(whole.schema));
      }),
      { numRuns: 40 },
    );
  });

  it('lying at an odd address are read as well', () => {
    const raw = new Uint8Array(5).subarray(1);
    raw.set([0, 0x3c, 0, 0xc0]);
    const batch = batchOf(2, { spec: { name: 'x', type: 'FLOAT16_VECTOR', dim: 1 }, values: raw });
    const out = run(batch, cast('FLOAT_VECTOR'));
    expect([...(rawColumn(out, 0).values as Float32Array)]).toEqual([1, -2]);
  });

  it('the error is measured over all batches', () => {
    const values = [0.1, -0.25, 1000.3, 1e-9, 0, 3.3];
    const single = values.map(Math.fround);
    const batch = batchOf(3, floats('x', 2, values));
    const bound = bind(batch, cast('FLOAT16_VECTOR'));
    const bits = [batch.slice(0, 1), batch.slice(1)].flatMap((part) => {
      const back = run(bound.apply(part, 0), cast('FLOAT_VECTOR'));
      return [...(rawColumn(back, 0).values as Float32Array)];
    });
    // The neighbours of these values among the halves, computed by hand: 2^-14, 2^-1 and 2^-10 of a unit.
    expect(bits).toEqual([0.0999755859375, -0.25, 1000.5, 0, 0, 3.30078125]);
    const errors = single.map((v, i) => Math.abs(v - bits[i]!));
    const relative = single.flatMap((v, i) => (v === 0 ? [] : [errors[i]! / Math.abs(v)]));
    const mean = (list: number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    expect(bound.losses()[0]!.figures).toEqual({
      values: 6,
      changed: 4,
      max_abs_error: Math.max(...errors),
      mean_abs_error: expect.closeTo(mean(errors), 12),
      max_rel_error: 1,
      mean_rel_error: expect.closeTo(mean(relative), 12),
    });
  });

  it('NaN and infinity stay, and are in no figure', () => {
    const batch = batchOf(1, floats('x', 3, [Number.NaN, Number.NEGATIVE_INFINITY, 1]));
    const bound = bind(batch, cast('BFLOAT16_VECTOR'));
    const back = run(bound.apply(batch, 0), cast('FLOAT_VECTOR'));
    expect([...(rawColumn(back, 0).values as Float32Array)]).toEqual([Number.NaN, Number.NEGATIVE_INFINITY, 1]);
    expect(bound.losses()[0]!.figures).toMatchObject({ values: 1, changed: 0 });
  });

  it('as int8 are rounded to the even neighbour', () => {
    const batch = batchOf(1, floats('x', 6, [0.5, 1.5, -2.5, 126.6, -128.4, -0.4]));
    const out = run(batch, cast('INT8_VECTOR', report));
    expect([...new Int8Array((valuesOf(out, 'x')[0] as Uint8Array).buffer)]).toEqual([0, 2, -2, 127, -128, 0]);
  });

  it('of no rows have their width', () => {
    for (const type of types) expect(run(batchOf(0, floats('x', 4, [])), cast(type)).numRows).toBe(0);
  });
});

describe('what cannot be cast', () => {
  const batch = batchOf(
    1,
    ids(1n),
    floats('v', 8, new Array(8).fill(1)),
    { spec: { name: 'b', type: 'BINARY_VECTOR', dim: 8 }, values: Uint8Array.of(1) },
    {
      spec: { name: 'a', type: 'ARRAY', elementType: 'INT8', maxCapacity: 2 },
      values: { items: Int8Array.of(1), offsets: Int32Array.of(0, 1) },
    },
    { spec: { name: 'j', type: 'JSON' }, values: textColumn(['1']) },
    { spec: { name: '$meta', type: 'JSON', dynamic: true }, values: textColumn(['{}']) },
    { spec: { name: 'p', type: 'VARCHAR', partitionKey: true, defaultValue: 'q' }, values: textColumn(['1']) },
  );
  it.each([
    ['w', { type: 'INT8' }, 'there is no field `w`, did you mean `v`?'],
    ['p', { type: 'IN64' }, '`p`: `IN64` is no type, did you mean `INT64`?'],
    [
      'v',
      { type: 'INT8' },
      '`v` is FLOAT_VECTOR, which cannot become INT8, allowed: FLOAT_VECTOR, FLOAT16_VECTOR, BFLOAT16_VECTOR, INT8_VECTOR',
    ],
    ['b', { type: 'FLOAT_VECTOR' }, '`b` is BINARY_VECTOR, which cannot become FLOAT_VECTOR, allowed: nothing'],
    ['a', { type: 'JSON' }, '`a` is ARRAY, which cannot become JSON, allowed: nothing'],
    ['j', { type: 'INT8' }, '`j` is JSON, which cannot become INT8, allowed: VARCHAR, JSON'],
    ['$meta', { type: 'VARCHAR' }, '`$meta` is the dynamic field, which cannot become VARCHAR, allowed: nothing'],
    ['id', { type: 'INT32' }, '`id` is the key, which cannot become INT32, allowed: INT64, VARCHAR'],
    [
      'id',
      { type: 'VARCHAR', onLoss: 'report' },
      '`id` is the key, of which nothing may be lost, allowed: on_loss: error',
    ],
    ['p', { type: 'BOOL' }, '`p` is the partition key, which cannot become BOOL, allowed: INT64, VARCHAR'],
    ['p', { type: 'INT64', maxLength: 5 }, 'max_length of `p` has no use with INT64, allowed: leave it out'],
  ] as [string, CastTarget, string][])('%s as %o', (field, target, message) => {
    expect(thrown(() => bind(batch, { kind: 'cast', fields: { [field]: target } }))).toBe(
      `CFG_CONFLICT transforms: step 1 (cast): ${message}`,
    );
  });

  it('a default value that does not come along is said', () => {
    const bound = bind(batch, { kind: 'cast', fields: { p: { type: 'INT64' } } });
    expect(bound.warnings).toEqual([
      'transforms: step 1 (cast): the default value of `p` is not carried over to INT64',
    ]);
    expect(specsOf(bound.schema).at(-1)).toEqual({ name: 'p', type: 'INT64', partitionKey: true });
  });

  it('the key may become text and back, but not by a text that is not the number', () => {
    const step = (type: MilvusType): ReturnType<typeof cast> => ({ kind: 'cast', fields: { id: { type } } });
    const out = run(batch, step('VARCHAR'), step('INT64'));
    expect(valuesOf(out, 'id')).toEqual([1n]);
    expect(specsOf(out.schema)).toEqual(specsOf(batch.schema));
    const keyed = batchOf(2, texts('x', ['7', '007'], { primaryKey: true } as Partial<FieldSpec>));
    expect(thrown(() => run(keyed, cast('INT64')))).toContain('row 101 (id "007"): `x`: the key `007` would become 7');
  });

  it('the same type changes nothing', () => {
    const out = run(batch, {
      kind: 'cast',
      fields: { v: { type: 'FLOAT_VECTOR' }, j: { type: 'JSON' }, id: { type: 'INT64' } },
    });
    expect(rawColumn(out, 1).values).toEqual(rawColumn(batch, 1).values);
  });
});
