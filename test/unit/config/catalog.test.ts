// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { describe, expect, it } from 'vitest';
import type { CatalogSource } from '../../../src/config/types.js';
import { issuesOf, live, m2h, m2m, valid } from './support.js';

const OLD_M2M = `M2M:
  milvus_version: {{var.release_version}}
  source_milvus_path: '/home/user/milvus'
  mysql_parameter:
    host: '127.0.0.1'
    user: 'root'
    port: 3306
    password: '123456'
    database: 'milvus'
  source_collection:
    test:
      - 'partition_1'
      - 'partition_2'
  dest_host: '127.0.0.1'
  dest_port: 19530
  mode: 'skip' # 'skip/append/overwrite'
`;

const OLD_M2H = `M2H:
  milvus_version: {{var.release_version}}
  source_milvus_path: '/home/user/milvus'
  mysql_parameter:
    host: '127.0.0.1'
    user: 'root'
    port: 3306
    password: '123456'
    database: 'milvus'
  source_collection: # specify the 'partition_1' and 'partition_2' partitions of the 'test' collection.
    test:
      - 'partition_1'
      - 'partition_2'
  data_dir: '/home/user/data'
`;

const OLD_SOURCE = {
  adapter: 'legacy',
  path: '/home/user/milvus',
  extraPaths: [],
  mysql: { host: '127.0.0.1', port: 3306, user: 'root', password: '123456', database: 'milvus' },
  select: { test: ['partition_1', 'partition_2'] },
  onMissingSegment: 'error',
  unflushed: 'warn',
};

const DEFAULT_OPTIONS = {
  idOffset: 0n,
  newIds: false,
  preflight: 'full',
  verify: 'sample',
  batchBytes: 4_194_304,
  parallelism: 4,
  onDuplicateId: 'keep',
  onBadRow: 'error',
  quarantineLimit: 1000,
  retryFor: 60,
  onError: 'continue',
};

const PARAMETER = { idField: 'id', vectorField: 'embedding', load: false };

function sourceOf(text: string): CatalogSource {
  return valid(text).source as CatalogSource;
}

/** What `source_collection: ...` selects. */
function selected(value: string): object {
  return sourceOf(`M2M:\n  source_milvus_path: old\n  source_collection: ${value}`).select;
}

describe('the files of the old documentation', () => {
  it('M2M loads as it is', () => {
    expect(valid(OLD_M2M)).toStrictEqual({
      task: 'M2M',
      source: OLD_SOURCE,
      dest: { at: { kind: 'server', address: '127.0.0.1:19530', tls: false } },
      mode: 'skip',
      collection: '',
      parameter: PARAMETER,
      options: DEFAULT_OPTIONS,
      notes: [],
      secrets: ['123456'],
    });
  });

  it('M2H loads as it is', () => {
    expect(valid(OLD_M2H)).toStrictEqual({
      task: 'M2H',
      source: OLD_SOURCE,
      dest: { at: { kind: 'server', address: '', tls: false } },
      archive: { dir: '/home/user/data' },
      mode: 'skip',
      collection: '',
      parameter: PARAMETER,
      options: DEFAULT_OPTIONS,
      notes: [],
      secrets: ['123456'],
    });
  });

  it.each([OLD_M2M, OLD_M2H])('load without MySQL: mysql_parameter empty, or left out', (old) => {
    const { mysql: _, ...sqlite } = OLD_SOURCE;
    const group = /\n {2}mysql_parameter:(\n {4}.*)+/;
    expect(old).toMatch(group);
    for (const without of ["\n  mysql_parameter: ''", '\n  mysql_parameter:', '\n  mysql_parameter: null', '']) {
      const config = valid(old.replace(group, without));
      expect(config.source).toStrictEqual(sqlite);
      expect(config.secrets).toEqual([]);
    }
  });

  it.each([OLD_M2M, OLD_M2H])('load with a collection as a whole, and with CRLF line ends', (old) => {
    const lists = /\n {6}- .*/g;
    expect(sourceOf(old.replaceAll(lists, '')).select).toEqual({ test: null });
    expect(valid(`\ufeff${old.replaceAll('\n', '\r\n')}`)).toStrictEqual(valid(old));
  });
});

