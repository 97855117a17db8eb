import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawColumn } from '../../../src/batch/columns.js';
import { type FieldSpec, specsOf } from '../../../src/batch/fields.js';
import type { ConstantField, TransformStep } from '../../../src/config/transforms.js';
import { batches, EVERY_TYPE, rowTexts } from '../batch/support.js';
import { batchOf, bind, floats, ids, run, texts, thrown, valuesOf } from './support.js';

const META: FieldSpec = { name: '$meta', type: 'JSON', dynamic: true };
const batch = batchOf(
  2,
  ids(1n, 2n),
  floats('v', 2, [1, 2, 3, 4]),
  texts('title', ['a', null]),
  texts('tmp_a', ['x', 'y'], { partitionKey: true, maxLength: 9 }),
  { spec: META, values: texts('m', ['{}', '{"a":1}']).values },
);
const names = (...steps: TransformStep[]): string[] => bind(batch, ...steps).schema.fields.map((f) => f.name);
const refused = (...steps: TransformStep[]): string => thrown(() => bind(batch, ...steps));

describe('no step', () => {
  it('is the batch itself', () => {
    expect(run(batch)).toBe(batch);
    expect(bind(batch).schema).toBe(batch.schema);
    expect(bind(batch).losses()).toEqual([]);
  });
});

describe('rename', () => {
  it('gives other names and keeps all else, memory and the key among it', () => {
    const out = run(batch, { kind: 'rename', fields: { id: 'pk', tmp_a: 'part' } });
    expect(specsOf(out.schema).map((s) => s.name)).toEqual(['pk', 'v', 'title', 'part', '$meta']);
    expect(specsOf(out.schema)[0]!.primaryKey).toBe(true);
    expect(specsOf(out.schema)[3]).toMatchObject({ partitionKey: true, maxLength: 9 });
    const memory = (b: typeof batch): ArrayBufferLike => (rawColumn(b, 1).values as Float32Array).buffer;
    expect(memory(out)).toBe(memory(batch));
    expect(rowTexts(out)).toEqual(rowTexts(batch));
  });

  it('can swap two names', () => {
    const out = run(batch, { kind: 'rename', fields: { title: 'tmp_a', tmp_a: 'title' } });
    expect(valuesOf(out, 'title')).toEqual(['x', 'y']);
    expect(valuesOf(out, 'tmp_a')).toEqual(['a', null]);
  });

  it('there and back changes nothing, for every type and in slices', () => {
    const fields = Object.fromEntries(EVERY_TYPE.map((spec) => [spec.name, `new_${spec.name}`]));
    const back = Object.fromEntries(Object.entries(fields).map(([from, to]) => [to, from]));
    fc.assert(
      fc.property(batches(EVERY_TYPE, { min: 0, max: 9 }), fc.nat(), (whole, at) => {
        const part = whole.slice(at % (whole.numRows + 1));
        const out = run(part, { kind: 'rename', fields }, { kind: 'rename', fields: back });
        expect(specsOf(out.schema)).toStrictEqual(specsOf(whole.schema));
        expect(rowTexts(out)).toStrictEqual(rowTexts(part));
      }),
      { numRuns: 25 },
    );
  });

  it.each([
    [{}, 'names no field, needed: one or more'],
    [{ titel: 'x' }, 'there is no field `titel`, did you mean `title`?'],
    [{ qqqqqq: 'x' }, 'there is no field `qqqqqq`, there are: `id`, `v`, `title`, `tmp_a`, `$meta`'],
    [{ title: 'v' }, 'there is a field `v` already, allowed: a new name'],
    [{ title: 'x', v: 'x' }, 'there is a field `x` already, allowed: a new name'],
    [
      { title: '1x' },
      '`1x` is no name for a field, allowed: a letter or underscore first, then letters, digits or underscores, at most 255 in all',
    ],
    [{ $meta: 'x' }, '`$meta` holds the dynamic fields and keeps its name'],
  ] as [Record<string, string>, string][])('%j is refused', (fields, message) => {
    expect(refused({ kind: 'rename', fields })).toBe(`CFG_CONFLICT transforms: step 1 (rename): ${message}`);
  });
});

