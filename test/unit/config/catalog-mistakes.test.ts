// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../support/cpu.js';
import { faulty, issuesOf, live, m2h, m2m } from './support.js';

describe('a file with many mistakes', () => {
  it('gets them all at once, with exact places, in order', () => {
    const text = `M2M:
  source_milvus_path: /data/milvus
  mysql_paramter: ''
  mysql_parameter:
    host: db
    port: 330600
    pasword: hunter2
  source_uri: http://m
  source_collection:
    test: [a, [b]]
    more: {x: y}
    '': [c]
  collection_map: {test: 2021, tset: x}
  merge: {into: a-b, partition: a/b}
  collection_parameter: {index_file_size: 1024, laod: true}
  on_error: stopp
  unflushed: skip
`;
    const name = 'a name that Milvus takes: a letter or underscore first, then letters, digits, underscores or $';
    expect(faulty(text).message.split('\n')).toEqual([
      't.yaml:3:3 mysql_paramter: unknown key, did you mean `mysql_parameter`?',
      't.yaml:5:5 mysql_parameter.user: is missing, needed: MySQL user',
      't.yaml:5:5 mysql_parameter.database: is missing, needed: MySQL database',
      't.yaml:6:11 mysql_parameter.port: `330600` is not allowed, allowed: a whole number, 1 to 65535',
      't.yaml:7:5 mysql_parameter.pasword: unknown key, did you mean `password`?',
      't.yaml:8:15 source_uri: is given together with source_milvus_path, allowed: one of the two',
      't.yaml:10:15 source_collection.test[1]: a list is not allowed, allowed: a name',
      't.yaml:11:11 source_collection.more: a group of keys is not allowed, allowed: a list of partitions, or nothing for all of them',
      't.yaml:12:9 source_collection.: a name is empty, allowed: a name of the source',
      't.yaml:13:19 collection_map: is given together with merge, allowed: one of the two (merge.into names the target)',
      `t.yaml:13:26 collection_map.test: \`2021\` is not allowed, allowed: ${name}, at most 255 in all`,
      `t.yaml:14:17 merge.into: \`a-b\` is not allowed, allowed: ${name}, at most 255 in all`,
      't.yaml:14:33 merge.partition: `a/b` is not allowed, allowed: a name that Milvus takes: a letter, digit or underscore first, then letters, digits, underscores or (newer servers) hyphens, at most 255 in all',
      't.yaml:15:26 collection_parameter.index_file_size: unknown key, allowed: index, shards, load (all else comes from the source)',
      't.yaml:15:49 collection_parameter.laod: unknown key, did you mean `load`?',
      't.yaml:16:13 on_error: `stopp` is not allowed, allowed: continue, stop, did you mean `stop`?',
      't.yaml:17:14 unflushed: `skip` is not allowed, allowed: warn, error, include',
    ]);
  });

  it.each(['M2M:', 'M2M: {}', "M2M: ''"])('%s lacks its keys', (text) => {
    expect(issuesOf(text).map(({ line, column, key, message }) => [line, column, key, message])).toEqual([
      [1, 1, 'source_collection', "is missing, needed: Collections, or '*' for all of them"],
      [
        1,
        1,
        '',
        'the source is missing, needed: source_milvus_path (the folder of a Milvus 0.7 to 1.1), source_uri (a Milvus 2.x), source_backup (a backup of one) or source_snapshot (a snapshot of one)',
      ],
    ]);
    expect(issuesOf(text.replace('M2M', 'M2H')).map((issue) => issue.key)).toEqual([
      'source_collection',
      'data_dir',
      '',
    ]);
  });

  it.each(['', 'null', "''", '~'])('source_collection: %s does not mean all', (value) => {
    const [issue, ...more] = issuesOf(`M2M:\n  source_uri: http://a\n  source_collection: ${value}`);
    expect(issue).toMatchObject({ key: 'source_collection', code: 'CFG_INVALID' });
    expect(issue?.message).toContain("'*' for all");
    expect(more).toEqual([]);
  });
});