describe('every key', () => {
  it('of an old Milvus reaches the task config', () => {
    const config = valid(
      `
M2M:
  source_milvus_path: ~/milvus/db
  mysql_parameter: {host: db, port: 3307, user: u, password: "\${PW}", database: m, tls: {ca: ca.pem, server_name: s}}
  extra_paths: [/disk2/milvus, disk3]
  on_missing_segment: skip
  unflushed: include
  source_collection: {a: [p, q], b: }
  exclude_collection: {b: [r]}
  dest_uri: https://milvus.example.com
  dest_token: t0ken
  mode: overwrite
  collection_map: {a: x, b: y}
  partition_map: {p: 2021, _default: _default}
  collection_parameter: {load: true, index: {type: HNSW, params: {M: 8}}, shards: 2}
  id_offset: {a: 9007199254740993, b: -1}
  preflight: headers
  verify: none
  batch_bytes: 1MiB
  parallelism: 1
  max_rate: 5 rows/s
  on_duplicate_id: first
  on_bad_row: quarantine
  quarantine_limit: 5
  retry_for: 0
  on_error: stop
`,
      { env: { HOME: '/home/u', PW: 'hidden' } },
    );
    expect(config).toStrictEqual({
      task: 'M2M',
      source: {
        adapter: 'legacy',
        path: '/home/u/milvus/db',
        extraPaths: ['/disk2/milvus', '/work-folder/disk3'],
        mysql: {
          host: 'db',
          port: 3307,
          user: 'u',
          password: 'hidden',
          database: 'm',
          tls: { ca: '/work-folder/ca.pem', serverName: 's' },
        },
        select: { a: ['p', 'q'], b: null },
        exclude: { b: ['r'] },
        onMissingSegment: 'skip',
        unflushed: 'include',
      },
      dest: { at: { kind: 'server', address: 'milvus.example.com:443', tls: true }, token: 't0ken' },
      mode: 'overwrite',
      collection: '',
      collectionMap: { a: 'x', b: 'y' },
      partitionMap: { p: '2021', _default: '_default' },
      parameter: { ...PARAMETER, load: true, index: { type: 'HNSW', params: { M: 8 } }, shards: 2 },
      options: {
        idOffset: 0n,
        idOffsets: { a: 9007199254740993n, b: -1n },
        newIds: false,
        preflight: 'headers',
        verify: 'none',
        batchBytes: 1_048_576,
        parallelism: 1,
        maxRate: { rowsPerSecond: 5 },
        onDuplicateId: 'first',
        onBadRow: 'quarantine',
        quarantineLimit: 5,
        retryFor: 0,
        onError: 'stop',
      },
      notes: [],
      secrets: ['hidden', 't0ken'],
    });
  });

  it('of a running Milvus, for an archive', () => {
    const config = valid(`
M2H:
  source_host: milvus.example.com
  source_port: 19531
  source_user: root
  source_password: pass word
  source_db: products
  source_tls: {cert: c.pem, key: k.pem}
  filter: price > 10 and tag == "a"
  output_fields: [id, embedding, id, 1e3]
  source_collection: '*'
  exclude_collection: [tmp_*, x]
  data_dir: ./archive
  rows_per_file: 1000000
  gzip: 9
`);
    expect(config).toStrictEqual({
      task: 'M2H',
      source: {
        adapter: 'milvus',
        endpoint: {
          at: { kind: 'server', address: 'milvus.example.com:19531', tls: true },
          user: 'root',
          password: 'pass word',
          db: 'products',
          tls: { cert: '/work-folder/c.pem', key: '/work-folder/k.pem' },
        },
        select: { '*': null },
        exclude: { 'tmp_*': null, x: null },
        filter: 'price > 10 and tag == "a"',
        outputFields: ['id', 'embedding', '1e3'],
      },
      dest: { at: { kind: 'server', address: '', tls: false } },
      archive: { dir: '/work-folder/archive', rowsPerFile: 1_000_000, gzip: 9 },
      mode: 'skip',
      collection: '',
      parameter: PARAMETER,
      options: { ...DEFAULT_OPTIONS, preflight: 'headers' },
      notes: [],
      secrets: ['pass word', 'root:pass word'],
    });
  });

  it('the logins of both sides are secrets, as a whole too', () => {
    const lines = ['source_user: a', 'source_password: one', 'dest_user: b', 'dest_password: two', 'mode: append'];
    expect(valid(live(...lines)).secrets).toEqual(['one', 'two', 'a:one', 'b:two']);
    expect(valid(live('source_token: abc')).secrets).toEqual(['abc']);
  });
});

