// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { describe, expect, it } from 'vitest';
import { configIssues } from '../../../src/config/issues.js';
import { fail } from '../../../src/util/errors.js';
import { f2m, faulty, h2m, issuesOf } from './support.js';

describe('a file with many mistakes', () => {
  const text = `# a comment
H2M:
  data_path:
    - a.h5
    - {path: b.h5, partion: 2021}
    -
    - [c.h5]
  dest_hosts: 127.0.0.1
  dest_port: 195300
  dest_token: \${NOPE}
  mode: 'apend'
  mode: append
  dest_collection_name: 01
  collection_parameter:
    dimension: 12.5
    metric_type: l3
    index: HNSW
  columns: {a: , b: 1x, c: id}
  verify: all
  retry_for: !x 1
`;

  it('gets them all at once, with exact places, in order', () => {
    const name = 'a letter or underscore first, then letters, digits';
    expect(faulty(text).message.split('\n')).toEqual([
      't.yaml:5:20 data_path[1].partion: unknown key, did you mean `partition`?',
      't.yaml:6:6 data_path[2]: the item is empty',
      't.yaml:7:7 data_path[3]: a list is not allowed, allowed: a path, or {path, partition}',
      't.yaml:8:3 dest_hosts: unknown key, did you mean `dest_host`?',
      't.yaml:9:14 dest_port: `195300` is not allowed, allowed: a whole number, 1 to 65535',
      't.yaml:10:15 dest_token: the environment variable NOPE is not set',
      't.yaml:11:9 mode: `apend` is not allowed, allowed: skip, append, overwrite, did you mean `append`?',
      't.yaml:12:3 mode: is given twice (first in line 11), allowed: once',
      `t.yaml:13:25 dest_collection_name: \`01\` is not allowed, allowed: a name that Milvus takes: ${name}, underscores or $, at most 255 in all`,
      't.yaml:15:16 collection_parameter.dimension: `12.5` is not allowed, allowed: a whole number, 1 to 2147483647',
      't.yaml:16:18 collection_parameter.metric_type: `l3` is not allowed, allowed: L2, IP, COSINE, HAMMING, JACCARD, TANIMOTO, SUBSTRUCTURE, SUPERSTRUCTURE, did you mean `L2`?',
      't.yaml:17:12 collection_parameter.index: `HNSW` is not allowed, allowed: none, or {type, params} such as {type: HNSW, params: {M: 16, efConstruction: 200}}',
      't.yaml:18:13 columns.a: has no value',
      `t.yaml:18:21 columns.b: \`1x\` is not allowed, allowed: a name that Milvus takes: ${name} or underscores, at most 255 in all`,
      't.yaml:18:28 columns.c: `id` is the key field already, allowed: a name of its own',
      't.yaml:19:11 verify: `all` is not allowed, allowed: none, count, sample, full',
      't.yaml:20:17 retry_for: a tag (!name) has no meaning here; remove it, or put the value in quotes',
    ]);
  });

  it('is one CFG_INVALID error with the same list as data', () => {
    const error = faulty(text);
    expect(error).toMatchObject({ code: 'CFG_INVALID', exitCode: 2 });
    expect(configIssues(error)).toHaveLength(error.message.split('\n').length);
    expect(configIssues(error)[4]).toEqual({
      file: 't.yaml',
      line: 9,
      column: 14,
      key: 'dest_port',
      message: '`195300` is not allowed, allowed: a whole number, 1 to 65535',
      code: 'CFG_INVALID',
    });
    expect(configIssues(fail('USAGE', 'x'))).toEqual([]);
  });

  it('lists at most 50 in the message and all as data', () => {
    const error = faulty(f2m(...Array.from({ length: 60 }, (_, i) => `zzzz_${i}: 1`)));
    expect(error.message.split('\n')).toHaveLength(51);
    expect(error.message).toMatch(/\n\.\.\. and 10 more$/);
    expect(configIssues(error)).toHaveLength(60);
  });
});

