import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { validateText } from '../../src/config/load.js';

const SRC = join(import.meta.dirname, '../../src');
const TEXTS = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name, readFileSync(join(SRC, name), 'utf8')]),
);

/** Places of the sources at which `pattern` matches, as "file: text". */
function places(pattern: RegExp): string[] {
  return [...TEXTS].flatMap(([name, text]) => [...text.matchAll(pattern)].map((m) => `${name}: ${m[0]}`));
}

describe('the sources', () => {
  it('start processes by spawn and execFile alone, imported by name', () => {
    const imports = places(/import [^;]*from 'node:child_process'/g);
    expect(imports.length).toBeGreaterThan(0);
    for (const place of imports) {
      const names = /\{([^}]*)\}/.exec(place)?.[1] ?? place;
      const values = names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && !name.startsWith('type '));
      expect(
        values.filter((name) => !['spawn', 'execFile'].includes(name)),
        place,
      ).toEqual([]);
    }
    // Nor by another way to the module.
    expect(places(/['"](?:node:)?child_process['"]/g)).toHaveLength(imports.length);
    expect(places(/getBuiltinModule|process\.binding/g)).toEqual([]);
  });

  it('never start a shell', () => {
    expect(places(/\bshell\s*:/g)).toEqual([]);
    expect(places(/\bexecSync\b|\bspawnSync\b|['"`](?:\/bin\/)?(?:ba|z|da)?sh['"`]/g)).toEqual([]);
  });

  it('give processes their arguments as lists', () => {
    const calls = places(/\b(?:spawn|run)\(\s*[\w.]+,\s*[^,)]*/g).filter((place) => /embedded-/.test(place));
    expect(calls.length).toBeGreaterThanOrEqual(3);
    for (const call of calls) expect(call).toMatch(/,\s*(?:\[|args$)/);
  });

  it('run no text as code', () => {
    expect(places(/\beval\(|new Function\(|node:vm['"]/g)).toEqual([]);
  });
});

describe('names that lead out of a folder', () => {
  const NAMES = ['../x', '..', '.', '/etc/x', 'a/b', 'a\\b', 'a\0b', 'x'.repeat(300), 'a\nb', '~', '$(id)', '`id`'];
  const quoted = (name: string): string => JSON.stringify(name);
  const files: Readonly<Record<string, (name: string) => string>> = {
    dest_collection_name: (n) => `H2M:\n  data_path: a.h5\n  dest_uri: http://h:1\n  dest_collection_name: ${n}\n`,
    dest_partition_name: (n) =>
      `H2M:\n  data_path: a.h5\n  dest_uri: http://h:1\n  dest_collection_name: c\n  dest_partition_name: ${n}\n`,
    'partition of a path': (n) =>
      `H2M:\n  data_path: [{path: a.h5, partition: ${n}}]\n  dest_uri: http://h:1\n  dest_collection_name: c\n`,
    collection_map: (n) =>
      `M2M:\n  source_uri: http://h:1\n  source_collection: {c: null}\n  collection_map: {c: ${n}}\n  dest_uri: http://g:1\n`,
    partition_map: (n) =>
      `M2M:\n  source_uri: http://h:1\n  source_collection: {c: null}\n  partition_map: {c: ${n}}\n  dest_uri: http://g:1\n`,
  };

  describe.each(Object.entries(files))('as %s', (_, text) => {
    it.each(NAMES)('%j is refused', async (name) => {
      const outcome = (async () => validateText(text(quoted(name))))();
      await expect(outcome).rejects.toMatchObject({ code: 'CFG_INVALID', exitCode: 2 });
    });
  });
});