describe('the source', () => {
  const uris: [line: string, address: string, tls: boolean][] = [
    ['source_uri: http://m', 'm:19530', false],
    ['source_uri: https://m', 'm:443', true],
    ['source_host: m', 'm:19530', false],
    ['source_port: 5', '127.0.0.1:5', false],
    ['source_host: ::1', '[::1]:19530', false],
  ];
  it.each(uris)('%s', (line, address, tls) => {
    const source = sourceOf(`M2M: {source_collection: c, ${line.replace('::1', '"::1"')}}`);
    expect(source).toMatchObject({ adapter: 'milvus', endpoint: { at: { kind: 'server', address, tls } } });
  });

  it('a local path is a Milvus Lite', () => {
    expect(sourceOf('M2M: {source_uri: ./lite, source_collection: c}')).toMatchObject({
      endpoint: { at: { kind: 'embedded', folder: '/work-folder/lite' } },
    });
  });

  it('its keys left empty are those of the other kind', () => {
    const empty = ["source_uri: ''", 'source_host:', 'source_port: ~', 'filter:', 'source_tls: null'];
    expect(valid(m2m(...empty))).toStrictEqual(valid(m2m()));
    const emptyOld = ["source_milvus_path: ''", 'mysql_parameter:', 'extra_paths: ~', 'unflushed:'];
    expect(valid(live(...emptyOld))).toStrictEqual(valid(live()));
  });

  it('extra_paths may be one path', () => {
    expect(sourceOf(m2m('extra_paths: /disk2'))).toMatchObject({ extraPaths: ['/disk2'] });
  });

  it('preflight reads all rows of an old Milvus, and of a running one what describes them', () => {
    expect(valid(m2m()).options.preflight).toBe('full');
    expect(valid(live()).options.preflight).toBe('headers');
    expect(valid(live('preflight: full')).options.preflight).toBe('full');
  });
});

describe('mysql_parameter', () => {
  const mysql = (more: string): unknown => {
    const source = sourceOf(m2m(`mysql_parameter: {host: h, user: u, database: d${more}}`));
    return source.adapter === 'legacy' && source.mysql;
  };
  const plain = { host: 'h', port: 3306, user: 'u', password: '', database: 'd' };

  it('has a port and an empty password of its own accord', () => {
    expect(mysql('')).toStrictEqual(plain);
    expect(mysql(', port: , password: "", tls: ')).toStrictEqual(plain);
    expect(mysql(', port: "3307"')).toMatchObject({ port: 3307 });
  });

  it('takes TLS as true or with details', () => {
    expect(mysql(', tls: true')).toStrictEqual({ ...plain, tls: true });
    expect(mysql(', tls: false')).toStrictEqual(plain);
    expect(mysql(', tls: {skip_verify: true}')).toStrictEqual({ ...plain, tls: { skipVerify: true } });
  });

  it('keeps values as they are written', () => {
    expect(mysql(', password: 0123')).toMatchObject({ password: '0123' });
  });
});

