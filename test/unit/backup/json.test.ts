import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/backup/json.js';

describe('JSON with integers of 64 bits', () => {
  it('keeps the digits that JSON.parse loses', () => {
    expect(JSON.parse('470596403605605075')).not.toBe(470596403605605075n);
    expect(parseJson('470596403605605075')).toBe(470596403605605075n);
    expect(parseJson('[9223372036854775807,-9223372036854775808,18446744073709551615]')).toStrictEqual([
      2n ** 63n - 1n,
      -(2n ** 63n),
      2n ** 64n - 1n,
    ]);
  });

  it('gives a number where a double holds it', () => {
    expect(parseJson('[0,-1,9007199254740991,9007199254740992,1.5,1e3,12345678901234567890.5]')).toStrictEqual([
      0,
      -1,
      9007199254740991,
      9007199254740992n,
      1.5,
      1000,
      12345678901234567000,
    ]);
  });

  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        const plain = JSON.stringify(parseJson(text), (_, value) =>
          typeof value === 'bigint' ? Number(value) : value,
        );
        expect(plain).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it('reads text with digits and escapes as text', () => {
    expect(parseJson('{"a\\"470596403605605075":"\\u00e9 470596403605605075 \\\\"}')).toEqual({
      'a"470596403605605075': 'é 470596403605605075 \\',
    });
  });

  it('takes a key like __proto__ for a key', () => {
    expect(Object.keys(parseJson('{"__proto__":{"x":1}}') as object)).toStrictEqual(['__proto__']);
  });

  it.each([
    ['', 'the text ends too early'],
    ['{"a":1', 'the text ends too early'],
    ['"abc', 'the text ends too early'],
    ['[1,]', 'unexpected character at 3'],
    ['{"a":01}', 'unexpected character at 6'],
    ['[1] x', 'unexpected character at 4'],
    ['nul', 'unexpected character at 0'],
    ['['.repeat(300), 'nested more than 200 levels deep'],
  ])('refuses %j', (text, message) => {
    expect(() => parseJson(text)).toThrow(new SyntaxError(message));
  });

  it('refuses a text that was cut anywhere', () => {
    const whole = '{"id":470596403605605075,"list":[true,null,"x"],"o":{}}';
    for (let end = 0; end < whole.length; end++) expect(() => parseJson(whole.slice(0, end))).toThrow(SyntaxError);
  });
});
