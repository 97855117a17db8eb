import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawColumn } from '../../../src/batch/columns.js';
import { type MilvusType, specsOf } from '../../../src/batch/fields.js';
import type { JsonPathStep } from '../../../src/config/transforms.js';
import { findJson, jsonProblem, type PathPart, parsePath } from '../../../src/transforms/json-scan.js';
import { int64, textColumn } from '../batch/support.js';
import { batchOf, bind, floats, type Given, ids, run, texts, thrown, valuesOf } from './support.js';

function find(text: string, path: string): string | undefined {
  // In the middle of other bytes, as a row of a column is.
  const bytes = Buffer.from(`}]"${text}"[{1`);
  const span = findJson(bytes, 3, bytes.length - 4, parsePath(path)!);
  return span && bytes.subarray(span.start, span.end).toString();
}

/** A path to every value inside a JSON value, with the value. */
function everyPath(value: unknown, path: PathPart[] = []): { path: PathPart[]; value: unknown }[] {
  const key = (name: string): PathPart => ({ key: name, bytes: Buffer.from(name) });
  const inside = Array.isArray(value)
    ? value.flatMap((item, i) => everyPath(item, [...path, i]))
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, item]) => everyPath(item, [...path, key(name)]))
      : [];
  return [{ path, value }, ...inside];
}

describe('findJson', () => {
  it('finds every value of any JSON text, as JSON.parse sees it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const bytes = Buffer.from(JSON.stringify(value, undefined, indent));
        const plain: unknown = JSON.parse(bytes.toString());
        for (const { path, value: wanted } of everyPath(plain)) {
          const span = findJson(bytes, 0, bytes.length, path)!;
          expect(JSON.parse(bytes.subarray(span.start, span.end).toString())).toEqual(wanted);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('takes just the texts that JSON.parse takes', () => {
    const accepts = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '\\',
      '\\u12',
      '1',
      '-',
      '0',
      '.',
      'e',
      '+',
      'true',
      'null',
      'nul',
      ' ',
      '\n',
      '\u0001',
      'ä',
    );
    const soup = fc.array(pieces, { maxLength: 7 }).map((list) => list.join(''));
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', ',', '}', '0', '\\'))
      .map(([text, at, piece]) => {
        const cut = at % (text.length + 1);
        return text.slice(0, cut) + piece + text.slice(cut + 1);
      });
    fc.assert(
      fc.property(fc.oneof(soup, broken), (text) => {
        const bytes = Buffer.from(text);
        expect(jsonProblem(bytes, 0, bytes.length) === undefined, text).toBe(accepts(bytes.toString()));
      }),
      { numRuns: 1500 },
    );
  });

  it.each([
    ['{"a": {"b": [10, {"c": 5}]}}', 'a.b[1].c', '5'],
    ['{"a": 1, "a": 2}', 'a', '2'],
    ['{"a": {"b": 1}, "a": 2}', 'a.b', undefined],
    ['{"\\u0061": 1}', 'a', '1'],
    ['{"x.y": 1, "x": {"y": 2}}', '["x.y"]', '1'],
    ['{"x.y": 1, "x": {"y": 2}}', "['x'].y", '2'],
    ['{"a\\"b": 1}', '["a\\"b"]', '1'],
    ['{"ä": {"": 7}}', '$.ä[""]', '7'],
    ['[[1, 2], [3]]', '[1][0]', '3'],
    ['[1]', '[1]', undefined],
    ['[1]', 'a', undefined],
    ['{"0": 1}', '[0]', undefined],
    ['{"0": 1}', '0', '1'],
    [' {"a": null } ', 'a', 'null'],
    ['18446744073709551616', '$', '18446744073709551616'],
    ['{"a": [1, 2 ] }', 'a', '[1, 2 ]'],
    ['{"$a": 1}', '$a', '1'],
  ])('%s at %s', (text, path, wanted) => {
    expect(find(text, path)).toBe(wanted);
  });

  it.each(['', '.', 'a.', '.a', 'a..b', 'a[', 'a[x]', 'a[-1]', 'a[1', 'a b', '["a]', '[\'a"]', 'a]', '$.', 'a"b'])(
    '%j is no path',
    (path) => {
      expect(parsePath(path)).toBeUndefined();
    },
  );

  it('stands deep and long texts', () => {
    const deep = (n: number): Buffer => Buffer.from('['.repeat(n) + ']'.repeat(n));
    expect(jsonProblem(deep(1000), 0, 2000)).toBeUndefined();
    expect(jsonProblem(deep(100_000), 0, 200_000)).toBe('nested more than 1000 levels deep');
    const long = Buffer.from(`"${'x\\n'.repeat(1_000_000)}"`);
    expect(jsonProblem(long, 0, long.length)).toBeUndefined();
    expect(jsonProblem(long, 0, long.length - 1)).toBe('the text ends too early');
  });
});

