import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode, fail, MilvusdmError, toMilvusdmError } from '../../../src/util/errors.js';
import { EXIT } from '../../../src/util/exit-codes.js';

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

describe('fail', () => {
  it.each(CODES)('gives %s its exit code and a hint', (code) => {
    const error = fail(code, 'what, where');
    expect(error).toBeInstanceOf(MilvusdmError);
    expect(error).toMatchObject({ code, message: 'what, where', hint: ERROR_CODES[code].hint, retry: 'no' });
    expect(error.exitCode).toBe(ERROR_CODES[code].exit);
    expect(Object.values(EXIT)).toContain(error.exitCode);
    expect(error.exitCode).not.toBe(EXIT.ok);
  });

  it('takes the details of the place that raises the error', () => {
    const cause = new Error('below');
    const error = fail('NET_UNAVAILABLE', 'm', { hint: 'do this', cause, retry: 'after', retryAfterMs: 5 });
    expect(error).toMatchObject({ hint: 'do this', cause, retry: 'after', retryAfterMs: 5 });
    expect(fail('USAGE', 'm')).not.toHaveProperty('cause');
  });
});

describe('the table of codes', () => {
  it.each(CODES)('has sentences for %s', (code) => {
    expect(ERROR_CODES[code].when).toMatch(/^.{10,}\.$/);
    expect(ERROR_CODES[code].hint).toMatch(/^.{10,}\.$/);
  });

  it.each([
    ['CFG_', EXIT.config],
    ['SRC_', EXIT.source],
    ['DST_', EXIT.target],
    ['NET_', EXIT.network],
    ['VERIFY_', EXIT.verify],
  ])('gives all codes in %s* one exit code', (prefix, exit) => {
    const exits = CODES.filter((code) => code.startsWith(prefix)).map((code) => ERROR_CODES[code].exit);
    expect(new Set(exits)).toStrictEqual(new Set([exit]));
  });
});

describe('toMilvusdmError', () => {
  it('leaves our errors as they are', () => {
    const error = fail('DST_REFUSED', 'm');
    expect(toMilvusdmError(error)).toBe(error);
  });

  it.each<[string, unknown, string]>([
    ['an Error', new TypeError('x is not a function'), 'x is not a function'],
    ['a text', 'boom', 'boom'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object', { code: 5 }, '[object Object]'],
  ])('takes %s for our own fault', (_, thrown, message) => {
    const error = toMilvusdmError(thrown);
    expect(error).toMatchObject({ code: 'INTERNAL', message, exitCode: EXIT.internal });
    expect(error.cause).toBe(thrown);
  });
});
