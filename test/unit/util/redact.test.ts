import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact } from '../../../src/util/redact.js';

describe('redact', () => {
  it.each([
    ['plain', 'token s3cret!', ['s3cret!'], 'token ***'],
    ['every time', 'abc abc xabcx', ['abc'], '*** *** x***x'],
    ['base64', `a ${Buffer.from('s3cret!').toString('base64')} b`, ['s3cret!'], 'a *** b'],
    ['URI-encoded', 'http://h/?p=a%2Fb%20c', ['a/b c'], 'http://h/?p=***'],
    ['URI-encoded in lower case', 'p=a%2fb%20c', ['a/b c'], 'p=***'],
    ['in a form', 'p=a%2Fb+c', ['a/b c'], 'p=***'],
    ['as JSON', JSON.stringify({ p: 'a"b\\c\nd' }), ['a"b\\c\nd'], '{"p":"***"}'],
    ['characters of patterns', 'x a.b*c(d)[e]$ y', ['a.b*c(d)[e]$'], 'x *** y'],
    ['no pattern', 'axb', ['a.b'], 'axb'],
    ['too short', 'ab ab', ['ab', 'a', ''], 'ab ab'],
    ['the longer of two', 'abcdef abc', ['abc', 'abcdef'], '*** ***'],
    ['three characters', 'x abc y', ['abc'], 'x *** y'],
    ['no secrets', 'x', [], 'x'],
    ['the mask is not a source of more', 'a*** b', ['***', 'b'], 'a*** b'],
  ])('%s', (_, text, secrets, clean) => {
    expect(redact(text, secrets)).toBe(clean);
  });

  it('finds a password inside the base64 of a longer text, wherever it stands', () => {
    for (const before of ['', 'a', 'ab', 'root:', 'someone:']) {
      for (const after of ['', 'x', 'xy', 'xyz']) {
        const encoded = Buffer.from(`${before}correct horse${after}`).toString('base64');
        const clean = redact(`authorization: ${encoded}`, ['correct horse']);
        expect(clean).toContain('***');
        // At each edge up to three characters hold bits of both sides.
        const left = clean.replace('authorization: ', '').replace('***', '').length;
        expect(left).toBeLessThanOrEqual(Math.ceil(((before.length + after.length) * 4) / 3) + 6);
      }
    }
  });

  it('leaves no secret of any kind in any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 3, maxLength: 40 }),
        fc.string(),
        fc.string(),
        (secret, before, after) => {
          fc.pre(!`${before}***${after}`.includes(secret) && !'***'.includes(secret));
          const clean = redact(`${before}\n${secret}\n${after}`, [secret]);
          expect(clean.includes(secret)).toBe(false);
        },
      ),
    );
  });

  it('a lone half of a surrogate pair does no harm', () => {
    expect(redact('a \ud800bc d', ['\ud800bc'])).toBe('a *** d');
  });
});