describe('unknown keys', () => {
  it.each([
    ['dest_colection_name', 'dest_collection_name'],
    ['data-path', 'data_path'],
    ['Mode', 'mode'],
    ['MODE', 'mode'],
    ['batch_byte', 'batch_bytes'],
    ['port', 'dest_port'],
    ['dset_uri', 'dest_uri'],
  ])('%s: did you mean %s?', (key, meant) => {
    expect(issuesOf(f2m(`${key}: 1`))).toEqual([
      expect.objectContaining({ key, line: 4, column: 3, message: `unknown key, did you mean \`${meant}\`?` }),
    ]);
  });

  it('without a near one lists what there is', () => {
    expect(issuesOf(f2m('collection_parameter: {zzz: 1}'))[0]?.message).toBe(
      'unknown key, allowed: dimension, index_file_size, metric_type, id_field, vector_field, index, shards, load',
    );
  });

  it.each(['data_dir', 'dataset', 'columns', 'stored_schema'])('%s belongs to H2M', (key) => {
    expect(issuesOf(f2m(`${key}: x`))[0]?.message).toBe('is a key of H2M, not of F2M');
  });

  it('a key that is no text', () => {
    expect(issuesOf(f2m('? [a, b]', ': 1'))[0]).toMatchObject({ line: 4, message: 'a key is not plain text' });
  });
});

describe('the task', () => {
  it.each([
    ['f2m', 'F2M'],
    ['H2N', 'H2M'],
    ['BACKUPS', 'BACKUP'],
    ['snapshot', 'SNAPSHOT'],
  ])('%s: did you mean %s?', (task, meant) => {
    expect(faulty(`${task}:`).message).toContain(`\`${task}\` is no task, did you mean \`${meant}\`?`);
  });

  it.each(['', '# only a comment', '[]', 'F2M', '{}', '- F2M:', '42', '---', 'null'])('%j names no task', (text) => {
    expect(faulty(text)).toMatchObject({ code: 'CFG_INVALID' });
    expect(faulty(text).message).toContain(
      'names no task, allowed: F2M, H2M, M2M, M2H, BACKUP, RESTORE or SNAPSHOT with its keys below it',
    );
  });

  it('only one', () => {
    expect(issuesOf(`${f2m()}\n${h2m()}`)).toEqual([
      expect.objectContaining({ line: 4, column: 1, message: 'H2M is a second task, allowed: one task in a file' }),
    ]);
    expect(issuesOf(`${f2m()}\n${f2m()}`)).toHaveLength(1);
    expect(issuesOf(`${f2m()}\nother: 1`)[0]).toMatchObject({ line: 4, column: 1 });
  });

  it.each(['F2M:', 'F2M: {}', 'F2M: null', "F2M: ''"])('%s lacks its keys', (text) => {
    expect(issuesOf(text).map((issue) => [issue.line, issue.column, issue.key])).toEqual([
      [1, 1, 'data_path'],
      [1, 1, 'dest_collection_name'],
    ]);
  });

  it.each(['F2M: x', 'F2M: [a]', 'F2M: 5', 'F2M: !x {}', 'F2M: *x'])('%s is no group of keys', (text) => {
    expect(issuesOf(text)).toHaveLength(1);
  });

  it.each(['\n---\nF2M:\n', '\n---\n', '\n...\n---\nx: 1'])('a second document is refused', (more) => {
    const error = faulty(f2m() + more);
    expect(error.code).toBe('CFG_SYNTAX');
    expect(error.message).toContain('a second document starts here (---), allowed: one task in a file');
  });

  it('document markers around one task are fine', () => {
    expect(issuesOf(`%YAML 1.2\n---\n${f2m()}\n...\n`)).toEqual([]);
  });
});

