import { describe, expect, it } from 'vitest';
import type { Status } from '../../../src/milvus/decode.js';
import {
  grpcError,
  isLimit,
  isNotFound,
  isOk,
  isTooLarge,
  isUnimplemented,
  requireOk,
  statusError,
} from '../../../src/milvus/status.js';
import { fail } from '../../../src/util/errors.js';

const status = (more: Partial<Status>): Status => ({ legacyCode: 0, code: 0, reason: '', retriable: false, ...more });

describe('a failure of the transport', () => {
  it.each([
    [1, 'INTERRUPTED', 'no', 130],
    [2, 'DST_REFUSED', 'no', 4],
    [3, 'DST_REFUSED', 'no', 4],
    [4, 'NET_DEADLINE', 'yes', 5],
    [5, 'DST_REFUSED', 'no', 4],
    [7, 'DST_AUTH', 'no', 4],
    [8, 'DST_REFUSED', 'no', 4],
    [12, 'DST_UNSUPPORTED', 'no', 4],
    [13, 'DST_REFUSED', 'no', 4],
    [14, 'NET_UNAVAILABLE', 'yes', 5],
    [16, 'DST_AUTH', 'no', 4],
  ])('with gRPC code %d is %s (retry %s, exit %d)', (code, ours, retry, exitCode) => {
    const thrown = { code, details: 'said the server' };
    const error = grpcError(thrown, 'insert into C');
    expect(error).toMatchObject({ code: ours, retry, exitCode, cause: thrown });
    expect(error.message).toMatch(/^insert into C: /);
  });

  it('is told by its code alone, never by its text', () => {
    expect(grpcError({ code: 3, details: 'unavailable: deadline exceeded' }, 'x')).toMatchObject({
      code: 'DST_REFUSED',
      retry: 'no',
    });
  });

  it.each([2, 13])('of a request that came in part is one of the network, with gRPC code %d', (code) => {
    expect(grpcError({ code, details: 'unexpected EOF' }, 'x')).toMatchObject({
      code: 'NET_UNAVAILABLE',
      retry: 'yes',
    });
    expect(grpcError({ code: 3, details: 'unexpected EOF' }, 'x')).toMatchObject({ code: 'DST_REFUSED' });
    expect(grpcError({ code, details: 'file: unexpected EOF' }, 'x')).toMatchObject({ code: 'DST_REFUSED' });
  });

  it('names what the server said, and what helps against a message that is too large', () => {
    expect(grpcError({ code: 14, details: '' }, 'x').message).toContain('no details');
    expect(grpcError({ code: 8, details: 'larger than max' }, 'x')).toMatchObject({
      message: expect.stringContaining('larger than max'),
      hint: expect.stringContaining('batch_bytes'),
    });
  });

  it.each<[string, unknown, string]>([
    ['an Error without a code', new TypeError('oops'), 'x: oops'],
    ['a text', 'oops', 'x: oops'],
    ['an Error of the file system', Object.assign(new Error('no'), { code: 'ENOENT' }), 'x: no'],
    ['nothing', undefined, 'x: undefined'],
  ])('is our own fault when it is %s', (_, thrown, message) => {
    expect(grpcError(thrown, 'x')).toMatchObject({ code: 'INTERNAL', message });
  });

  it('that says UNIMPLEMENTED is known as that, also behind our error', () => {
    const thrown = { code: 12, details: 'unknown method' };
    expect(
      [
        thrown,
        grpcError(thrown, 'x'),
        grpcError({ code: 14, details: '' }, 'x'),
        fail('DST_UNSUPPORTED', 'm'),
        null,
        12,
      ].map(isUnimplemented),
    ).toStrictEqual([true, true, false, false, false, false]);
  });
});