describe('unknown keys', () => {
  it.each([
    ['source_colection', 'source_collection'],
    ['source_milvuspath', 'source_milvus_path'],
    ['excluded_collection', 'exclude_collection'],
    ['mysql_paramter', 'mysql_parameter'],
    ['collections_map', 'collection_map'],
    ['partition_mapp', 'partition_map'],
    ['mereg', 'merge'],
    ['unflush', 'unflushed'],
    ['on_errors', 'on_error'],
    ['outputfields', 'output_fields'],
  ])('%s: did you mean %s?', (key, meant) => {
    expect(issuesOf(m2m(`${key}: 1`))).toEqual([
      expect.objectContaining({ key, line: 4, column: 3, message: `unknown key, did you mean \`${meant}\`?` }),
    ]);
  });

  it.each([
    ['data_path', 'F2M', 'M2M'],
    ['data_dir', 'H2M', 'M2M'],
    ['dest_collection_name', 'F2M', 'M2M'],
    ['dest_partition_name', 'F2M', 'M2M'],
    ['id_start', 'F2M', 'M2M'],
    ['columns', 'H2M', 'M2M'],
    ['gzip', 'M2H', 'M2M'],
    ['dest_uri', 'F2M', 'M2H'],
    ['mode', 'F2M', 'M2H'],
    ['collection_parameter', 'F2M', 'M2H'],
    ['new_ids', 'F2M', 'M2H'],
    ['collection_map', 'M2M', 'M2H'],
    ['merge', 'M2M', 'M2H'],
  ])('%s belongs to %s, not to %s', (key, owner, task) => {
    const text = task === 'M2M' ? m2m(`${key}: x`) : m2h(`${key}: x`);
    expect(issuesOf(text).map((issue) => issue.message)).toEqual([`is a key of ${owner}, not of ${task}`]);
  });

  it.each(['source_collection', 'source_milvus_path', 'merge', 'on_error'])('%s belongs to M2M, not to F2M', (key) => {
    const text = `F2M: {data_path: a, dest_collection_name: c, ${key}: x}`;
    expect(issuesOf(text).map((issue) => issue.message)).toEqual(['is a key of M2M, not of F2M']);
  });

  it.each(['dimension', 'index_file_size', 'metric_type', 'id_field', 'vector_field'])(
    'collection_parameter.%s comes from the source',
    (key) => {
      expect(issuesOf(m2m(`collection_parameter: {${key}: 1}`)).map((issue) => issue.message)).toEqual([
        'unknown key, allowed: index, shards, load (all else comes from the source)',
      ]);
    },
  );
});