describe('keys that contradict each other', () => {
  const cases: [name: string, text: string, key: string, code: string][] = [
    ['uri and host', f2m('dest_uri: http://a', 'dest_host: b'), 'dest_host', 'CFG_CONFLICT'],
    ['uri and port', f2m('dest_uri: ./a', 'dest_port: 1'), 'dest_port', 'CFG_CONFLICT'],
    ['token and user', f2m('dest_token: a', 'dest_user: b'), 'dest_user', 'CFG_CONFLICT'],
    ['token and password', f2m('dest_token: a', 'dest_password: b'), 'dest_password', 'CFG_CONFLICT'],
    ['user alone', f2m('dest_user: b'), 'dest_user', 'CFG_CONFLICT'],
    ['password alone', f2m('dest_password: b'), 'dest_password', 'CFG_CONFLICT'],
    ['path and folder', h2m('data_dir: d'), 'data_dir', 'CFG_CONFLICT'],
    ['neither path nor folder', 'H2M: {dest_collection_name: c}', '', 'CFG_INVALID'],
    ['token with a folder', f2m('dest_uri: ./m', 'dest_token: a'), 'dest_token', 'CFG_CONFLICT'],
    ['TLS with a folder', f2m('dest_uri: ./m', 'dest_tls: true'), 'dest_tls', 'CFG_CONFLICT'],
    ['TLS with http', f2m('dest_uri: http://m', 'dest_tls: {ca: x}'), 'dest_tls', 'CFG_CONFLICT'],
    ['no TLS with https', f2m('dest_uri: https://m', 'dest_tls: false'), 'dest_tls', 'CFG_CONFLICT'],
    ['cert without key', f2m('dest_tls: {cert: x}'), 'dest_tls.cert', 'CFG_CONFLICT'],
    ['key without cert', f2m('dest_tls: {key: x}'), 'dest_tls.key', 'CFG_CONFLICT'],
    ['new_ids and id_start', f2m('new_ids: true', 'id_start: 1'), 'id_start', 'CFG_CONFLICT'],
    ['new_ids and id_offset', f2m('new_ids: true', 'id_offset: 1'), 'id_offset', 'CFG_CONFLICT'],
    [
      'one name for two fields',
      f2m('collection_parameter: {id_field: embedding}'),
      'collection_parameter.id_field',
      'CFG_CONFLICT',
    ],
    ['a column named as the vector', h2m('columns: {a: embedding}'), 'columns.a', 'CFG_CONFLICT'],
    ['two columns of one name', h2m('columns: {a: x, b: x}'), 'columns.b', 'CFG_CONFLICT'],
    [
      'the metric among the parameters',
      f2m('collection_parameter: {index: {type: HNSW, params: {metric_type: L2}}}'),
      'collection_parameter.index.params.metric_type',
      'CFG_CONFLICT',
    ],
    [
      'binary dimension',
      f2m('collection_parameter: {dimension: 12, metric_type: HAMMING}'),
      'collection_parameter.dimension',
      'CFG_CONFLICT',
    ],
  ];
  it.each(cases)('%s', (_, text, key, code) => {
    expect(issuesOf(text)).toEqual([expect.objectContaining({ key, code })]);
    expect(faulty(text)).toMatchObject({ code, exitCode: 2 });
  });

  it.each(['L2', 'ip', 'Cosine'])('BINARY_VECTOR with %s', (metric) => {
    const text = h2m('vector_type: BINARY_VECTOR', `collection_parameter: {metric_type: ${metric}}`);
    expect(issuesOf(text)).toEqual([
      expect.objectContaining({ key: 'collection_parameter.metric_type', line: 5, column: 39, code: 'CFG_CONFLICT' }),
    ]);
  });

  it.each(['HAMMING', 'jaccard', 'TANIMOTO', 'SUBSTRUCTURE', 'superstructure'])('FLOAT_VECTOR with %s', (metric) => {
    expect(issuesOf(h2m('vector_type: FLOAT_VECTOR', `collection_parameter: {metric_type: ${metric}}`))).toHaveLength(
      1,
    );
    expect(issuesOf(h2m('vector_type: BINARY_VECTOR', `collection_parameter: {metric_type: ${metric}}`))).toEqual([]);
  });

  it('conflicts beside other mistakes make one CFG_INVALID', () => {
    expect(faulty(f2m('dest_token: a', 'dest_user: b', 'mode: x')).code).toBe('CFG_INVALID');
  });
});