const given = (values: readonly (string | null)[]): Given => {
  const made = texts('j', values);
  return { ...made, spec: { ...made.spec, type: 'JSON' } };
};
const step = (type: MilvusType, more: Partial<JsonPathStep> = {}): JsonPathStep => ({
  kind: 'json_path',
  field: 'j',
  path: 'a',
  to: 'x',
  type,
  ...more,
});
const taken = (type: MilvusType, values: readonly (string | null)[], more: Partial<JsonPathStep> = {}): unknown[] =>
  valuesOf(run(batchOf(values.length, given(values)), step(type, more)), 'x');
const ofA = (values: readonly string[]): string[] => values.map((value) => `{"a": ${value}}`);

describe('json_path', () => {
  it('64-bit integers are exact, in slices too', () => {
    fc.assert(
      fc.property(fc.array(int64(), { maxLength: 9 }), fc.nat(), (values, at) => {
        const batch = batchOf(values.length, given(ofA(values.map(String))));
        const part = batch.slice(at % (values.length + 1));
        expect(valuesOf(run(part, step('INT64')), 'x')).toEqual(values.slice(at % (values.length + 1)));
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['INT8', ['127', '-128', '5.0', '1e2', '-0'], [127, -128, 5, 100, 0]],
    ['BOOL', ['true', 'false'], [1, 0]],
    ['FLOAT', ['0.1', '-1e10', '3'], [Math.fround(0.1), -1e10, 3]],
    ['DOUBLE', ['0.1', '1e300'], [0.1, 1e300]],
    ['VARCHAR', ['"ä"', '"a\\nb\\u00e4"', '""', '12.50', 'true'], ['ä', 'a\nbä', '', '12.50', 'true']],
    ['JSON', ['{"b": 9007199254740993}', '[1, 2]', '"s"', '5'], ['{"b": 9007199254740993}', '[1, 2]', '"s"', '5']],
  ] as [MilvusType, string[], unknown[]][])('as %s', (type, values, wanted) => {
    expect(taken(type, ofA(values))).toEqual(wanted);
  });

  it('a path to nothing, to null, or in a null gives null where that is allowed', () => {
    const values = ['{"a": 5}', '{}', '{"a": null}', null, '[]'];
    expect(taken('INT64', values, { nullable: true })).toEqual([5n, null, null, null, null]);
    expect(taken('VARCHAR', values, { nullable: true })).toEqual(['5', null, null, null, null]);
    expect(taken('INT64', ['{"a": 5}'], { nullable: true })).toEqual([5n]);
    expect(taken('INT64', [], { nullable: true })).toEqual([]);
  });

  it('or the default, and both are counted', () => {
    const values = ['{"a": 5}', '{}', null];
    const batch = batchOf(3, given(values));
    const bound = bind(batch, step('INT16', { default: '-7' }), step('DOUBLE', { to: 'y', nullable: true }));
    const out = bound.apply(batch, 0);
    expect([valuesOf(out, 'x'), valuesOf(out, 'y')]).toEqual([
      [5, -7, -7],
      [5, null, null],
    ]);
    expect(bound.losses()).toEqual([
      {
        step: 1,
        kind: 'json_path',
        field: 'x',
        rows: 3,
        affected: 2,
        figures: { defaults: 2, nulls: 0 },
        text: '`j` at `a`: found in 1 of 3 rows, default in 2, null in 0',
      },
      expect.objectContaining({ step: 2, affected: 2, figures: { defaults: 0, nulls: 2 } }),
    ]);
    expect(taken('VARCHAR', ['{}'], { default: 'none' })).toEqual(['none']);
    expect(taken('BOOL', ['{}'], { default: true })).toEqual([1]);
    expect(taken('JSON', ['{}'], { default: '[]' })).toEqual(['[]']);
  });

  it('stands behind the other fields, which share their memory', () => {
    const vector = floats('v', 1, [1]);
    const meta: Given = { spec: { name: '$meta', type: 'JSON', dynamic: true }, values: textColumn(['{"a": "b"}']) };
    const out = run(batchOf(1, vector, meta), step('VARCHAR', { field: '$meta', maxLength: 9 }));
    expect(specsOf(out.schema)[2]).toEqual({ name: 'x', type: 'VARCHAR', maxLength: 9 });
    expect((rawColumn(out, 0).values as Float32Array).buffer).toBe((vector.values as Float32Array).buffer);
    expect(valuesOf(out, 'x')).toEqual(['b']);
  });

  it.each([
    ['INT64', '{}', {}, 'there is no value'],
    ['INT64', '{"a": null}', {}, 'there is no value'],
    ['INT64', '{"a": 5', {}, 'the text is no JSON (the text ends too early)'],
    ['INT64', '{"a": 5} 6', { nullable: true }, 'the text is no JSON (unexpected character at byte 9)'],
    ['INT64', '{"a": 9223372036854775808}', {}, 'the number `9223372036854775808` is no INT64'],
    ['INT8', '{"a": 128}', { nullable: true }, 'the number `128` is no INT8'],
    ['INT64', '{"a": 1.5}', {}, 'the number `1.5` is no INT64'],
    ['INT64', '{"a": 1e16}', {}, 'the number `1e16` is no INT64'],
    ['INT64', '{"a": "5"}', { default: 1n }, 'the string `"5"`, which is no INT64'],
    ['FLOAT', '{"a": 1e39}', {}, 'the number `1e39` is beyond the range of FLOAT'],
    ['DOUBLE', '{"a": true}', {}, 'the true `true`, which is no DOUBLE'],
    ['BOOL', '{"a": 1}', {}, 'the number `1`, which is no BOOL'],
    ['VARCHAR', '{"a": {}}', {}, 'an object, which is no VARCHAR'],
    ['VARCHAR', '{"a": []}', {}, 'an array, which is no VARCHAR'],
    ['VARCHAR', '{"a": "äö"}', { maxLength: 3 }, 'a text of 4 bytes, where max_length is 3'],
  ] as [MilvusType, string, Partial<JsonPathStep>, string][])('%s of %s is refused', (type, text, more, message) => {
    const batch = batchOf(
      2,
      ids(7n, 8n),
      given(['{"a": 1}', text].map((t, i) => (i === 0 && type === 'BOOL' ? '{"a": true}' : t))),
    );
    expect(thrown(() => run(batch, step(type, more)))).toBe(
      `SRC_BAD_ROW transforms: step 1 (json_path): row 101 (id 8): \`j\` at \`a\`: ${message}`,
    );
  });

  it.each([
    [{ field: 'k' }, 'there is no field `k`, did you mean `j`?'],
    [{ field: 's' }, '`s` is VARCHAR, allowed: JSON'],
    [{ field: 'v' }, '`v` is FLOAT_VECTOR, allowed: JSON'],
    [{ path: 'a..b' }, '`a..b` is no path, allowed: keys and indexes such as a.b[0]["a key"]'],
    [{ to: 's' }, 'there is a field `s` already, allowed: a new name'],
    [
      { to: 'a b' },
      '`a b` is no name for a field, allowed: a letter or underscore first, then letters, digits or underscores, at most 255 in all',
    ],
    [
      { type: 'ARRAY' },
      '`x` cannot be of type ARRAY, allowed: BOOL, INT8, INT16, INT32, INT64, FLOAT, DOUBLE, VARCHAR, JSON',
    ],
    [{ type: 'INT8', default: '200' }, 'the default `200` of `x` is no INT8, allowed: a whole number from -128 to 127'],
    [{ type: 'INT8', maxLength: 5 }, 'max_length of `x` has no use with INT8, allowed: leave it out'],
  ] as [Partial<JsonPathStep>, string][])('%o is refused', (more, message) => {
    const batch = batchOf(1, given(['{}']), texts('s', ['']), floats('v', 1, [1]));
    expect(thrown(() => bind(batch, step('VARCHAR', more)))).toBe(
      `CFG_CONFLICT transforms: step 1 (json_path): ${message}`,
    );
  });
});
