import { describe, expect, it } from 'vitest';
import { comparableAt, sameValue, type Value } from '../../../src/batch/values.js';
import { textColumn } from './support.js';

describe('sameValue', () => {
  it.each<[string, Value | undefined, Value | undefined, boolean]>([
    ['numbers', 1, 1, true],
    ['different numbers', 1, 2, false],
    ['0 and -0', 0, -0, true],
    ['NaN and NaN', Number.NaN, Number.NaN, true],
    ['NaN and 0', Number.NaN, 0, false],
    ['integers of 64 bits', 2n ** 63n - 1n, 2n ** 63n - 1n, true],
    ['neighbours beyond 2^53', 2n ** 53n, 2n ** 53n + 1n, false],
    ['an integer as both', 5n, 5, true],
    ['2^53 + 1 and the number nearest to it', 2n ** 53n + 1n, 2 ** 53, false],
    ['an integer and a fraction', 1n, 1.5, false],
    ['an integer and NaN', 1n, Number.NaN, false],
    ['an integer and infinity', 1n, Number.POSITIVE_INFINITY, false],
    ['bytes', Uint8Array.of(1, 2), Uint8Array.of(1, 2), true],
    ['one different bit', Uint8Array.of(1, 2), Uint8Array.of(1, 3), false],
    ['a prefix', Uint8Array.of(1, 2), Uint8Array.of(1), false],
    ['-0 in a vector', new Uint8Array(Float32Array.of(-0).buffer), new Uint8Array(Float32Array.of(0).buffer), false],
    ['bytes and a number', Uint8Array.of(1), 1, false],
    ['bytes and an integer', Uint8Array.of(1), 1n, false],
    ['nothing and zero', undefined, 0, false],
    ['nothing and an integer', undefined, 0n, false],
    ['nothing and bytes', undefined, new Uint8Array(0), false],
  ])('%s', (_, a, b, same) => {
    expect(sameValue(a, b)).toBe(same);
    expect(sameValue(b, a)).toBe(same);
  });
});

describe('comparableAt', () => {
  const at = (text: string, type: 'JSON' | 'VARCHAR'): Value =>
    comparableAt({ values: textColumn([text]), width: 1 }, 0, type);

  it.each([
    ['other spaces', '{"a":[1,null],"b":"ü"}', '{ "a": [1, null], "b": "\\u00fc" }', true],
    ['another order of keys', '{"a":1,"b":2}', '{"b": 2, "a": 1}', true],
    ['another integer beyond 2^53', '{"n":9007199254740992}', '{"n":9007199254740993}', false],
    ['another text', '{"a":"x"}', '{"a":"x "}', false],
    ['no JSON, as it is', '{"a":', '{"a" :', false],
  ])('takes JSON by its content: %s', (_, a, b, same) => {
    expect(sameValue(at(a, 'JSON'), at(b, 'JSON'))).toBe(same);
    expect(sameValue(at(a, 'VARCHAR'), at(b, 'VARCHAR'))).toBe(false);
  });
});
