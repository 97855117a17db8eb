import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../src/util/errors.js';

const ROOT = join(import.meta.dirname, '../..');
const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

function textOf(folder: string, keep: (path: string) => boolean): string {
  const paths = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return paths
    .filter((path) => path.endsWith('.ts') && keep(path))
    .map((path) => readFileSync(join(ROOT, folder, path), 'utf8'))
    .join('\n');
}

// Without the two tests that go through the whole table: they provoke nothing.
const TESTS = textOf('test', (path) => !/error-codes\.test\.ts$|util\/errors\.test\.ts$/.test(path));
const SOURCES = textOf('src', (path) => !path.endsWith('error-codes.ts'));
const DOCUMENT = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');

const mentioned = (code: ErrorCode): RegExp => new RegExp(`['"\`]${code}['"\`]`);
/** An expectation of the code in a test, as opposed to a mere mention: code: 'X', toBe('X'), expectCode('X'). */
const expected = (code: ErrorCode): RegExp =>
  new RegExp(`(?:\\bcode: *|\\btoBe\\(|\\btoEqual\\(\\[|\\bcode, *)['"\`]${code}['"\`]`);

describe.each(CODES)('the error code %s', (code) => {
  it('is expected in some test', () => {
    expect(TESTS).toMatch(expected(code));
  });

  it('is raised in some source', () => {
    expect(SOURCES).toMatch(mentioned(code));
  });

  it('is documented', () => {
    expect(DOCUMENT).toContain(code);
    expect(DOCUMENT).toContain(ERROR_CODES[code].when);
  });
});

describe('codes', () => {
  it('of the sources all stand in the table', () => {
    const raised = [...SOURCES.matchAll(/\bfail\(\s*'([A-Z_]+)'/g)].map(([, code]) => code!);
    expect(raised.length).toBeGreaterThan(50);
    expect(raised.filter((code) => !(code in ERROR_CODES))).toStrictEqual([]);
  });

  it('come from one function: nobody makes an error of the class by himself', () => {
    const makers = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('.ts') && readFileSync(join(ROOT, 'src', path), 'utf8').includes('new MilvusdmError('),
    );
    expect(makers).toStrictEqual(['util/errors.ts']);
  });
});
