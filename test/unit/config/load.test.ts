// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTask } from '../../../src/config/load.js';
import type { FileSource } from '../../../src/config/types.js';
import { errorOf, f2m, h2m, issuesOf, valid } from './support.js';

const OLD_F2M = `F2M:
  milvus_version: {{var.release_version}}
  data_path: '/home/data/faiss.index'
  dest_host: '127.0.0.1'
  dest_port: 19530
  mode: 'append'        # 'skip/append/overwrite'
  dest_collection_name: 'test'
  dest_partition_name: ''
  collection_parameter:
    dimension: 256
    index_file_size: 1024
    metric_type: 'L2'
`;

const OLD_H2M = `H2M:
  milvus-version: {{var.release_version}}
  data_path:
    - /Users/zilliz/float_1.h5
    - /Users/zilliz/float_2.h5
  data_dir:
  dest_host: '127.0.0.1'
  dest_port: 19530
  mode: 'overwrite'        # 'skip/append/overwrite'
  dest_collection_name: 'test_float'
  dest_partition_name: 'partition_1'
  collection_parameter:
    dimension: 128
    index_file_size: 1024
    metric_type: 'L2'
`;

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
};

describe('the files of the old documentation', () => {
  it('F2M loads as it is', () => {
    expect(valid(OLD_F2M)).toStrictEqual({
      task: 'F2M',
      source: { adapter: 'faiss', files: [{ path: '/home/data/faiss.index' }] },
      dest: { at: { kind: 'server', address: '127.0.0.1:19530', tls: false } },
      mode: 'append',
      collection: 'test',
      parameter: {
        dimension: 256,
        metric: 'L2',
        indexFileSize: 1024,
        idField: 'id',
        vectorField: 'embedding',
        load: false,
      },
      options: DEFAULT_OPTIONS,
      notes: ['index_file_size 1024 has no counterpart in Milvus 2.x and has no effect'],
      secrets: [],
    });
  });

  it('H2M loads as it is', () => {
    const config = valid(OLD_H2M);
    expect(config.source).toStrictEqual({
      adapter: 'hdf5',
      files: [{ path: '/Users/zilliz/float_1.h5' }, { path: '/Users/zilliz/float_2.h5' }],
      dataset: 'embeddings',
      idsDataset: 'ids',
      idsOptional: true,
      columns: {},
    });
    expect(config).toMatchObject({
      task: 'H2M',
      mode: 'overwrite',
      collection: 'test_float',
      partition: 'partition_1',
    });
  });

  it.each(['2.0.0', '{{var.release_version}}', '', '[1, {a: b}]', '!!binary x', "'1.x'", '&a x', '*a', '${NOT_SET}'])(
    'milvus_version: %s is ignored',
    (version) => {
      expect(issuesOf(f2m(`milvus_version: ${version}`))).toEqual([]);
      expect(issuesOf(f2m(`milvus-version: ${version}`))).toEqual([]);
    },
  );

  it('loads with CRLF line ends and a byte order mark', () => {
    expect(valid(`\ufeff${OLD_F2M.replaceAll('\n', '\r\n')}`)).toStrictEqual(valid(OLD_F2M));
  });
});