describe('keys that contradict each other', () => {
  const mysql = 'mysql_parameter: {host: h, user: u, database: d}';
  const cases: [name: string, text: string, key: string][] = [
    ['a folder and an address', m2m('source_uri: http://a'), 'source_uri'],
    ['a folder and a host', m2m('source_host: a'), 'source_host'],
    ['a folder and a port', m2m('source_port: 5'), 'source_port'],
    ['a folder and a user', m2m('source_user: a'), 'source_user'],
    ['a folder and a password', m2m('source_password: a'), 'source_password'],
    ['a folder and a token', m2m('source_token: a'), 'source_token'],
    ['a folder and a database', m2m('source_db: a'), 'source_db'],
    ['a folder and TLS', m2m('source_tls: true'), 'source_tls'],
    ['a folder and a filter', m2m('filter: a > 1'), 'filter'],
    ['a folder and fields', m2m('output_fields: [a]'), 'output_fields'],
    ['an address and MySQL', live(mysql), 'mysql_parameter'],
    ['an address and further paths', live('extra_paths: [a]'), 'extra_paths'],
    ['an address and segments', live('on_missing_segment: skip'), 'on_missing_segment'],
    ['an address and a log', live('unflushed: include'), 'unflushed'],
    ['address and host', live('source_host: a'), 'source_host'],
    ['address and port', live('source_port: 5'), 'source_port'],
    ['token and user', live('source_token: t', 'source_user: u'), 'source_user'],
    ['token and password', live('source_token: t', 'source_password: u'), 'source_password'],
    ['user alone', live('source_user: u'), 'source_user'],
    ['password alone', live('source_password: u'), 'source_password'],
    ['TLS with http', live('source_tls: true'), 'source_tls'],
    ['no TLS with https', 'M2M: {source_uri: https://a, source_tls: false, source_collection: c}', 'source_tls'],
    ['token with a folder of Lite', 'M2M: {source_uri: ./a, source_token: t, source_collection: c}', 'source_token'],
    ['TLS with a folder of Lite', 'M2M: {source_uri: ./a, source_tls: true, source_collection: c}', 'source_tls'],
    [
      'a certificate without key',
      'M2M: {source_host: a, source_tls: {cert: c}, source_collection: c}',
      'source_tls.cert',
    ],
    [
      'a key without certificate',
      m2m('mysql_parameter: {host: h, user: u, database: d, tls: {key: k}}'),
      'mysql_parameter.tls.key',
    ],
    ['target: token and user', m2m('dest_token: t', 'dest_user: u'), 'dest_user'],
    ['target: uri and host', m2m('dest_uri: ./t', 'dest_host: u'), 'dest_host'],
    ['merge and collection_map', m2m('merge: {into: x}', 'collection_map: {c: y}'), 'collection_map'],
    [
      'merge into one and partition_map',
      m2m('merge: {into: x, partition: p}', 'partition_map: {a: b}'),
      'partition_map',
    ],
    [
      'two collections of one name',
      'M2M: {source_milvus_path: o, source_collection: [a, b], collection_map: {a: x, b: x}}',
      'collection_map.b',
    ],
    ['another name for what is not taken', m2m('collection_map: {d: x}'), 'collection_map.d'],
    ['an offset for what is not taken', m2m('id_offset: {d: 1}'), 'id_offset.d'],
    [
      'another name for a partition that is not taken',
      'M2M: {source_milvus_path: o, source_collection: {a: [p]}, partition_map: {q: x}}',
      'partition_map.q',
    ],
    ['new_ids and id_offset', m2m('new_ids: true', 'id_offset: 1'), 'id_offset'],
    ['new_ids and offsets', m2m('new_ids: true', 'id_offset: {c: 1}'), 'id_offset'],
    [
      'the metric among the parameters',
      m2m('collection_parameter: {index: {type: HNSW, params: {metric_type: L2}}}'),
      'collection_parameter.index.params.metric_type',
    ],
    ['an archive in the old folder', m2h().replace('out', 'old'), 'data_dir'],
    ['an archive below the old folder', m2h().replace('out', 'x/../old/db/h5'), 'data_dir'],
    ['an archive in a further path', m2h('extra_paths: [a, /d2]').replace('out', '/d2/x'), 'data_dir'],
    ['an archive in the folder of Lite', 'M2H: {source_uri: ./a, source_collection: c, data_dir: a/b}', 'data_dir'],
    ['a Milvus Lite in the old folder', m2m('dest_uri: ./old/milvus'), 'dest_uri'],
    ['a Milvus Lite within the other', 'M2M: {source_uri: ./a, source_collection: c, dest_uri: a/b}', 'dest_uri'],
  ];
  it.each(cases)('%s', (_, text, key) => {
    expect(issuesOf(text)).toEqual([expect.objectContaining({ key, code: 'CFG_CONFLICT' })]);
    expect(faulty(text)).toMatchObject({ code: 'CFG_CONFLICT', exitCode: 2 });
  });

  it('folders beside each other are none', () => {
    expect(issuesOf(m2h().replace('out', 'older'))).toEqual([]);
    expect(issuesOf(m2h().replace('out', '..'))).toEqual([]);
    expect(issuesOf(m2h().replace('out', '../old'))).toEqual([]);
    expect(issuesOf(m2m('dest_uri: ./..old'))).toEqual([]);
  });

  it('a key without the source it is for asks for the source alone', () => {
    expect(issuesOf('M2M: {source_collection: c, source_token: t, unflushed: warn}').map(({ key }) => key)).toEqual([
      '',
    ]);
  });

  it('what has been found fault with is not taken for missing', () => {
    expect(issuesOf('M2M: {source_collection: c, source_milvus_path: [a]}').map(({ key }) => key)).toEqual([
      'source_milvus_path',
    ]);
    expect(issuesOf('M2M: {source_collection: c, source_uri: localhost:19530}').map(({ key }) => key)).toEqual([
      'source_uri',
    ]);
    const text = 'M2M: {source_milvus_path: o, source_collection: [a, [b]], collection_map: {b: x}}';
    expect(issuesOf(text).map(({ key }) => key)).toEqual(['source_collection[1]']);
  });

  it('names near the one that is not taken are offered, and wildcards are no names', () => {
    const head = 'M2M: {source_milvus_path: o, source_collection: {articles: [p_2021]}, ';
    const messages = (rest: string) => issuesOf(`${head}${rest}}`).map((issue) => issue.message);
    expect(messages('collection_map: {artcles: x}')).toEqual([
      'source_collection does not take `artcles`, did you mean `articles`?',
    ]);
    expect(messages('partition_map: {p_2012: x}')).toEqual([
      'source_collection does not take `p_2012`, did you mean `p_2021`?',
    ]);
    const noName = '`a*` is no name, allowed: the whole name of a collection, without * and ?';
    expect(messages("collection_map: {'a*': x}")).toEqual([noName]);
    expect(messages("id_offset: {'a*': 1}")).toEqual([noName]);
  });
});

