import { describe, expect, it } from 'vitest';
import { loadTask, validateJob } from '../../../src/config/load.js';
import type { RestoreConfig } from '../../../src/config/types.js';
import { AROUND, issuesOf } from './support.js';

function restore(...lines: string[]): string {
  const head = ['RESTORE:', '  backup_store: {type: local, path: backups}', '  backup_name: b1'];
  return [...head, ...lines.map((line) => `  ${line}`)].join('\n');
}

function valid(...lines: string[]): RestoreConfig {
  const config = validateJob(restore(...lines), AROUND);
  if (config.task !== 'RESTORE') throw new Error('no RESTORE');
  return config;
}

function issues(...lines: string[]): string[] {
  return issuesOf(restore(...lines)).map(({ key, message }) => `${key}: ${message}`);
}

describe('RESTORE', () => {
  it('takes passwords of users that it makes, which are secrets', () => {
    const { passwords, secrets } = valid('rbac: true', 'user_passwords: {alice: a-secret}');
    expect(passwords).toMatchObject({ alice: 'a-secret' });
    expect(secrets).toContain('a-secret');
    expect(issues('user_passwords: {alice: a-secret}')).toEqual([
      'user_passwords: has no use without rbac: true, allowed: leave it out',
    ]);
  });

  it('needs nothing but a backup: all of it, into the server of this machine', () => {
    expect(valid()).toStrictEqual({
      task: 'RESTORE',
      endpoint: { at: { kind: 'server', address: '127.0.0.1:19530', tls: false } },
      store: { type: 'local', path: '/work-folder/backups' },
      name: 'b1',
      select: ['*.*'],
      exclude: [],
      rename: { map: {} },
      mode: 'skip',
      index: 'restore',
      load: 'restore',
      metaOnly: false,
      rbac: false,
      passwords: {},
      verify: 'sample',
      parallelism: 16,
      retryFor: 60,
      notes: ['mode is not set: skip, a collection that exists is left alone'],
      secrets: [],
    });
  });

  it('takes everything that it knows', () => {
    const config = valid(
      'dest_uri: http://a:1',
      'dest_token: geheim',
      'dest_storage: {type: s3, bucket: abc, access_key: k, secret_key: verysecret}',
      'source_collection: [articles, "shop.*"]',
      'exclude_collection: tmp_*',
      'rename: {suffix: _x, map: {a: b, "shop.*": "other.*", shop.users: people}}',
      'mode: overwrite',
      'index: auto',
      'load: false',
      'shards: 1',
      'write: insert',
      'meta_only: true',
      'verify: none',
      'parallelism: 2',
      'retry_for: 5',
    );
    expect(config).toMatchObject({
      endpoint: { at: { address: 'a:1' }, token: 'geheim' },
      bulk: { storage: { bucket: 'abc' }, prefix: 'milvusdm-bulk', keepFiles: false },
      storage: { type: 's3', bucket: 'abc', root: 'files' },
      select: ['default.articles', 'shop.*'],
      exclude: ['default.tmp_*'],
      rename: { suffix: '_x', map: { 'default.a': '.b', 'shop.*': 'other.*', 'shop.users': '.people' } },
      mode: 'overwrite',
      index: 'auto',
      load: false,
      shards: 1,
      way: 'insert',
      metaOnly: true,
      verify: 'none',
      parallelism: 2,
      retryFor: 5,
    });
    expect(config.secrets).toEqual(expect.arrayContaining(['geheim', 'verysecret']));
    expect(valid('dest_db: all').rename).toStrictEqual({ map: {}, db: 'all' });
    expect(valid('dest_db: all').endpoint).not.toHaveProperty('db');
  });

  it.each<[string, string]>([
    ['backup_name: 1x', 'backup_name: `1x` is not allowed'],
    ['mode: append', 'mode: `append` is not allowed, allowed: skip, overwrite'],
    ['write: bulk', 'write: `bulk` is not allowed, allowed: auto, import, insert'],
    ['load: maybe', 'load: `maybe` is not allowed, allowed: restore, true or false'],
    ['shards: 0', 'shards: `0` is not allowed'],
    ['rename: {suffix: "-x"}', 'rename.suffix: `-x` is not allowed'],
    ['rename: {map: {"a*": b}}', 'rename.map.a*: `a*` is no name in a backup'],
    ['rename: {map: {a: "b.c.d"}}', 'rename.map.a: `b.c.d` is not allowed'],
    ['rename: {map: {"a.*": b}}', 'rename.map.a.*: `b` does not go with `a.*`'],
    ['rename: {map: {a: "b.*"}}', 'rename.map.a: `b.*` does not go with `a`'],
    ['rename: {map: {a: c, b: c}}', 'rename.map.b: `c` is the new name of `a` already'],
    ['dest_storage: {type: local}', 'dest_storage: path is missing'],
    ['source_uri: http://a', 'source_uri: is a key of M2M, not of RESTORE'],
  ])('refuses %s', (line, message) => {
    const text = line.startsWith('backup_name') ? restore().replace('backup_name: b1', line) : restore(line);
    const found = issuesOf(text).map((issue) => `${issue.key}: ${issue.message}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it('refuses two databases for one collection, and storage for an embedded Milvus', () => {
    expect(issues('dest_db: x', 'rename: {map: {a: y.b}}')).toEqual([
      'dest_db: is given while rename.map names databases, allowed: one of the two',
    ]);
    expect(issues('dest_uri: ./lite', 'dest_storage: {type: local, path: x}')[0]).toContain(
      'has no use with the embedded',
    );
  });

  it('is no task that moves rows', () => {
    expect(() => loadTask('yamls/RESTORE.yaml', { S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 'b' })).toThrow(
      'a task that moves rows is needed, and this is RESTORE',
    );
  });
});