describe('source_collection', () => {
  it.each([
    ['test', { test: null }],
    ["'*'", { '*': null }],
    ['a*', { 'a*': null }],
    ['[a, b, a]', { a: null, b: null }],
    ["['*_2021', c]", { '*_2021': null, c: null }],
    ['{a: , b: null, c: ~, d: ""}', { a: null, b: null, c: null, d: null }],
    ['{a: [p, q, p], "b*": [_default]}', { a: ['p', 'q'], 'b*': ['_default'] }],
    ['{a: p}', { a: ['p'] }],
    ['{a: ["*"], b: [x, ]}', { a: ['*'], b: ['x'] }],
  ])('%s', (text, select) => {
    expect(selected(text)).toStrictEqual(select);
  });

  it.each(['01', '2021', '1e3', '2021-03', 'true', '0x1F', '1_000', 'yes', '名前', 'a b', 'a/b', 'a.b'])(
    'the name %s keeps its text',
    (name) => {
      expect(selected(name)).toStrictEqual({ [name]: null });
      expect(selected(`[${name}]`)).toStrictEqual({ [name]: null });
      expect(selected(`{${name}: [${name}]}`)).toStrictEqual({ [name]: [name] });
      const maps = valid(m2m(`partition_map: {${name}: p}`));
      expect(maps.partitionMap).toStrictEqual({ [name]: 'p' });
    },
  );

  it('names with a meaning in JavaScript are names', () => {
    expect(Object.entries(selected('{__proto__: [p]}'))).toEqual([['__proto__', ['p']]]);
    expect(Object.entries(selected('{constructor: [toString]}'))).toEqual([['constructor', ['toString']]]);
    expect(Object.entries(selected('__proto__'))).toEqual([['__proto__', null]]);
    expect(Object.entries(selected('[__proto__]'))).toEqual([['__proto__', null]]);
  });

  it('a name may come from the environment', () => {
    const text = 'M2M: {source_milvus_path: old, source_collection: [x, "${C}"]}';
    expect((valid(text, { env: { C: 'y' } }).source as CatalogSource).select).toEqual({ x: null, y: null });
  });
});

describe('the target', () => {
  it('says that mode is not set, but not of an archive, which is new each time', () => {
    expect(valid(m2m()).notes).toEqual(['mode is not set: skip, nothing is written if the target exists']);
    expect(valid(m2h()).notes).toEqual([]);
  });

  it.each([
    ['{into: x}', { into: 'x', partition: 'keep' }],
    ['{into: x, partition: }', { into: 'x', partition: 'keep' }],
    ['{into: x, partition: keep}', { into: 'x', partition: 'keep' }],
    ['{into: x, partition: 2021}', { into: 'x', partition: '2021' }],
  ])('merge: %s', (text, merge) => {
    expect(valid(m2m(`merge: ${text}`)).merge).toStrictEqual(merge);
  });

  it('merge goes with partition_map as long as partitions are kept', () => {
    const config = valid(m2m('merge: {into: x}', 'partition_map: {a: b, c: b}'));
    expect(config).toMatchObject({ merge: { partition: 'keep' }, partitionMap: { a: 'b', c: 'b' } });
  });

  it.each([
    ['5', { idOffset: 5n }],
    ['9223372036854775807', { idOffset: 9223372036854775807n }],
    ['{c: 9223372036854775807}', { idOffset: 0n, idOffsets: { c: 9223372036854775807n } }],
    ['{c: "-5"}', { idOffset: 0n, idOffsets: { c: -5n } }],
    ['', { idOffset: 0n }],
  ])('id_offset: %s', (text, offsets) => {
    const { idOffset, idOffsets } = valid(m2m(`id_offset: ${text}`)).options;
    expect({ idOffset, idOffsets }).toEqual({ idOffsets: undefined, ...offsets });
  });

  it('maps may name what a wildcard takes', () => {
    const text =
      "M2M: {source_milvus_path: o, source_collection: {'a*': ['p?']}, collection_map: {abc: x}, partition_map: {p1: y}";
    expect(issuesOf(`${text}, id_offset: {a: 1}}`)).toEqual([]);
  });
});
