import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { archiveFileName, safeFileNames } from '../../../../src/adapters/hdf5/index.js';

function one(name: string): string {
  return safeFileNames([name]).get(name)!;
}

describe('file names of collections and partitions', () => {
  it.each(['_default', 'books', '2021-03', 'Bücher', '本', 'a.b', 'x'.repeat(200)])('%s stays as it is', (name) => {
    expect(one(name)).toBe(name);
  });

  it.each([
    ['', '_~'],
    ['.', '_~'],
    ['..', '__~'],
    ['../../etc/passwd', '_._.._etc_passwd~'],
    ['a/b', 'a_b~'],
    ['a\\b', 'a_b~'],
    ['a\u0000b', 'a_b~'],
    ['.hidden', '_hidden~'],
    ['nul.txt', 'nul.txt~'],
    ['a.0001', 'a.0001~'],
    ['dot.', 'dot_~'],
  ])('%j becomes %s and a mark', (name, start) => {
    expect(one(name).startsWith(start)).toBe(true);
    expect(one(name)).toMatch(/~[0-9a-f]{8}$/);
  });

  it('that differ in case or form only do not meet', () => {
    const names = ['Books', 'books', 'BOOKS', 'é', 'e\u0301', 'ﬁ', 'fi'];
    const files = [...safeFileNames(names).values()].map((name) => name.normalize('NFKC').toLowerCase());
    expect(new Set(files).size).toBe(names.length);
    expect(safeFileNames(names).get('BOOKS')).toBe('BOOKS');
  });

  it('never meet, are never too long, stay in their folder, and do not depend on the order', () => {
    const nasty = fc.constantFrom(
      'a',
      'A',
      '/',
      '.',
      '..',
      '\u0000',
      '~',
      '_',
      ' ',
      '本',
      '\ud800',
      'é',
      '0001',
      'con',
    );
    const name = fc.oneof(
      fc.array(nasty, { maxLength: 5 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary', maxLength: 400 }),
    );
    const property = fc.property(fc.uniqueArray(name, { maxLength: 20 }), (names) => {
      const safe = safeFileNames(names);
      expect([...safeFileNames([...names].reverse())].sort()).toEqual([...safe].sort());
      const files = names.map((n) => safe.get(n)!);
      expect(new Set(files.map((file) => file.toLowerCase())).size).toBe(names.length);
      for (const file of files) {
        expect(Buffer.byteLength(archiveFileName(file, 12345))).toBeLessThan(255 - 13);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(file).toMatch(/^[^./\u0000][^/\u0000]*$/u);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('stays apart from those of parts', () => {
    const safe = safeFileNames(['red', 'red.0001', 'red.0001.h5']);
    const files = [...safe.values()].flatMap((name) => [archiveFileName(name), archiveFileName(name, 1)]);
    expect(new Set(files).size).toBe(6);
    expect(archiveFileName('red', 1)).toBe('red.0001.h5');
    expect(archiveFileName('red', 12345)).toBe('red.12345.h5');
  });
});