describe('every key', () => {
  it('reaches the task config', () => {
    const config = valid(`
H2M:
  data_dir: vectors
  dest_uri: https://milvus.example.com:443
  dest_user: root
  dest_password: pass word
  dest_db: products
  dest_tls: {ca: ca.pem, cert: ./c.pem, key: /k.pem, server_name: m, skip_verify: true}
  mode: append
  dest_collection_name: c
  dest_partition_name: p
  collection_parameter:
    dimension: 64
    metric_type: jaccard
    id_field: key
    vector_field: vec
    index: {type: BIN_IVF_FLAT, params: {nlist: 128, ratio: 0.5, flag: true, name: x}}
    shards: 2
    load: true
  dataset: train
  ids_dataset: labels
  columns: {titles: title, prices: price}
  vector_type: BINARY_VECTOR
  stored_schema: ignore
  id_start: 9223372036854775807
  id_offset: -9223372036854775808
  preflight: headers
  verify: count
  batch_bytes: 1.5MiB
  parallelism: 2
  tuning: off
  max_rate: 20 MB/s
  on_duplicate_id: last
  on_bad_row: quarantine
  quarantine_limit: 0
  retry_for: 1.5
`);
    expect(config).toStrictEqual({
      task: 'H2M',
      source: {
        adapter: 'hdf5',
        dir: '/work-folder/vectors',
        dataset: 'train',
        idsDataset: 'labels',
        idsOptional: false,
        columns: { titles: 'title', prices: 'price' },
        vectorType: 'BINARY_VECTOR',
        archive: 'ignore',
      },
      dest: {
        at: { kind: 'server', address: 'milvus.example.com:443', tls: true },
        user: 'root',
        password: 'pass word',
        db: 'products',
        tls: {
          ca: '/work-folder/ca.pem',
          cert: '/work-folder/c.pem',
          key: '/k.pem',
          serverName: 'm',
          skipVerify: true,
        },
      },
      mode: 'append',
      collection: 'c',
      partition: 'p',
      parameter: {
        dimension: 64,
        metric: 'JACCARD',
        idField: 'key',
        vectorField: 'vec',
        index: { type: 'BIN_IVF_FLAT', params: { nlist: 128, ratio: 0.5, flag: 'true', name: 'x' } },
        shards: 2,
        load: true,
      },
      options: {
        idStart: 9223372036854775807n,
        idOffset: -9223372036854775808n,
        newIds: false,
        preflight: 'headers',
        verify: 'count',
        batchBytes: 1_572_864,
        parallelism: 2,
        tuning: 'off',
        maxRate: { bytesPerSecond: 20_000_000 },
        onDuplicateId: 'last',
        onBadRow: 'quarantine',
        quarantineLimit: 0,
        retryFor: 1.5,
      },
      notes: [],
      secrets: ['pass word', 'root:pass word'],
    });
  });

  it.each([['data_path: [a.h5, {path: b.h5, partition: 2021}, {path: /c.h5, partition: }]', ['2021', undefined]]])(
    '%s keeps the partition of each file',
    (line) => {
      const config = valid(`H2M:\n  ${line}\n  dest_collection_name: c`);
      expect(config.source).toMatchObject({
        files: [{ path: '/work-folder/a.h5' }, { path: '/work-folder/b.h5', partition: '2021' }, { path: '/c.h5' }],
      });
    },
  );

  it('takes a list of files for F2M too', () => {
    const config = valid('F2M: {data_path: [a, {path: b, partition: 1e3}], dest_collection_name: c}');
    expect((config.source as FileSource).files).toEqual([
      { path: '/work-folder/a' },
      { path: '/work-folder/b', partition: '1e3' },
    ]);
  });

  it('keeps a token as a secret', () => {
    expect(valid(f2m('dest_token: abc')).dest.token).toBe('abc');
    expect(valid(f2m('dest_token: abc')).secrets).toEqual(['abc']);
  });

  it('turns TLS on with dest_host', () => {
    expect(valid(f2m('dest_host: m', 'dest_tls: true')).dest).toEqual({
      at: { kind: 'server', address: 'm:19530', tls: true },
    });
  });

  it('says that mode is not set, and that a file is named twice', () => {
    const config = valid('F2M: {data_path: [a, ./a], dest_collection_name: c}');
    expect(config.mode).toBe('skip');
    expect(config.notes).toEqual([
      'mode is not set: skip, nothing is written if the target exists',
      'data_path names /work-folder/a more than once: its rows are written each time',
    ]);
    expect(valid('F2M: {data_path: [a, {path: a, partition: p}], dest_collection_name: c, mode: skip}').notes).toEqual(
      [],
    );
  });
});

describe('names keep the text they are written with', () => {
  it.each(['01', '2021', '1e3', '2021_03', '2021-03', 'true', '0x1F', '1_000', '0o17', 'yes', 'on'])(
    'partition %s',
    (name) => {
      expect(valid(f2m(`dest_partition_name: ${name}`)).partition).toBe(name);
      const config = valid(`H2M: {data_path: [{path: a, partition: ${name}}], dest_collection_name: c}`);
      expect((config.source as FileSource).files).toEqual([{ path: '/work-folder/a', partition: name }]);
    },
  );

  it.each(['true', 'False', 'NaN', 'inf', 'yes', 'e3', 'Infinity', '_1', 'a$b'])('collection %s', (name) => {
    expect(valid(`F2M: {data_path: a, dest_collection_name: ${name}}`).collection).toBe(name);
  });

  it.each(['01', '2021-03', '1e3'])('collection %s is refused under its own text', (name) => {
    const [issue] = issuesOf(`F2M: {data_path: a, dest_collection_name: ${name}}`);
    expect(issue?.message).toContain(
      `\`${name}\` is not allowed, allowed: a name that Milvus takes: a letter or underscore first`,
    );
  });

  it('a path and a password of digits stay text', () => {
    const config = valid('F2M: {data_path: 007, dest_collection_name: c, dest_user: 1.0, dest_password: 0123456}');
    expect((config.source as FileSource).files).toEqual([{ path: '/work-folder/007' }]);
    expect(config.dest).toMatchObject({ user: '1.0', password: '0123456' });
  });

  it('!!str is allowed', () => {
    expect(valid(f2m('dest_partition_name: !!str null')).partition).toBe('null');
  });

  it.each([
    ['a'.repeat(255), 0],
    ['a'.repeat(256), 1],
  ])('at most 255 characters', (name, count) => {
    expect(issuesOf(`F2M: {data_path: a, dest_collection_name: ${name}}`)).toHaveLength(count);
    expect(issuesOf(f2m(`dest_partition_name: ${name}`))).toHaveLength(count);
  });
});

