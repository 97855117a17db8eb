import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Access, locate } from '../../../src/cli/locator.js';
import { temporaryFolder } from '../../support/temporary.js';

const AROUND = { env: { TOKEN: 'tok-123', PASS: 'pa:ss' }, cwd: '/here' };
const at = (text: string, access: Access = {}) => locate(text, 'a', access, AROUND);
// biome-ignore lint/suspicious/noTemplateCurlyInString: references of the command line
const [TOKEN, PASS] = ['${TOKEN}', '${PASS}'];

describe('a place of diff', () => {
  it('is a collection, or one partition of it, on a server', () => {
    expect(at('http://h:19530/books').place).toEqual({
      kind: 'milvus',
      label: 'http://h:19530/books',
      source: {
        adapter: 'milvus',
        endpoint: { at: { kind: 'server', address: 'h:19530', tls: false } },
        select: { books: null },
      },
    });
    const { place } = at('https://cloud.example.com/books/p%20q');
    expect(place).toMatchObject({
      partition: 'p q',
      source: {
        endpoint: { at: { address: 'cloud.example.com:443', tls: true } },
        select: { books: ['p q'] },
      },
    });
  });

  it('is a collection in a folder of Milvus Lite', () => {
    expect(at('./lite#books/red').place).toMatchObject({
      source: { endpoint: { at: { kind: 'embedded', folder: '/here/lite' } }, select: { books: ['red'] } },
    });
  });

  it('is a file or a folder, also with a # in its name where there is one', () => {
    expect(at('data/a.index').place).toEqual({ kind: 'files', label: 'data/a.index', path: '/here/data/a.index' });
    const path = join(temporaryFolder('locator'), 'a#b.h5');
    writeFileSync(path, '');
    expect(at(path).place).toEqual({ kind: 'files', label: path, path });
  });

  it('takes secrets by reference, and gives them for redaction', () => {
    const token = at('http://h/c', { token: TOKEN!, db: 'd' });
    expect(token.place).toMatchObject({ source: { endpoint: { token: 'tok-123', db: 'd' } } });
    expect(token.secrets).toEqual(['tok-123']);
    const login = at('https://h/c', { user: 'me', password: PASS!, ca: 'ca.pem' });
    expect(login.place).toMatchObject({
      source: { endpoint: { user: 'me', password: 'pa:ss', tls: { ca: '/here/ca.pem' } } },
    });
    expect(login.secrets).toEqual(['pa:ss', 'me:pa:ss']);
  });

  it.each([
    ['http://h:19530', {}, 'does not name a collection'],
    ['http://h:19530/', {}, 'does not name a collection'],
    ['http://h/a/b/c', {}, 'at most one partition'],
    ['http://h/a/', {}, 'at most one partition'],
    ['http://h/a*', {}, 'is a pattern'],
    ['http://h/%zz', {}, 'begins no escape'],
    ['ftp://h/a', {}, 'is no scheme'],
    ['http://h:99999/a', {}, 'port'],
    ['http://h/c', { token: 'literal' }, 'can read command lines'],
    ['http://h/c', { user: 'me' }, 'needed together'],
    ['http://h/c', { token: TOKEN!, user: 'me', password: PASS! }, 'are both given'],
    ['a.h5', { db: 'd' }, 'needs no login'],
  ] as const)('%s with %j is refused', (text, access, message) => {
    expect(() => at(text, access)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => at(text, access)).toThrow(message);
  });

  it('never repeats a password of an address', () => {
    for (const text of ['http://me:hunter2@h/c', 'http://me:hunter2@h']) {
      let said = 'nothing was refused: hunter2';
      try {
        at(text);
      } catch (error) {
        said = JSON.stringify([String(error), (error as { hint: string }).hint]);
      }
      expect(said).not.toContain('hunter2');
    }
  });

  it('says which reference has nothing behind it', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the command line
    expect(() => at('http://h/c', { token: '${NOTHING}' })).toThrow(
      expect.objectContaining({ code: 'CFG_REFERENCE', message: expect.stringContaining('NOTHING') }),
    );
  });
});
