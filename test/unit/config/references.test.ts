// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { absolutePath, resolveReferences } from '../../../src/config/references.js';
import { f2m, faulty, h2m, issuesOf, valid } from './support.js';

const cwd = mkdtempSync(join(tmpdir(), 'milvusdm-refs-'));
afterAll(() => rmSync(cwd, { recursive: true }));
writeFileSync(join(cwd, 'secret'), 'from a file\n');
writeFileSync(join(cwd, 'crlf'), 'x\r\n');
writeFileSync(join(cwd, 'two'), 'x\n\n');
writeFileSync(join(cwd, 'nested'), '${A}');
writeFileSync(join(cwd, 'empty'), '');
writeFileSync(join(cwd, 'binary'), Buffer.from([0xff, 0xfe, 0x00]));
writeFileSync(join(cwd, 'large'), Buffer.alloc(1024 * 1024 + 1, 'x'));
mkdirSync(join(cwd, 'folder'));
symlinkSync('secret', join(cwd, 'link'));

const env = { A: 'a', EMPTY: '', REF: '${A}', _x1: 'y' };

describe('resolveReferences', () => {
  it.each([
    ['plain', 'plain'],
    ['${A}', 'a'],
    ['x${A}y${_x1}z', 'xayyz'],
    ['$A $ {A} $', '$A $ {A} $'],
    ['$${A}', '${A}'],
    ['$$${A}', '$${A}'],
    ['$${A} ${A}', '${A} a'],
    ['${EMPTY}', ''],
    ['${REF}', '${A}'],
    ['${file:secret}', 'from a file'],
    ['${file:./secret}!', 'from a file!'],
    ['${file:link}', 'from a file'],
    ['${file:crlf}', 'x'],
    ['${file:two}', 'x\n'],
    ['${file:nested}', '${A}'],
    ['${file:~/secret}', 'from a file'],
    [`\${file:${join(cwd, 'secret')}}`, 'from a file'],
  ])('%s becomes %j', (source, text) => {
    expect(resolveReferences(source, { env: { ...env, HOME: cwd }, cwd })).toEqual({ text, problems: [] });
  });

  it.each([
    ['${NOT_SET}', 'the environment variable NOT_SET is not set'],
    ['${file:missing}', 'missing cannot be read (ENOENT)'],
    ['${file:folder}', 'folder is not a file'],
    ['${file:binary}', 'binary is not UTF-8 text'],
    ['${file:large}', 'large has 1.0 MiB, allowed: 1.0 MiB'],
    ['${file:/dev/zero}', '/dev/zero is not a file'],
    ['${file:}', 'is not a file'],
    ['${A', 'a reference has no `}`'],
    ['${', 'a reference has no `}`'],
    ['${}', 'a reference is not understood'],
    ['${A B}', 'a reference is not understood'],
    ['${A:-default}', 'a reference is not understood'],
    ['${1A}', 'a reference is not understood'],
  ])('%s has nothing behind it', (source, problem) => {
    const { problems } = resolveReferences(source, { env, cwd });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it('does not find what objects inherit', () => {
    expect(resolveReferences('${toString}', { env: Object.create(null), cwd }).problems).toHaveLength(1);
    expect(resolveReferences('${constructor}', { env: {}, cwd }).problems).toHaveLength(1);
  });
});

describe('absolutePath', () => {
  it.each([
    ['a/b', '/w/a/b'],
    ['./a', '/w/a'],
    ['../a', '/a'],
    ['/a', '/a'],
    ['~', '/home/u'],
    ['~/a', '/home/u/a'],
    ['~a', '/w/~a'],
  ])('%s is %s', (path, absolute) => {
    expect(absolutePath(path, { env: { HOME: '/home/u' }, cwd: '/w' })).toBe(absolute);
  });
});

describe('references in a file', () => {
  it('are replaced in every kind of value, and secrets are known by what is behind them', () => {
    const config = valid(
      h2m(
        'dest_uri: http://${HOST}:${PORT}',
        'dest_token: ${file:secret}',
        'dest_partition_name: p${YEAR}',
        'id_start: ${START}',
        'new_ids: ${NO}',
        'mode: ${MODE}',
        'columns: {a: "${FIELD}"}',
        'collection_parameter: {metric_type: "${METRIC}", dimension: "${DIM}"}',
      ),
      {
        cwd,
        env: {
          ...{ HOST: 'h', PORT: '1', YEAR: '2021', START: '9007199254740993', NO: 'false', MODE: 'append' },
          ...{ FIELD: 'f', METRIC: 'ip', DIM: '8' },
        },
      },
    );
    expect(config).toMatchObject({
      dest: { at: { address: 'h:1' }, token: 'from a file' },
      partition: 'p2021',
      mode: 'append',
      options: { idStart: 9007199254740993n, newIds: false },
      source: { columns: { a: 'f' } },
      parameter: { metric: 'IP', dimension: 8 },
      secrets: ['from a file'],
    });
  });

  it('one that is empty is the same as none', () => {
    expect(valid(f2m('dest_token: ${EMPTY}', 'dest_db: ${file:empty}'), { env, cwd })).toStrictEqual(
      valid(f2m(), { cwd }),
    );
  });

  it('cannot bring structure in', () => {
    const config = valid(f2m('dest_token: ${T}'), { env: { T: 'x\n  mode: overwrite' } });
    expect(config).toMatchObject({ mode: 'skip', dest: { token: 'x\n  mode: overwrite' } });
  });

  it('are one CFG_REFERENCE when nothing else is wrong, with every place', () => {
    const error = faulty(f2m('dest_user: ${U}', 'dest_password: ${P}-${Q}'));
    expect(error).toMatchObject({ code: 'CFG_REFERENCE', exitCode: 2 });
    expect(error.message.split('\n')).toEqual([
      't.yaml:4:14 dest_user: the environment variable U is not set',
      't.yaml:5:18 dest_password: the environment variable P is not set',
      't.yaml:5:18 dest_password: the environment variable Q is not set',
    ]);
  });

  it('a reference without anything behind it is not called wrong a second time', () => {
    expect(
      issuesOf(f2m('mode: ${X}', 'dest_port: ${X}', 'id_start: ${X}', 'dest_uri: ${X}')).map((i) => i.code),
    ).toEqual(['CFG_REFERENCE', 'CFG_REFERENCE', 'CFG_CONFLICT', 'CFG_REFERENCE', 'CFG_REFERENCE']);
  });

  it('keys are not replaced', () => {
    expect(issuesOf(f2m('${KEY}: append'), { env: { KEY: 'mode' } })).toHaveLength(1);
  });
});