describe('a status', () => {
  it.each<[string, Partial<Status>, boolean, boolean]>([
    ['of nothing but zeros', {}, true, false],
    ['with a reason alone', { reason: 'fine' }, true, false],
    ['with a code', { code: 1100 }, false, false],
    ['with an old code', { legacyCode: 1 }, false, false],
    ['collection not found', { code: 100, legacyCode: 4 }, false, true],
    ['collection not found, by the new code alone', { code: 100 }, false, true],
    ['collection not found, by the old code alone', { legacyCode: 4 }, false, true],
    ['another code beside the old one for not found', { code: 106, legacyCode: 4 }, false, false],
  ])('%s', (_, more, ok, notFound) => {
    expect([isOk(status(more)), isNotFound(status(more))]).toStrictEqual([ok, notFound]);
  });

  it.each([
    ...[1, 2, 3, 4, 7, 8, 9, 11, 12].map((code) => [{ code }, 'DST_REFUSED', 'after'] as const),
    ...[48, 49, 53, 54, 55, 56, 57].map((legacyCode) => [{ legacyCode }, 'DST_REFUSED', 'after'] as const),
    [{ code: 1100, legacyCode: 49 }, 'DST_REFUSED', 'no'],
    [{ code: 5 }, 'DST_REFUSED', 'no'],
    [{ code: 100 }, 'DST_REFUSED', 'no'],
    [{ code: 65535 }, 'DST_REFUSED', 'no'],
    [{ code: 1100, retriable: true }, 'DST_REFUSED', 'no'],
    ...[1400, 1401, 1402, 1403, 1800].map((code) => [{ code }, 'DST_AUTH', 'no'] as const),
    [{ legacyCode: 3 }, 'DST_AUTH', 'no'],
  ] as const)('%j is %s (retry %s)', (more, code, retry) => {
    expect(statusError(status(more), 'x')).toMatchObject({ code, retry, exitCode: 4 });
  });

  it('as an error says what, why and the number', () => {
    expect(statusError(status({ code: 1100, reason: ' bad dim \n' }), 'insert 5 rows into C').message).toBe(
      'insert 5 rows into C: bad dim (Milvus code 1100)',
    );
    expect(statusError(status({ legacyCode: 9 }), 'x').message).toBe('x: refused without a reason (Milvus code 9)');
  });

  it('is required to be ok', () => {
    expect(() => requireOk(status({}), 'x')).not.toThrow();
    expect(() => requireOk(status({ code: 7 }), 'x')).toThrow(expect.objectContaining({ retry: 'after' }));
  });
});

describe('what a failure asks of a writer', () => {
  const numbers = (upTo: number): number[] => Array.from({ length: upTo }, (_, i) => i + 1);
  const codes = (keep: (number: number) => boolean, upTo = 2000): number[] => numbers(upTo).filter(keep);

  it('is less, later, for limits of rate, quota and load only', () => {
    expect(codes((code) => isLimit(statusError(status({ code }), 'x')))).toStrictEqual([3, 4, 7, 8, 9, 11, 12]);
    expect(codes((legacyCode) => isLimit(statusError(status({ legacyCode }), 'x')))).toStrictEqual([
      48, 49, 53, 54, 55,
    ]);
    // 2.3 sends both: its own code counts.
    expect(isLimit(statusError(status({ code: 8, legacyCode: 49 }), 'x'))).toBe(true);
    expect(isLimit(statusError(status({ code: 1100, legacyCode: 49 }), 'x'))).toBe(false);
    expect(codes((code) => isLimit(grpcError({ code, details: 'rate limit exceeded' }, 'x')), 16)).toStrictEqual([]);
  });

  it('is a smaller message for those that are too large only', () => {
    expect(codes((code) => isTooLarge(statusError(status({ code }), 'x')))).toStrictEqual([1102]);
    expect(codes((legacyCode) => isTooLarge(statusError(status({ legacyCode }), 'x')))).toStrictEqual([]);
    expect(codes((code) => isTooLarge(grpcError({ code, details: 'message too large' }, 'x')), 16)).toStrictEqual([8]);
  });

  it('is nothing of this for errors of our own', () => {
    const ours = fail('DST_REFUSED', 'rate limit: message too large');
    expect([isLimit(ours), isTooLarge(ours)]).toStrictEqual([false, false]);
  });
});
