import { describe, expect, it } from 'vitest';
import { validateText } from '../../../src/config/load.js';
import type { BackupSource, SegmentsSource } from '../../../src/config/types.js';
import { issuesOf } from './support.js';

// biome-ignore lint/suspicious/noTemplateCurlyInString: references of the YAML
const KEYS = 'access_key: "${KEY}", secret_key: "${SECRET}"';

function m2m(...lines: string[]): string {
  return [
    'M2M:',
    '  source_collection: [a, b_*]',
    '  dest_uri: http://milvus:19530',
    ...lines.map((line) => `  ${line}`),
  ].join('\n');
}

function sourceOf(...lines: string[]): BackupSource {
  const { source } = validateText(m2m(...lines), { cwd: '/data', env: { KEY: 'k', SECRET: 's3cret' } });
  if (source.adapter !== 'backup') throw new Error(`the source is ${source.adapter}`);
  return source;
}

describe('source_backup', () => {
  it('is the folder of a backup', () => {
    expect(sourceOf('source_backup: backups/nightly', 'output_fields: [id, title]', 'source_db: shop')).toStrictEqual({
      adapter: 'backup',
      storage: { type: 'local', path: '/data/backups/nightly' },
      name: '',
      db: 'shop',
      select: { a: null, 'b_*': null },
      outputFields: ['id', 'title'],
    });
  });

  it('is a name in a store, whose prefix is that of backups', () => {
    const store = `store: {type: s3, endpoint: 'http://minio:9000', bucket: backups, ${KEYS}}`;
    const source = sourceOf(`source_backup: {${store}, name: nightly}`);
    expect(source).toMatchObject({ name: 'nightly', storage: { type: 's3', bucket: 'backups', root: 'backup' } });
  });

  it('keeps the secrets of its store from all that is printed', () => {
    const store = `store: {type: s3, bucket: backups, ${KEYS}}`;
    const config = validateText(m2m(`source_backup: {${store}, name: nightly}`), {
      env: { KEY: 'k', SECRET: 's3cret' },
    });
    expect(config.secrets).toContain('s3cret');
  });

  it.each([
    [['source_backup: b', 'source_uri: http://a'], 'source_uri', /together with source_backup/],
    [['source_backup: b', 'source_milvus_path: old'], 'source_backup', /together with source_milvus_path/],
    [['source_backup: b', 'filter: x > 1'], 'filter', /has no use with source_backup/],
    [['source_backup: b', 'source_token: t'], 'source_token', /has no use with source_backup/],
    [['source_backup: b', 'unflushed: include'], 'unflushed', /has no use with source_backup/],
    [['source_backup: {name: x, store: null}'], 'source_backup.store', /is missing/],
    [['source_backup: {name: a/b, store: {type: local, path: x}}'], 'source_backup.name', /is a path/],
    [['source_backup: {name: a, store: {type: s3}}'], 'source_backup.store', /bucket is missing/],
    [
      ['source_backup: {name: a, store: {type: local, path: x, bucket: yyy}}'],
      'source_backup.store.bucket',
      /has no use/,
    ],
  ] as const)('%j is told', (lines, key, message) => {
    const issues = issuesOf(m2m(...lines));
    expect(issues).toContainEqual(expect.objectContaining({ key, message: expect.stringMatching(message) }));
  });
});

describe('source_storage', () => {
  const STORE = 'source_storage: {type: local, path: data}';

  it('is the store of the Milvus that is named besides it, flushed first', () => {
    const { source } = validateText(m2m(STORE, 'source_uri: http://old:19530', 'output_fields: title'), {
      cwd: '/data',
      env: {},
    });
    expect(source).toStrictEqual({
      adapter: 'segments',
      endpoint: { at: { kind: 'server', address: 'old:19530', tls: false } },
      storage: { type: 'local', path: '/data/data' },
      flush: true,
      select: { a: null, 'b_*': null },
      outputFields: ['title'],
    } satisfies SegmentsSource);
  });

  it.each([
    [[STORE], '', /the source is missing/],
    [[STORE, 'source_backup: b'], 'source_storage', /has no use with source_backup/],
    [[STORE, 'source_milvus_path: old'], 'source_storage', /has no use with source_milvus_path/],
    [[STORE, 'source_uri: ./lite'], 'source_storage', /has no use with the embedded Milvus Lite/],
    [[STORE, 'source_uri: http://a', 'filter: x > 1'], 'filter', /has no use with source_storage/],
    [['source_uri: http://a', 'flush: false'], 'flush', /has no use without source_storage/],
    [['source_storage: {type: s3}', 'source_uri: http://a'], 'source_storage', /bucket is missing/],
  ])('refuses %j', (lines, key, message) => {
    const issues = issuesOf(m2m(...lines));
    expect(issues.map((issue) => issue.key)).toContain(key);
    expect(issues.map((issue) => issue.message).join()).toMatch(message);
  });
});
