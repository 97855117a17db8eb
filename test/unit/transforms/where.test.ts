import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldSpec } from '../../../src/batch/fields.js';
import { batches, EVERY_TYPE, int64, LARGEST, rowTexts, SMALLEST, textColumn } from '../batch/support.js';
import { batchOf, bind, floats, type Given, ids, run, texts, thrown, valuesOf } from './support.js';

const where = (expression: string): { kind: 'where'; expression: string } => ({ kind: 'where', expression });
const nullable = { nullable: true } as const;
const rows = 5;
const batch = batchOf(
  rows,
  ids(1n, 2n, 3n, LARGEST, SMALLEST),
  floats('v', 1, [1, 2, 3, 4, 5]),
  { spec: { name: 'n', type: 'INT32', ...nullable }, values: Int32Array.of(-1, 0, 1, 2, 9), valid: [1, 1, 1, 1, 0] },
  { spec: { name: 'f', type: 'FLOAT' }, values: Float32Array.of(0.1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -0) },
  { spec: { name: 'd', type: 'DOUBLE' }, values: Float64Array.of(0.1, 2 ** 53, 1e300, -1, 0) },
  { spec: { name: 'ok', type: 'BOOL', ...nullable }, values: Uint8Array.of(1, 0, 1, 0, 1), valid: [1, 1, 1, 1, 0] },
  texts('s', ['a', 'ä', '𝄞', '\uffee', null]),
  texts('t', ['a', 'b', '', "it's", 'q"']),
  {
    spec: { name: 'j', type: 'JSON', ...nullable },
    values: textColumn(['1', '2', '3', '4', '5']),
    valid: [1, 0, 1, 0, 1],
  },
  { spec: { name: 'in', type: 'INT8' }, values: Int8Array.of(1, 2, 3, 4, 5) },
  { spec: { name: '$meta', type: 'JSON', dynamic: true }, values: textColumn(['{}', '{}', '{}', '{}', '{}']) },
);

/** Positions (1 to 5) of the rows that stay; the vector holds them. */
function kept(expression: string): number[] {
  return valuesOf(run(batch, where(expression)), 'v').map((v) => new Float32Array((v as Uint8Array).buffer)[0]!);
}

