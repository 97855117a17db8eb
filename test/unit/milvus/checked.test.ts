import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CheckedOptions, checked, sdkStatus } from '../../../src/milvus/checked.js';
import { isNotFound } from '../../../src/milvus/status.js';
import { fail } from '../../../src/util/errors.js';
import { legacyCodes } from './proto.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const OK = { error_code: 'Success', reason: '', code: 0 };
const policy = { totalMs: 5000 };

/** Calls with these answers in turn (the last one for ever); functions are called, so that they may throw. */
async function call(answers: readonly unknown[], o: CheckedOptions = {}): Promise<{ calls: number; answer: unknown }> {
  let calls = 0;
  const done = checked(
    policy,
    'describe C',
    async () => {
      const answer = answers[Math.min(calls++, answers.length - 1)];
      return typeof answer === 'function' ? (answer as () => unknown)() : answer;
    },
    o,
  );
  done.catch(() => {});
  await vi.runAllTimersAsync();
  return { answer: await done, calls };
}

const rejects = (error: unknown) => () => {
  throw error;
};

describe('an answer of the SDK', () => {
  it.each<[string, object]>([
    ['{status}', { status: OK, data: 5 }],
    ['a bare status', OK],
    ['a status with the new code alone', { status: { code: 0, reason: '' } }],
    ['a status with a number', { status: { error_code: 0, reason: '' } }],
    ['a status in small letters', { status: { error_code: 'success', reason: '' } }],
    ['a status without words', { status: { error_code: '', code: 0 } }],
  ])('%s that is ok is given back', async (_, answer) => {
    expect(await call([answer])).toStrictEqual({ answer, calls: 1 });
  });

  it.each<[string, unknown, object]>([
    [
      'a status with a code',
      { status: { error_code: 'UnexpectedError', code: 1100, reason: 'bad' } },
      { code: 'DST_REFUSED', message: 'describe C: bad (Milvus code 1100)' },
    ],
    [
      'a bare status with a code',
      { error_code: 'UnexpectedError', reason: 'bad' },
      { code: 'DST_REFUSED', message: 'describe C: bad (Milvus code 1)' },
    ],
    [
      'an error code that nobody knows',
      { status: { error_code: 'Brand New', reason: 'bad' } },
      { code: 'DST_REFUSED' },
    ],
    ['a refusal of the credentials', { status: { code: 1400, reason: 'who?' } }, { code: 'DST_AUTH' }],
    ['{}', {}, { code: 'DST_REFUSED', message: expect.stringContaining('gave no status') }],
    ['nothing', undefined, { code: 'DST_REFUSED', message: expect.stringContaining('gave no status') }],
    [
      'an Error with a gRPC code',
      Object.assign(new Error('12'), { code: 12, details: 'unknown method' }),
      { code: 'DST_UNSUPPORTED' },
    ],
    ['an Error', new Error('strange'), { code: 'INTERNAL', message: 'describe C: strange' }],
    ['a rejection with a gRPC code', rejects({ code: 16, details: 'no' }), { code: 'DST_AUTH' }],
    ['a rejection', rejects(new TypeError('oops')), { code: 'INTERNAL', message: 'describe C: oops' }],
    ['our own error', rejects(fail('CFG_CONFLICT', 'two')), { code: 'CFG_CONFLICT', message: 'two' }],
  ])('%s is thrown', async (_, answer, error) => {
    await expect(call([answer])).rejects.toMatchObject(error);
  });

  it('may be let through', async () => {
    const missing = { status: { error_code: 'CollectionNotExists', code: 100, reason: 'none' } };
    expect(await call([missing], { allow: isNotFound })).toStrictEqual({ answer: missing, calls: 1 });
    await expect(call([{ status: { code: 1100 } }], { allow: isNotFound })).rejects.toMatchObject({
      code: 'DST_REFUSED',
    });
  });
});

describe('a call', () => {
  const busy = { status: { code: 8, reason: 'rate limit' } };
  const gone = rejects({ code: 14, details: 'gone' });

  it('is repeated while the server is busy or away', async () => {
    expect(await call([busy, gone, busy, { status: OK }])).toMatchObject({ calls: 4 });
  });

  it('that must not be repeated is repeated only while the server is busy', async () => {
    expect(await call([busy, busy, { status: OK }], { repeatable: false })).toMatchObject({ calls: 3 });
    await expect(call([gone, { status: OK }], { repeatable: false })).rejects.toMatchObject({
      code: 'NET_UNAVAILABLE',
    });
  });

  it('gives up in the end', async () => {
    await expect(call([busy])).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: 'describe C: rate limit (Milvus code 8)',
    });
  });
});

describe('sdkStatus', () => {
  it('knows the numbers of those old codes that are told apart', () => {
    const numbers = legacyCodes();
    const apart = [3, 4, 25, 48, 49, 53, 54, 55, 56, 57];
    for (const [name, number] of Object.entries(numbers)) {
      const expected = number === 0 || apart.includes(number) ? number : 1;
      expect(sdkStatus({ error_code: name, reason: 'r' }), name).toMatchObject({ legacyCode: expected, code: 0 });
    }
    expect(Object.values(numbers)).toStrictEqual(expect.arrayContaining(apart));
  });

  it('takes numbers as they are', () => {
    const status = { error_code: 25, code: '700', reason: 'r', retriable: true };
    expect(sdkStatus({ status })).toStrictEqual({ legacyCode: 25, code: 700, reason: 'r', retriable: true });
  });

  it('of an old server that has no such collection, or is busy, is known as that', async () => {
    expect(isNotFound(sdkStatus({ status: { error_code: 'CollectionNotExists', reason: 'none' } }))).toBe(true);
    expect(await call([{ status: { error_code: 'RateLimit' } }, { status: OK }])).toMatchObject({ calls: 2 });
  });
});