describe('drop and keep', () => {
  it('leave out fields by name and by pattern, the order stays', () => {
    expect(names({ kind: 'drop', fields: ['tmp_*', '$meta'] })).toEqual(['id', 'v', 'title']);
    expect(names({ kind: 'keep', fields: ['ti?le', 'v', 'id'] })).toEqual(['id', 'v', 'title']);
    const out = run(batch, { kind: 'keep', fields: ['title', 'v', 'id'] });
    expect(valuesOf(out, 'title')).toEqual(['a', null]);
    expect(run(batch, { kind: 'keep', fields: ['*'] })).toBe(batch);
  });

  it('say what goes with a field', () => {
    expect(bind(batch, { kind: 'drop', fields: ['tmp_a', '$meta'] }).warnings).toEqual([
      'transforms: step 1 (drop) leaves out `tmp_a`, the partition key',
      'transforms: step 1 (drop) leaves out `$meta`, with all dynamic fields',
    ]);
  });

  it.each([
    ['drop', [], 'names no field, needed: one or more'],
    ['drop', ['tittle'], 'there is no field `tittle`, did you mean `title`?'],
    ['drop', ['x*'], 'no field matches `x*`, there are: `id`, `v`, `title`, `tmp_a`, `$meta`'],
    ['drop', ['i*'], '`id` is the key; the key cannot be dropped'],
    ['keep', ['v'], '`id` is the key and is not in the list; the key cannot be dropped'],
    ['drop', ['v'], 'no vector field would be left, needed: at least one of `v`'],
    ['keep', ['id', 'title'], 'no vector field would be left, needed: at least one of `v`'],
  ] as ['drop' | 'keep', string[], string][])('%s %j is refused', (kind, fields, message) => {
    expect(refused({ kind, fields })).toBe(`CFG_CONFLICT transforms: step 1 (${kind}): ${message}`);
  });

  it('a step sees what the one before it has made', () => {
    const drop: TransformStep = { kind: 'drop', fields: ['title'] };
    expect(refused(drop, drop)).toContain('step 2 (drop): there is no field `title`');
  });
});

describe('constant', () => {
  it('adds fields, typed by their values', () => {
    const fields: Record<string, ConstantField> = {
      a: { value: 2n ** 63n - 1n },
      b: { value: 1.5 },
      c: { value: true },
      d: { value: 'äb' },
      e: { value: '2021', type: 'INT32' },
      f: { value: '01', type: 'VARCHAR', maxLength: 2 },
      g: { value: null, type: 'FLOAT' },
      h: { value: null, type: 'VARCHAR' },
      i: { value: '{"x": 9007199254740993}', type: 'JSON' },
      j: { value: '0.1', type: 'FLOAT' },
      k: { value: 3, type: 'INT8' },
    };
    const out = run(batch, { kind: 'constant', fields });
    const seen = Object.keys(fields).map((name) => valuesOf(out, name)[1]);
    const half = Math.fround(0.1);
    expect(seen).toEqual([2n ** 63n - 1n, 1.5, 1, 'äb', 2021, '01', null, null, '{"x": 9007199254740993}', half, 3]);
    expect(
      specsOf(out.schema)
        .slice(5)
        .map((s) => [s.type, s.maxLength, s.nullable]),
    ).toEqual([
      ['INT64', undefined, undefined],
      ['DOUBLE', undefined, undefined],
      ['BOOL', undefined, undefined],
      ['VARCHAR', 65535, undefined],
      ['INT32', undefined, undefined],
      ['VARCHAR', 2, undefined],
      ['FLOAT', undefined, true],
      ['VARCHAR', 65535, true],
      ['JSON', undefined, undefined],
      ['FLOAT', undefined, undefined],
      ['INT8', undefined, undefined],
    ]);
    expect(run(batch.slice(0, 0), { kind: 'constant', fields }).numRows).toBe(0);
  });

  it('fills as many rows as there are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.nat({ max: 9 }), (value, rows) => {
        const made = batchOf(rows, floats('v', 1, new Array(rows).fill(0)));
        const out = run(made, { kind: 'constant', fields: { s: { value }, n: { value: 7n, type: 'INT16' } } });
        expect(valuesOf(out, 's')).toEqual(new Array(rows).fill(value));
        expect(valuesOf(out, 'n')).toEqual(new Array(rows).fill(7));
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['x', { value: null }, '`x` has no value and no type, needed: a type, to fill it with null'],
    ['v', { value: 1n }, 'there is a field `v` already, allowed: a new name'],
    ['x', { value: 300n, type: 'INT8' }, '`300` for `x` is no INT8, allowed: a whole number from -128 to 127'],
    ['x', { value: 1.5, type: 'INT8' }, '`1.5` for `x` is no INT8, allowed: a whole number from -128 to 127'],
    ['x', { value: 'yes', type: 'BOOL' }, '`yes` for `x` is no BOOL, allowed: true or false'],
    ['x', { value: '1e39', type: 'FLOAT' }, '`1e39` for `x` is no FLOAT, allowed: a finite number within its range'],
    ['x', { value: true, type: 'DOUBLE' }, '`true` for `x` is no DOUBLE, allowed: a finite number within its range'],
    ['x', { value: 'ä', maxLength: 1 }, '`ä` for `x` is no VARCHAR, allowed: a text of at most 1 bytes'],
    ['x', { value: '{', type: 'JSON' }, '`{` for `x` is no JSON, allowed: a JSON text'],
    ['x', { value: 1n, maxLength: 3 }, 'max_length of `x` has no use with INT64, allowed: leave it out'],
    [
      'x',
      { value: 'a', type: 'FLOAT_VECTOR' },
      '`x` cannot be of type FLOAT_VECTOR, allowed: BOOL, INT8, INT16, INT32, INT64, FLOAT, DOUBLE, VARCHAR, JSON',
    ],
  ] as [string, ConstantField, string][])('%s: %o is refused', (field, value, message) => {
    expect(refused({ kind: 'constant', fields: { [field]: value } })).toBe(
      `CFG_CONFLICT transforms: step 1 (constant): ${message}`,
    );
  });
});