describe('one Milvus as source and target', () => {
  const file = (...keys: string[]): string => `M2M: {${['source_uri: http://127.0.0.1', ...keys].join(', ')}}`;
  const refused: [key: string, text: string][] = [
    ['source_collection', file('source_collection: c')],
    ['source_collection', file("source_collection: '*'")],
    ['source_collection', file('source_collection: c', 'source_db: default', 'mode: overwrite')],
    ['source_collection', file('source_collection: c', 'source_db: x', 'dest_db: x')],
    ['source_collection', file('source_collection: [c, d]', 'collection_map: {c: e}')],
    ['source_collection', file('source_collection: c', 'collection_map: {c: c}')],
    ['source_collection', file('source_collection: c', 'dest_uri: http://localhost:19530')],
    ['source_collection', 'M2M: {source_uri: ./a, dest_uri: x/../a, source_collection: c}'],
    ['collection_map.c', file('source_collection: [c, d]', 'collection_map: {c: d, d: e}')],
    ['collection_map.c', file("source_collection: 'c*'", 'collection_map: {c: c2}')],
    ['merge.into', file('source_collection: [c, d]', 'merge: {into: d}')],
    ['merge.into', file("source_collection: '*'", 'merge: {into: all}')],
    ['merge.into', file("source_collection: '*'", 'exclude_collection: {all: [p]}', 'merge: {into: all}')],
  ];
  it.each(refused)('%s: %s', (key, text) => {
    expect(issuesOf(text)).toEqual([expect.objectContaining({ key, code: 'CFG_CONFLICT' })]);
    expect(faulty(text).message).toContain('source and target are the same Milvus');
  });

  it.each([
    file('source_collection: c', 'dest_db: other'),
    file('source_collection: c', 'dest_port: 19531'),
    file('source_collection: c', 'dest_uri: ./lite'),
    file('source_collection: c', 'collection_map: {c: d}'),
    file('source_collection: [c, d]', 'merge: {into: all}'),
    file("source_collection: '*'", 'exclude_collection: al?', 'merge: {into: all}'),
    file("source_collection: 'c_*'", 'collection_map: {c_1: d}'),
    'M2M: {source_uri: ./a, dest_uri: ./b, source_collection: c}',
    m2m(),
  ])('%s is fine', (text) => {
    expect(issuesOf(text)).toEqual([]);
  });
});