describe('rows that stay', () => {
  it.each([
    ['id == 2', [2]],
    ['id > 9223372036854775806', [4]],
    ['id == 9223372036854775807', [4]],
    ['id >= 9223372036854775808', []],
    ['id < -9223372036854775807', [5]],
    ['id > 1.5 and id < 3.5', [2, 3]],
    ['id in [1, 3.0, 2.5, 9223372036854775807]', [1, 3, 4]],
    ['2 <= id', [2, 3, 4]],
    ['n == 0', [2]],
    ['n != 0', [1, 3, 4]],
    ['not n == 0', [1, 3, 4]],
    ['n is null', [5]],
    ['n is not null', [1, 2, 3, 4]],
    ['not (n is null)', [1, 2, 3, 4]],
    ['n > 0 or n is null', [3, 4, 5]],
    ['n > 5 or id < 0', [5]],
    ['n in [-1, +2]', [1, 4]],
    ['n not in [-1, 2]', [2, 3]],
    ['not n in [-1, 2]', [2, 3]],
    ['n < 99999999999999999999', [1, 2, 3, 4]],
    ['n < 1 and n > -1', [2]],
    ['f == 0.1', [1]],
    ['f in [0.1, 0]', [1, 5]],
    ['f == 0', [5]],
    ['f < 1', [1, 2, 5]],
    ['f != 0.5', [1, 3, 4, 5]],
    ['not f < 1', [3, 4]],
    ['f > 1e39', [4]],
    ['f == f', [1, 2, 4, 5]],
    ['d == 0.1', [1]],
    ['d == 9007199254740993', []],
    ['d in [9007199254740993, 9007199254740992]', [2]],
    ['d < 9007199254740993 and d > 9007199254740991', [2]],
    ['id > d', [1, 4, 5].filter((i) => [1 > 0.1, 2 > 2 ** 53, 3 > 1e300, true, false][i - 1])],
    ['ok', [1, 3]],
    ['not ok', [2, 4]],
    ['ok == false', [2, 4]],
    ['ok != false', [1, 3]],
    ['ok in [true]', [1, 3]],
    ['true', [1, 2, 3, 4, 5]],
    ['not true', []],
    ['ok or true', [1, 2, 3, 4, 5]],
    ['ok and false', []],
    ["s == 'ä'", [2]],
    ['s > "a"', [2, 3, 4]],
    // By code points, where UTF-16 would put the surrogates of the clef before U+FFEE.
    ["s > '\uffee'", [3]],
    ["s in ['𝄞', 'a']", [1, 3]],
    ['s == t', [1]],
    ['s != t', [2, 3, 4]],
    ["t == ''", [3]],
    ["t == 'it\\'s'", [4]],
    ['t == "it\'s"', [4]],
    ["t == 'q\"'", [5]],
    ["t == '\\u0061'", [1]],
    ['j is null', [2, 4]],
    ['v is null', []],
    ['$meta is null', []],
    ['`in` >= 4', [4, 5]],
    ['`in` in [1]', [1]],
    ['id == 1 or id == 2 and n == 5', [1]],
    ['(id == 1 or id == 2) and n == 0', [2]],
    ['NOT n IN [0] AND s IS NOT NULL', [1, 3, 4]],
    ['n == 0 or n == 1\n  or n == 2', [2, 3, 4]],
  ] as [string, number[]][])('%s', (expression, wanted) => {
    expect(kept(expression)).toEqual(wanted);
  });

  it('are of every type, and the same in slices', () => {
    fc.assert(
      fc.property(batches(EVERY_TYPE, { min: 0, max: 15 }), fc.nat(), (whole, at) => {
        const expression = 'int8 > 0 or varchar < "m" and not bool';
        const cut = at % (whole.numRows + 1);
        const parts = [whole.slice(0, cut), whole.slice(cut)].flatMap((part) => rowTexts(run(part, where(expression))));
        expect(rowTexts(run(whole, where(expression)))).toEqual(parts);
        const all = rowTexts(whole);
        expect(all.filter((row) => parts.includes(row)).length).toBeGreaterThanOrEqual(parts.length);
      }),
      { numRuns: 30 },
    );
  });

  it('keep their nulls and arrays', () => {
    const list: Given = {
      spec: { name: 'a', type: 'ARRAY', elementType: 'VARCHAR', maxCapacity: 3, nullable: true },
      values: { items: textColumn(['p', 'q', 'r']) as never, offsets: Int32Array.of(0, 2, 2, 3) },
      valid: [1, 0, 1],
    };
    const given = batchOf(3, ids(1n, 2n, 3n), list, texts('s', ['x', null, null]));
    const out = run(given, where('id != 1'));
    expect(valuesOf(out, 's')).toEqual([null, null]);
    expect(valuesOf(out, 'a')).toEqual([null, [new Uint8Array([114])]]);
  });
});