describe('values', () => {
  it.each([
    ['mode: 1', 'mode'],
    ['mode: {a: b}', 'mode'],
    ['mode: Append', 'mode'],
    ['dest_port: 0', 'dest_port'],
    ['dest_port: 1.5', 'dest_port'],
    ['dest_port: abc', 'dest_port'],
    ['dest_tls: yes', 'dest_tls'],
    ['dest_tls: [a]', 'dest_tls'],
    ['dest_host: [a]', 'dest_host'],
    ['dest_db: a-b', 'dest_db'],
    ['dest_partition_name: a b', 'dest_partition_name'],
    ['dest_partition_name: a/b', 'dest_partition_name'],
    ['dest_partition_name: -a', 'dest_partition_name'],
    ['dest_partition_name: é', 'dest_partition_name'],
    ['dest_partition_name: "a\\n"', 'dest_partition_name'],
    ['dest_partition_name: " "', 'dest_partition_name'],
    ['collection_parameter: 5', 'collection_parameter'],
    ['collection_parameter: {dimension: 0}', 'collection_parameter.dimension'],
    ['collection_parameter: {dimension: 1e400}', 'collection_parameter.dimension'],
    ['collection_parameter: {shards: 0}', 'collection_parameter.shards'],
    ['collection_parameter: {index: {}}', 'collection_parameter.index.type'],
    ['collection_parameter: {index: {type: HNSW, parms: {}}}', 'collection_parameter.index.parms'],
    ['collection_parameter: {index: {type: HNSW, params: {a: [1]}}}', 'collection_parameter.index.params.a'],
    ['collection_parameter: {id_field: $meta}', 'collection_parameter.id_field'],
    ['batch_bytes: 65535', 'batch_bytes'],
    ['batch_bytes: 33 MiB', 'batch_bytes'],
    ['batch_bytes: 8M', 'batch_bytes'],
    ['batch_bytes: 1e9 MiB', 'batch_bytes'],
    ['parallelism: 0', 'parallelism'],
    ['parallelism: 17', 'parallelism'],
    ['tuning: fast', 'tuning'],
    ['max_rate: 0', 'max_rate'],
    ['max_rate: -5', 'max_rate'],
    ['max_rate: 0.0 MB/s', 'max_rate'],
    ['max_rate: fast', 'max_rate'],
    ['verify: all', 'verify'],
    ['quarantine_limit: -1', 'quarantine_limit'],
    ['retry_for: -1', 'retry_for'],
    ['new_ids: maybe', 'new_ids'],
    ['on_bad_row: skip', 'on_bad_row'],
    ['on_duplicate_id: newest', 'on_duplicate_id'],
  ])('%s is refused, and the message says what is allowed', (line, key) => {
    const issues = issuesOf(f2m(line));
    expect(issues.map((issue) => issue.key)).toEqual([key]);
    expect(issues[0]?.line).toBe(4);
    expect(issues[0]?.message).toMatch(/allowed: \S|did you mean|is missing, needed: \S/);
  });

  it.each(['[]', '{path: a}', '[[a]]', "['']", '[{partition: p}]', '[{path: a, partition: "x y"}]', '"a\\0b"'])(
    'data_path: %s',
    (value) => {
      expect(issuesOf(`H2M:\n  dest_collection_name: c\n  data_path: ${value}`)).toHaveLength(1);
    },
  );

  it.each([
    ['65536', 65536],
    ['33554432', 33554432],
    ['64KiB', 65536],
    ['32 MiB', 33554432],
    ["'8388608'", 8388608],
    ['1 MB', 1000000],
  ])('batch_bytes: %s', (text, bytes) => {
    expect(issuesOf(f2m(`batch_bytes: ${text}`))).toEqual([]);
    expect(bytes).toBeGreaterThan(0);
  });
});

describe('what a message shows', () => {
  it('never a secret, whatever is wrong around it', () => {
    const secret = 'hunter2-very-secret';
    const texts = [
      f2m(`dest_password: ${secret}`),
      f2m(`dest_password: [${secret}]`),
      f2m(`dest_password: *${secret}`),
      f2m(`dest_password: !${secret}`),
      f2m(`dest_password: @${secret}`),
      f2m(`dest_password: "${secret}`),
      f2m(`dest_password: ${secret}: x`),
      f2m(`dest_pasword: ${secret}`),
      f2m(`dest_token: ${secret}`, `mode: ${secret}`),
      f2m(`dest_token: &t ${secret}`, 'mode: *t'),
      f2m(`dest_uri: https://root:${secret}@milvus:19530`),
      f2m(`dest_host: root:${secret}@milvus`),
      f2m(`dest_password: x\${${secret}}`),
      f2m(`dest_password: x\${${secret}`),
    ];
    for (const text of texts) {
      const error = faulty(text);
      expect(`${error.message}\n${error.hint}\n${JSON.stringify(configIssues(error))}`).not.toContain('hunter2');
    }
  });

  it('of a value behind a reference only its name', () => {
    const { message } = faulty(f2m('mode: ${MODE}'), { env: { MODE: 'something private' } });
    expect(message).toContain('`${MODE}` is not allowed');
    expect(message).not.toContain('private');
  });

  it('no control characters', () => {
    const { message } = faulty(f2m('mode: "a\\e[31m\\u202e\\x9b"', '"k\\e[0m": 1'));
    expect(message).toContain('`a\\u001b[31m\\u202e\\u009b`');
    expect(message).toContain('k\\u001b[0m: unknown key');
  });

  it('a long value is cut', () => {
    expect(issuesOf(f2m(`mode: ${'x'.repeat(5000)}`))[0]?.message.length).toBeLessThan(200);
  });
});