describe('values', () => {
  it.each([
    ['source_milvus_path: [a]', 'source_milvus_path'],
    ['extra_paths: []', 'extra_paths'],
    ['extra_paths: {a: b}', 'extra_paths'],
    ['extra_paths: [a, ""]', 'extra_paths[1]'],
    ['on_missing_segment: warn', 'on_missing_segment'],
    ['mysql_parameter: root@db', 'mysql_parameter'],
    ['mysql_parameter: [a]', 'mysql_parameter'],
    ['mysql_parameter: {user: u, database: d}', 'mysql_parameter.host'],
    ['mysql_parameter: {host: h, user: u, database: d, port: 0}', 'mysql_parameter.port'],
    ['mysql_parameter: {host: h, user: u, database: d, tls: yes}', 'mysql_parameter.tls'],
    ['mysql_parameter: {host: h, user: u, database: d, tls: {c: d}}', 'mysql_parameter.tls.c'],
    ['mysql_parameter: {host: h, user: u, databse: d, database: d}', 'mysql_parameter.databse'],
    ['exclude_collection: []', 'exclude_collection'],
    ['exclude_collection: {}', 'exclude_collection'],
    ['exclude_collection: {a: {b: c}}', 'exclude_collection.a'],
    ['collection_map: x', 'collection_map'],
    ['collection_map: []', 'collection_map'],
    ['collection_map: {}', 'collection_map'],
    ['collection_map: {c: }', 'collection_map.c'],
    ['collection_map: {c: 2021-03}', 'collection_map.c'],
    ['collection_map: {c: a b}', 'collection_map.c'],
    ['collection_map: {c: é}', 'collection_map.c'],
    ['collection_map: {c: [a]}', 'collection_map.c'],
    ['partition_map: {c: a b}', 'partition_map.c'],
    ['partition_map: {c: a/b}', 'partition_map.c'],
    ['merge: x', 'merge'],
    ['merge: {partition: x}', 'merge.into'],
    ['merge: {into: 1a}', 'merge.into'],
    ['merge: {into: a, partition: " "}', 'merge.partition'],
    ['merge: {into: a, patition: b}', 'merge.patition'],
    ['id_offset: auto', 'id_offset'],
    ['id_offset: 1.5', 'id_offset'],
    ['id_offset: 9223372036854775808', 'id_offset'],
    ['id_offset: [1]', 'id_offset'],
    ['id_offset: {}', 'id_offset'],
    ['id_offset: {c: 1e3}', 'id_offset.c'],
    ['id_offset: {c: }', 'id_offset.c'],
    ['id_offset: {c: -9223372036854775809}', 'id_offset.c'],
    ['collection_parameter: {shards: 0}', 'collection_parameter.shards'],
    ['collection_parameter: {index: HNSW}', 'collection_parameter.index'],
    ['on_error: skip', 'on_error'],
    ['preflight: none', 'preflight'],
  ])('%s is refused, and the message says what is allowed', (line, key) => {
    const text = line.startsWith('source_milvus_path')
      ? `M2M:\n  x-1: 1\n  source_collection: c\n  ${line}`
      : m2m(line);
    const issues = issuesOf(text).filter((issue) => issue.key !== 'x-1');
    expect(issues.map((issue) => issue.key)).toEqual([key]);
    expect(issues[0]?.line).toBe(4);
    expect(issues[0]?.message).toMatch(/allowed: \S|did you mean|is missing, needed: \S|has no value|is empty/);
  });

  it.each([
    ['gzip: 0', 'gzip'],
    ['gzip: 10', 'gzip'],
    ['gzip: true', 'gzip'],
    ['rows_per_file: 0', 'rows_per_file'],
    ['rows_per_file: 1.5', 'rows_per_file'],
  ])('%s is refused for an archive', (line, key) => {
    expect(issuesOf(m2h(line)).map((issue) => issue.key)).toEqual([key]);
  });

  it.each(['filter: [a]', 'output_fields: []', 'output_fields: [[a]]', 'output_fields: {a: b}', 'source_db: a-b'])(
    '%s is refused for a running Milvus',
    (line) => {
      expect(issuesOf(live(line))).toHaveLength(1);
    },
  );

  it.each(['{}', '[]', '{a: []}', '{a: {b: c}}', '{a: [[b]]}', '{a: [""]}', '[{a: b}]', '[a, ~]', "{'': [b]}", '!x a'])(
    'source_collection: %s',
    (value) => {
      const issues = issuesOf(`M2M:\n  source_milvus_path: o\n  source_collection: ${value}`);
      expect(issues).toEqual([expect.objectContaining({ line: 3 })]);
      expect(issues[0]?.key).toMatch(/^source_collection/);
    },
  );

  it.each(['*', '[*]', '\n    - *', '*abc', '\n    *:'])('source_collection: %s needs quotes', (value) => {
    expect(faulty(`M2M:\n  source_milvus_path: o\n  source_collection: ${value}`).message).toContain('in quotes');
  });

  it.each([
    ['source_uri: localhost:19530', 'allowed: http://localhost:19530 for a server'],
    ['source_uri: https://root:hunter2@m', 'allowed: source_user and source_password, or source_token'],
    ['source_uri: http://m/db', 'a database goes into source_db'],
    ['source_host: http://m', 'or source_uri: http://m'],
    ['source_host: m:5', 'allowed: source_host: m and source_port: 5'],
    ['source_host: root:hunter2@m', 'allowed: source_user and source_password, or source_token'],
  ])('%s speaks of the keys of the source', (line, message) => {
    const error = faulty(`M2M:\n  source_collection: c\n  ${line}`);
    expect(error.message).toContain(message);
    expect(error.message).not.toMatch(/dest_|hunter2/);
  });
});