describe('absent values', () => {
  const keys = ['dest_uri', 'dest_port', 'dest_tls', 'mode', 'collection_parameter', 'columns', 'id_start', 'new_ids'];
  const forms = ['', 'null', '~', 'Null', 'NULL', "''", '""'];
  it.each(keys.flatMap((key) => forms.map((form) => [key, form] as const)))(
    '%s: %s is the same as leaving it out',
    (key, form) => {
      expect(valid(h2m(`${key}: ${form}`))).toStrictEqual(valid(h2m()));
    },
  );

  it('also inside a group', () => {
    const config = valid(
      h2m('collection_parameter: {dimension: , metric_type: "", index: null, load: ~}', 'dest_tls: {ca: }'),
    );
    expect(config.parameter).toEqual({ idField: 'id', vectorField: 'embedding', load: false });
  });

  it("'null' in quotes is a name", () => {
    expect(valid(f2m("dest_partition_name: 'null'")).partition).toBe('null');
  });

  it.each(['', "''", 'null', '~'])('dest_collection_name: %s is missing', (form) => {
    const [issue] = issuesOf(`F2M:\n  data_path: a\n  dest_collection_name: ${form}`);
    expect(issue).toMatchObject({ key: 'dest_collection_name', line: 1, column: 1 });
    expect(issue?.message).toBe('is missing, needed: Target collection');
  });
});

describe('integers', () => {
  it.each([
    ['9007199254740993', 9007199254740993n],
    ["'9223372036854775807'", 9223372036854775807n],
    ['-9223372036854775808', -9223372036854775808n],
    ['+5', 5n],
    ['007', 7n],
    ['-0', 0n],
  ])('id_start: %s is exact', (text, value) => {
    expect(valid(f2m(`id_start: ${text}`)).options.idStart).toBe(value);
    expect(valid(f2m(`id_offset: ${text}`)).options.idOffset).toBe(value);
  });

  it('id_start: auto', () => {
    expect(valid(f2m('id_start: auto')).options.idStart).toBe('auto');
  });

  it.each(['1e3', '1.0', '0x10', '1_000', 'AUTO', 'true', '[1]', '{a: 1}'])('id_start: %s is refused', (text) => {
    const [issue] = issuesOf(f2m(`id_start: ${text}`));
    expect(issue?.message).toContain('allowed: a whole number, or auto');
  });

  it.each(['9223372036854775808', '-9223372036854775809', '1'.repeat(500_000)])('beyond int64 is refused', (text) => {
    expect(issuesOf(f2m(`id_start: ${text}`))[0]?.message).toContain(
      'is beyond int64, allowed: -9223372036854775808 to',
    );
    expect(issuesOf(f2m(`id_offset: ${text}`))).toHaveLength(1);
  });

  it('id_offset is no auto', () => {
    expect(issuesOf(f2m('id_offset: auto'))).toHaveLength(1);
  });

  it.each(["'19531'", '${PORT}', '19531', '019531'])('dest_port: %s', (text) => {
    expect(valid(f2m(`dest_port: ${text}`), { env: { PORT: '19531' } }).dest.at).toMatchObject({
      address: '127.0.0.1:19531',
    });
  });
});

describe('loadTask', () => {
  const folder = mkdtempSync(join(tmpdir(), 'milvusdm-load-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads a file, its environment, and relative paths from the working folder', () => {
    const path = join(folder, 'f.yaml');
    writeFileSync(path, f2m('dest_token: ${TOKEN}'));
    const config = loadTask(path, { TOKEN: 'x y' });
    expect(config.dest.token).toBe('x y');
    expect((config.source as FileSource).files).toEqual([{ path: join(process.cwd(), 'a.index') }]);
  });

  it('names the file as it was given', () => {
    const path = join(folder, 'bad.yaml');
    writeFileSync(path, 'F2M:\n  data_path: a\n  dest_colection_name: b\n');
    expect(errorOf(() => loadTask(path, {})).message.split('\n')).toEqual([
      `${path}:1:1 dest_collection_name: is missing, needed: Target collection`,
      `${path}:3:3 dest_colection_name: unknown key, did you mean \`dest_collection_name\`?`,
    ]);
  });

  it.each([
    ['missing.yaml', 'ENOENT'],
    ['.', 'EISDIR'],
  ])('%s cannot be read', (name, reason) => {
    const error = errorOf(() => loadTask(join(folder, name), {}));
    expect(error).toMatchObject({ code: 'CFG_FILE', exitCode: 2 });
    expect(error.message).toContain(reason);
  });

  it('refuses a file over 1 MiB without reading all of it, and takes one of 1 MiB', () => {
    const path = join(folder, 'large.yaml');
    const text = f2m();
    writeFileSync(path, text.padEnd(1024 * 1024, '\n'));
    expect(loadTask(path, {}).collection).toBe('c');
    writeFileSync(path, text.padEnd(1024 * 1024 + 1, '\n'));
    expect(errorOf(() => loadTask(path, {}))).toMatchObject({ code: 'CFG_FILE' });
    expect(errorOf(() => loadTask('/dev/zero', {}))).toMatchObject({ code: 'CFG_FILE' });
  });

  it('refuses what is not UTF-8', () => {
    const path = join(folder, 'utf16.yaml');
    writeFileSync(path, Buffer.from(`\ufeff${f2m()}`, 'utf16le'));
    expect(errorOf(() => loadTask(path, {}))).toMatchObject({ code: 'CFG_SYNTAX' });
  });
});