describe('laws', () => {
  const spec = (name: string): FieldSpec => ({ name, type: 'INT64', nullable: true });
  const cells = fc.record({ a: fc.option(int64()), b: fc.option(fc.bigInt({ min: -2n, max: 2n })) });
  const literal = fc.oneof(fc.bigInt({ min: -2n, max: 2n }), int64());
  const atom = fc.oneof(
    fc
      .tuple(fc.constantFrom('a', 'b'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), literal)
      .map((p) => p.join(' ')),
    fc.constantFrom('a < b', 'a == b', 'b in [0, 1]', 'b not in [2]', 'a is null', 'b is not null', 'true'),
  );
  const { tree } = fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      atom,
      fc.tuple(tie('tree'), fc.constantFrom('and', 'or'), tie('tree')).map(([l, op, r]) => `(${l} ${op} ${r})`),
      tie('tree').map((t) => `not (${t})`),
    ),
  }));

  /** The same language by its definition, over single values, unknown as undefined. */
  function evaluate(expression: string, row: { a: bigint | null; b: bigint | null }): boolean | undefined {
    const tokens = expression.match(/==|!=|<=|>=|[<>()[\],]|[a-z]+|-?\d+/g)!;
    let at = 0;
    const take = (token: string): boolean => tokens[at] === token && ++at > 0;
    const operand = (): bigint | null => {
      const token = tokens[at++]!;
      return token === 'a' || token === 'b' ? row[token] : BigInt(token);
    };
    const not = (x: boolean | undefined): boolean | undefined => (x === undefined ? undefined : !x);
    const unary = (): boolean | undefined => {
      if (take('not')) return not(unary());
      if (take('true')) return true;
      if (take('(')) {
        const inner = binary();
        take(')');
        return inner;
      }
      const left = operand();
      if (take('is')) {
        const negated = take('not');
        take('null');
        return (left === null) !== negated;
      }
      const negated = take('not');
      if (take('in')) {
        const list: (bigint | null)[] = [];
        while (!take(']')) if (!take('[') && !take(',')) list.push(operand());
        return left === null ? undefined : list.includes(left) !== negated;
      }
      const op = tokens[at++]!;
      const right = operand();
      if (left === null || right === null) return undefined;
      const results: Record<string, boolean> = {
        '==': left === right,
        '!=': left !== right,
        '<': left < right,
        '<=': left <= right,
        '>': left > right,
        '>=': left >= right,
      };
      return results[op];
    };
    const binary = (): boolean | undefined => {
      const left = unary();
      if (take('and')) {
        const right = unary();
        if (left === false || right === false) return false;
        return left === undefined || right === undefined ? undefined : true;
      }
      if (!take('or')) return left;
      const right = unary();
      if (left === true || right === true) return true;
      return left === undefined || right === undefined ? undefined : false;
    };
    return binary();
  }

  function made(table: readonly { a: bigint | null; b: bigint | null }[]): ReturnType<typeof batchOf> {
    const column = (name: 'a' | 'b'): Given => ({
      spec: spec(name),
      values: BigInt64Array.from(table, (row) => row[name] ?? 0n),
      valid: table.map((row) => Number(row[name] !== null)),
    });
    const order = table.map((_, i) => i);
    return batchOf(table.length, column('a'), column('b'), {
      spec: { name: 'i', type: 'INT32' },
      values: Int32Array.from(order),
    });
  }

  it('every expression means what its definition says', () => {
    fc.assert(
      fc.property(fc.array(cells, { maxLength: 12 }), tree, (table, expression) => {
        const wanted = table.flatMap((row, i) => (evaluate(expression, row) === true ? [i] : []));
        expect(valuesOf(run(made(table), where(expression)), 'i')).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('p and not p part the rows; what is in neither is unknown because of null', () => {
    fc.assert(
      fc.property(fc.array(cells, { maxLength: 12 }), tree, (table, expression) => {
        const whole = made(table);
        const yes = valuesOf(run(whole, where(expression)), 'i');
        const bound = bind(whole, where(`not (${expression})`));
        const no = valuesOf(bound.apply(whole, 0), 'i');
        expect(new Set([...yes, ...no]).size).toBe(yes.length + no.length);
        const known = table.flatMap((row, i) => (evaluate(expression, row) === undefined ? [] : [i]));
        expect([...yes, ...no].sort((a, b) => Number(a) - Number(b))).toEqual(known);
        expect(bound.losses()[0]!.figures.unknown).toBe(table.length - known.length);
      }),
      { numRuns: 150 },
    );
  });
});

describe('counts', () => {
  it('say what was left out, over all batches', () => {
    const bound = bind(batch, where('n > 0'));
    bound.apply(batch, 0);
    bound.apply(batch.slice(0, 2), 5);
    expect(bound.losses()).toEqual([
      {
        step: 1,
        kind: 'where',
        rows: 7,
        affected: 5,
        figures: { kept: 2, left_out: 5, unknown: 1 },
        text: '`n > 0`: 2 of 7 rows kept, 5 left out, 1 of them because of null',
      },
    ]);
  });

  it('a batch of which all rows stay is that batch', () => {
    expect(run(batch, where('id != 0'))).toBe(batch);
    expect(run(batch.slice(0, 0), where('id != 0')).numRows).toBe(0);
    expect(run(batch, where('id == 0')).numRows).toBe(0);
  });
});

describe('an expression that is none', () => {
  const message = (expression: string): string => {
    const text = thrown(() => bind(batch, where(expression)));
    const head = 'CFG_CONFLICT transforms: step 1 (where): ';
    expect(text.startsWith(head)).toBe(true);
    return text.slice(text.indexOf('column '));
  };
  it.each([
    ['', 'column 1: the expression is empty'],
    ['  ', 'column 1: the expression is empty'],
    ['idd == 1', 'column 1: there is no field `idd`, did you mean `id`?'],
    [
      'zzzzzz == 1',
      'column 1: there is no field `zzzzzz`, there are: `id`, `v`, `n`, `f`, `d`, `ok`, `s`, `t`, `j`, `in`, `$meta`',
    ],
    ['id = 1', 'column 4: = is not known here, did you mean `==`?'],
    ['id == 1 && ok', 'column 9: && is not known here, did you mean `and`?'],
    ['ok || ok', 'column 4: || is not known here, did you mean `or`?'],
    ['id <> 1', 'column 4: <> is not known here, did you mean `!=`?'],
    ['!ok', 'column 1: ! is not known here, did you mean `not`?'],
    ['id == 1 # x', 'column 9: "#" is not allowed here'],
    ['id == 1 id', 'column 9: `and`, `or` or the end is needed where `id` stands'],
    ['id ==', 'column 6: a field or a value is needed where the end is'],
    ['id == and', 'column 7: a field or a value is needed where `and` stands'],
    ['(id == 1', 'column 9: `)` is needed where the end is'],
    ['0 < id < 5', 'column 8: a second comparison in a row, write `a < b and b < c`'],
    ['id == null', 'column 7: null equals nothing, write `field is null`'],
    ['id in [1, null]', 'column 11: null equals nothing, write `or field is null`'],
    ['id in []', 'column 8: a value is needed where `]` stands'],
    ['id in 5', 'column 7: `[` is needed where `5` stands'],
    ['id in [1 2]', 'column 10: `,` or `]` is needed where `2` stands'],
    ['id is 5', 'column 7: `null` is needed where `5` stands'],
    ['id not 5', 'column 8: `in` is needed where `5` stands'],
    ['id not null', 'column 8: `in` is needed where `null` stands'],
    ["t == 'abc", "column 6: the text that starts with ' does not end"],
    ["t == '\\x'", 'column 6: \\x means nothing, allowed: \\n \\r \\t \\\\ \\" \\\' \\u0000'],
    ['id == 5x', 'column 7: a number that goes on with "x"; put text in quotes'],
    ['id == 1.2.3', 'column 7: a number that goes on with "."; put text in quotes'],
    ['d == 1e999', 'column 6: 1e999 is beyond the range of numbers'],
    [`d == ${'1'.repeat(401)}`, 'column 6: a number of more than 400 digits'],
    ["id == 'x'", 'column 7: `id` is INT64, which "x" does not suit, allowed: a number'],
    ['s == 5', 'column 6: `s` is VARCHAR, which 5 does not suit, allowed: a text in quotes'],
    ['ok == 1', 'column 7: `ok` is BOOL, which 1 does not suit, allowed: true or false'],
    ['ok > true', 'column 4: > has no meaning for true and false, allowed: ==, !='],
    ['n in [1, "a"]', 'column 3: `n` is INT32, which "a" does not suit, allowed: a number'],
    ['id == s', 'column 4: `id` (INT64) and `s` (VARCHAR) cannot be compared, allowed: two of one kind'],
    ['1 == 1', 'column 3: two values are compared, needed: a field on one side'],
    ['1 in [1]', 'column 1: a value before `in`, needed: a field'],
    ['1 is null', 'column 1: a value before `is null`, needed: a field'],
    ['5', 'column 1: 5 is no condition, needed: a comparison'],
    ['s', 'column 1: `s` is VARCHAR and no condition, needed: a comparison'],
    [
      'j == 1',
      'column 1: `j` is JSON, allowed: numbers, VARCHAR, BOOL (or `is null`); take the value out by json_path in a step before',
    ],
    ['v == 1', 'column 1: `v` is FLOAT_VECTOR, allowed: numbers, VARCHAR, BOOL (or `is null`)'],
    [`${'('.repeat(300)}ok${')'.repeat(300)}`, 'column 202: nested more than 200 levels deep'],
  ])('%s', (expression, wanted) => {
    expect(message(expression)).toBe(wanted);
  });

  it('may be long, as long as it is not deep', () => {
    const expression = Array.from({ length: 5000 }, (_, i) => `id == ${i}`).join(' or ');
    expect(kept(expression)).toEqual([1, 2, 3]);
    const long = 'x'.repeat(500_000);
    expect(kept(`t != '${long}' and ${Array.from({ length: 150 }, () => 'not ').join('')}id == 2`)).toEqual([2]);
  });
});
