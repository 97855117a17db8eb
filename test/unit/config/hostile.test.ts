import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validateText } from '../../../src/config/load.js';
import { MilvusdmError } from '../../../src/util/errors.js';
import { cpuMs } from '../../support/cpu.js';
import { AROUND, f2m, faulty, h2m, issuesOf, valid } from './support.js';

describe('hostile files end with an error, soon', () => {
  const MIB = 1024 * 1024;
  const cases: [name: string, text: string][] = [
    ['deep lists', `F2M: ${'['.repeat(20_000)}${']'.repeat(20_000)}`],
    ['deep open lists', `F2M: ${'['.repeat(200_000)}`],
    ['deep groups', `F2M: ${'{a: '.repeat(50_000)}`],
    ['deep items', '- '.repeat(100_000)],
    ['deep keys', '? '.repeat(50_000)],
    ['deep indentation', Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    ['a deep ignored value', f2m(`milvus_version: ${'['.repeat(5000)}${']'.repeat(5000)}`)],
    ['many commas', `F2M: [${','.repeat(400_000)}`],
    ['many anchors on one node', `F2M: ${'&a '.repeat(50_000)}`],
    ['many documents', '---\n'.repeat(200_000)],
    ['many quotes', "'".repeat(1_000_000)],
    ['many colons', ': '.repeat(100_000)],
    ['many keys', f2m(...Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`))],
    ['the same key many times', f2m(...Array.from({ length: 20_000 }, () => 'mode: skip'))],
    ['many bad items', `H2M:\n  data_path:\n${'  - [x]\n'.repeat(60_000)}`],
    ['many bad groups', `H2M:\n  data_path:\n${'  - {pth: x}\n'.repeat(30_000)}`],
    ['bad escapes', `F2M: "${'\\q'.repeat(50_000)}"`],
    ['too long', 'x'.repeat(MIB + 1)],
  ];
  it.each(cases)('%s', (_, text) => {
    const before = cpuMs();
    expect(faulty(text).exitCode).toBe(2);
    expect(cpuMs() - before).toBeLessThan(15_000);
  });

  it('says that it is nested too deeply', () => {
    expect(faulty(`F2M: ${'['.repeat(100)}${']'.repeat(100)}`).message).toBe(
      't.yaml:1:1: the file is nested too deeply, allowed: 64 levels',
    );
    expect(issuesOf(f2m(`milvus_version: ${'['.repeat(50)}${']'.repeat(50)}`))).toEqual([]);
  });

  it('an alias bomb does not multiply', () => {
    const levels = Array.from({ length: 30 }, (_, i) => {
      return i === 0
        ? '&a0 [x, x]'
        : `&a${i} [${Array(9)
            .fill(`*a${i - 1}`)
            .join(', ')}]`;
    });
    const bomb = `F2M:\n  milvus_version: [${levels.join(', ')}]\n  dest_collection_name: c\n  data_path: `;
    expect(issuesOf(`${bomb}*a29`).map((issue) => issue.key)).toEqual(
      Array.from({ length: 9 }, (_, i) => `data_path[${i}]`),
    );
    expect(issuesOf(`${bomb}a`)).toEqual([]);
  });

  it('many aliases are refused', () => {
    const text = h2m(
      `columns: {${Array.from({ length: 150 }, (_, i) => `c${i}: ${i === 0 ? '&x ' : '*x #'}f`).join('\n ')}}`,
    );
    expect(() => validateText(text, AROUND)).toThrow(MilvusdmError);
    const many = ['a: &x f', ...Array.from({ length: 101 }, (_, i) => `k${i}: *x`)].map((line) => `    ${line}`);
    const issues = issuesOf(h2m('columns:', ...many.map((line) => line.slice(2))));
    expect(issues.map((issue) => issue.message)).toContain('too many aliases (*name), allowed: 100 in a file');
  });

  it('an alias of what holds it ends', () => {
    expect(issuesOf('F2M: &a\n  data_path: *a\n  dest_collection_name: c').length).toBeGreaterThan(0);
    expect(issuesOf(f2m('collection_parameter: &p {index: *p}')).length).toBeGreaterThan(0);
  });

  it('an alias of a value is fine, and a mistake is shown where it is used', () => {
    const config = valid(f2m('dest_user: &u root', 'dest_password: *u'));
    expect(config.dest).toMatchObject({ user: 'root', password: 'root' });
    expect(issuesOf(f2m('dest_partition_name: &p ok', 'mode: *p'))[0]).toMatchObject({
      line: 5,
      column: 9,
      key: 'mode',
    });
  });
});

describe('names with a meaning in JavaScript', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'])(
    '%s is an unknown key like any other',
    (key) => {
      expect(issuesOf(f2m(`${key}: {polluted: 1}`))).toEqual([expect.objectContaining({ key, line: 4, column: 3 })]);
      expect(issuesOf(f2m(`collection_parameter: {${key}: 1}`))).toHaveLength(1);
      expect(issuesOf(`${key}: {a: 1}`)).toHaveLength(1);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  it('a dataset may be called __proto__', () => {
    const config = valid(h2m('columns: {__proto__: p, constructor: q}'));
    const columns = config.source.adapter === 'hdf5' ? Object.entries(config.source.columns) : [];
    expect(columns).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'q'],
    ]);
  });

  it('a merge key is an unknown key', () => {
    expect(issuesOf(f2m('<<: {mode: append}'))).toEqual([expect.objectContaining({ key: '<<' })]);
    expect(issuesOf(`%YAML 1.1\n---\n${f2m('<<: {mode: append}')}`)).toHaveLength(1);
  });

  it('YAML 1.1 does not change what a value is', () => {
    expect(valid(`%YAML 1.1\n---\n${f2m('dest_partition_name: 010', 'id_start: 010')}`)).toMatchObject({
      partition: '010',
      options: { idStart: 10n },
    });
  });
});

describe('tags', () => {
  it.each(['!x', '!!js/function', '!!binary', '!!timestamp', '!!set', '!!int', '!<tag:example.com,2000:x>'])(
    '%s is refused',
    (tag) => {
      const [issue] = issuesOf(f2m(`dest_partition_name: ${tag} abcd`));
      expect(issue).toMatchObject({ key: 'dest_partition_name', line: 4 });
      expect(issue?.message).toContain('a tag (!name) has no meaning here');
    },
  );

  it.each(['!x {dimension: 1}', '!!omap [a: 1]'])('%s is refused', (value) => {
    expect(issuesOf(f2m(`collection_parameter: ${value}`))).toHaveLength(1);
  });
});

describe('what is no YAML', () => {
  it.each([
    ['a tab', 'F2M:\n\tdata_path: a', 2, 1],
    ['an open quote', "F2M:\n  data_path: 'a\n  dest_collection_name: c\n", 2, 14],
    ['a second colon', 'F2M:\n  data_path: a: b', 2, 14],
    ['an at sign', f2m('dest_token: @a'), 4, 15],
    ['a backquote', f2m('dest_token: `a'), 4, 15],
    ['an open list', 'F2M:\n  data_path: [a, [b], c\n', 2, 14],
    ['an open group', 'F2M: {data_path: a', 1, 6],
    ['a missing comma', 'F2M:\n  data_path: ["a" "b"]\n', 2, 19],
  ])('%s has its place', (_, text, line, column) => {
    const error = faulty(text);
    expect(error).toMatchObject({ code: 'CFG_SYNTAX', exitCode: 2 });
    expect(error.message).toContain(`t.yaml:${line}:${column}: `);
  });
});

describe('any text at all', () => {
  const pieces = fc.constantFrom(
    ...[
      'F2M:',
      'H2M:',
      '\n',
      '\n  ',
      '\n    ',
      'data_path:',
      ' a',
      'mode:',
      ' &x',
      ' *x',
      ' - ',
      '[',
      ']',
      '{',
      '}',
      ': ',
      "'",
      '"',
    ],
    ...[
      'dest_uri:',
      ' http://',
      '${',
      '}',
      '#',
      '|',
      '>',
      '!',
      '\t',
      ',',
      '?',
      '---',
      '...',
      '%',
      ' 1',
      '\\',
      'é',
      '\u0000',
      '\u2028',
    ],
  );

  it('is valid or one error with exit code 2', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces).map((p) => p.join('')),
        ),
        (text) => {
          try {
            validateText(text, AROUND);
          } catch (error) {
            expect(error).toBeInstanceOf(MilvusdmError);
            expect((error as MilvusdmError).exitCode).toBe(2);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('a file with one piece cut out or put in is valid or has a place inside it', () => {
    const text = h2m(
      'dest_uri: ./m',
      'mode: append',
      'collection_parameter:',
      '  dimension: 8',
      '  index: {type: HNSW, params: {M: 4}}',
    );
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(5), pieces, (at, cut, piece) => {
        const changed = text.slice(0, at) + piece + text.slice(at + cut);
        const lines = changed.split('\n').length;
        for (const issue of issuesOf(changed)) {
          expect(issue.line).toBeGreaterThan(0);
          expect(issue.line).toBeLessThanOrEqual(lines);
          expect(issue.column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
