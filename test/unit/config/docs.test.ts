import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DOCUMENTS } from '../../../scripts/gen-docs.js';
import { bundleSchema, TASKS } from '../../../src/config/bundle.js';
import { ERROR_CODES } from '../../../src/util/errors.js';
import { EXIT } from '../../../src/util/exit-codes.js';

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

describe('generated documents', () => {
  it.each(Object.entries(DOCUMENTS))('%s is up to date (scripts/gen-docs.ts)', (path, render) => {
    expect(read(path)).toBe(render());
  });

  it('docs/configuration.md has a row for every key', () => {
    const text = read('docs/configuration.md');
    for (const task of TASKS) {
      const keys = Object.keys(bundleSchema(task).properties?.[task]?.properties ?? {});
      for (const key of keys.filter((name) => !name.startsWith('milvus'))) expect(text).toContain(`\n| \`${key}\` |`);
    }
    expect(text).toContain('| `collection_parameter.index.type` |');
    expect(text).not.toContain('undefined');
  });

  it('docs/errors.md has a row for every error and exit code', () => {
    const text = read('docs/errors.md');
    for (const code of Object.keys(ERROR_CODES)) expect(text).toContain(`\n| \`${code}\` |`);
    for (const code of Object.values(EXIT)) expect(text).toContain(`\n| ${code} |`);
  });

  it('every row of a table has as many cells as its head', () => {
    for (const path of Object.keys(DOCUMENTS)) {
      const tables = read(path)
        .split(/\n\n/)
        .filter((part) => part.startsWith('|'));
      expect(tables.length).toBeGreaterThan(1);
      for (const table of tables) {
        const counts = table
          .trim()
          .split('\n')
          .map((row) => row.split(/(?<!\\)\|/).length);
        expect(new Set(counts).size).toBe(1);
      }
    }
  });
});
