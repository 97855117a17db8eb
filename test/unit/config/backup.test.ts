// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { describe, expect, it } from 'vitest';
import { loadTask, validateJob, validateText } from '../../../src/config/load.js';
import type { BackupConfig } from '../../../src/config/types.js';
import { AROUND, issuesOf } from './support.js';

function backup(...lines: string[]): string {
  return ['BACKUP:', '  backup_store: {type: local, path: backups}', ...lines.map((line) => `  ${line}`)].join('\n');
}

function valid(...lines: string[]): BackupConfig {
  const config = validateJob(backup(...lines), { ...AROUND, env: { KEY: 'k', SECRET: 's3cret' } });
  if (config.task !== 'BACKUP') throw new Error('no BACKUP');
  return config;
}

const STORAGE = 'source_storage: {type: local, path: /milvus}';
const BUCKET = 'source_storage: {type: s3, bucket: a-bucket, access_key: "${KEY}", secret_key: "${SECRET}"}';

describe('BACKUP', () => {
  it('needs nothing but a store: the server of this machine, all of it', () => {
    expect(valid()).toStrictEqual({
      task: 'BACKUP',
      endpoint: { at: { kind: 'server', address: '127.0.0.1:19530', tls: false } },
      store: { type: 'local', path: '/work-folder/backups' },
      select: ['*.*'],
      exclude: [],
      strategy: 'auto',
      kind: 'manual',
      flush: true,
      rbac: false,
      link: false,
      checksum: 'auto',
      compression: 'zstd',
      parallelism: 16,
      retryFor: 60,
      notes: [],
      secrets: [],
    });
  });

  it('takes what it says', () => {
    const config = valid(
      BUCKET,
      'source_uri: https://milvus.example.com',
      'source_user: root',
      'source_password: "${SECRET}"',
      'backup_name: nightly',
      'base: nightly_before',
      'strategy: storage',
      'kind: automatic',
      'flush: false',
      'checksum: full',
      'parallelism: 4',
    );
    expect(config).toMatchObject({
      endpoint: { at: { address: 'milvus.example.com:443', tls: true }, user: 'root' },
      storage: { type: 's3', bucket: 'a-bucket', root: 'files', accessKey: 'k', secretKey: 's3cret' },
      name: 'nightly',
      base: 'nightly_before',
      strategy: 'storage',
      kind: 'automatic',
      flush: false,
      checksum: 'full',
      parallelism: 4,
    });
    expect(config.secrets).toEqual(expect.arrayContaining(['s3cret', 'root:s3cret']));
  });

  it.each([
    ['source_collection: "*"', ['*.*']],
    ['source_collection: articles', ['default.articles']],
    ['source_collection: [a, shop.*, "*.users", a]', ['default.a', 'shop.*', '*.users']],
  ])('%s', (line, select) => {
    expect(valid(line).select).toEqual(select);
  });

  it('looks for names without a database in source_db', () => {
    const config = valid('source_db: shop', 'source_collection: items', 'exclude_collection: [tmp_*, other.x]');
    expect([config.select, config.exclude]).toEqual([['shop.items'], ['shop.tmp_*', 'other.x']]);
  });

  it.each([
    ['strategy: storage', 'source_storage is missing, needed with strategy: storage'],
    ['base: a', undefined],
    ['backup_name: a\n  base: a', 'is the name of the backup itself'],
    ['backup_name: a-b', 'up to 128 letters, digits and underscores'],
    ['backup_name: 1a', 'up to 128 letters, digits and underscores'],
    ['source_collection: a.b.c', 'a name such as articles'],
    ['source_collection: {a: [p]}', 'a name such as articles'],
    ['link: true', 'has no use without strategy: storage and source_storage'],
    [`link: true\n  ${STORAGE}`, undefined],
    [`link: true\n  strategy: logical\n  ${STORAGE}`, 'has no use without strategy: storage and source_storage'],
    ['link: true\n  source_storage: {type: s3, bucket: abc}', 'is true while a store is a bucket'],
    [`source_uri: ./lite\n  ${STORAGE}`, 'has no use with the embedded Milvus Lite'],
    ['source_storage: {type: s3}', 'bucket is missing'],
    ['parallelism: 0', 'parallelism'],
    ['mode: skip', 'is a key of F2M, not of BACKUP'],
    ['source_user: root', 'is given without source_password'],
  ])('%s', (line, message) => {
    const issues = issuesOf(backup(...line.split('\n  ')));
    if (message === undefined) expect(issues).toEqual([]);
    else expect(issues.map((i) => `${i.key} ${i.message}`).join()).toContain(message);
  });

  it('needs a store', () => {
    expect(issuesOf('BACKUP:').map((i) => i.key)).toEqual(['backup_store']);
  });

  it('is no task that moves rows', () => {
    const refused = expect.objectContaining({ code: 'USAGE' });
    expect(() => validateText(backup(), AROUND)).toThrow(refused);
    expect(() => loadTask('/nowhere.yaml')).toThrow(expect.objectContaining({ code: 'CFG_FILE' }));
  });
});