describe('what a message shows', () => {
  it('never a password of MySQL or of the source', () => {
    const secret = 'hunter2-very-secret';
    const texts = [
      m2m(`mysql_parameter: {host: h, user: u, database: d, password: [${secret}]}`),
      m2m(`mysql_parameter: {host: h, user: u, password: ${secret}}`, `mode: ${secret}`),
      m2m(`mysql_parameter: {host: h, user: u, database: d, pasword: ${secret}}`),
      live(`source_password: ${secret}`),
      live(`source_token: ${secret}`, `mode: ${secret}`),
    ];
    for (const text of texts) expect(faulty(text).message).not.toContain('hunter2');
  });
});

describe('hostile files end with an error, soon', () => {
  const many = (count: number, line: (i: number) => string): string[] =>
    Array.from({ length: count }, (_, i) => line(i));
  it.each([
    ['names against names', many(30_000, (i) => `s${i}: [p${i}]`), many(30_000, (i) => `t${i}: x${i}`)],
    ['names against wildcards', many(20_000, (i) => `'*a*${i}*': `), many(20_000, (i) => `t${i}: x`)],
    ['a long name against a long wildcard', [`'${'*a'.repeat(200_000)}b': `], [`? ${'a'.repeat(300_000)}\n    : x`]],
  ])('%s', (_, selection, map) => {
    const lines = (group: string[]): string => group.map((line) => `    ${line}`).join('\n');
    const text = `M2M:\n  source_milvus_path: o\n  mode: bad\n  source_collection:\n${lines(selection)}\n  collection_map:\n${lines(map)}`;
    const before = cpuMs();
    expect(faulty(text).exitCode).toBe(2);
    expect(cpuMs() - before).toBeLessThan(15_000);
  });
});
