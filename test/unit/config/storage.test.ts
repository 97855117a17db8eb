// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RawStorage } from '../../../src/config/raw.js';
import { checkStorage, parseEndpoint, type StorageKey, storageOf } from '../../../src/config/storage.js';

const AROUND = { env: { HOME: '/home/u' }, cwd: '/work-folder' };

function issues(raw: RawStorage, key: StorageKey = 'backup_store'): string[] {
  const found: string[] = [];
  checkStorage(key, raw, { report: (path, message, code) => found.push(`${code} ${path.join('.')}: ${message}`) });
  return found;
}

describe('a local store', () => {
  it('has absolute paths', () => {
    const raw: RawStorage = { type: 'local', path: 'a/b', server_path: '/milvus/b' };
    expect(issues(raw)).toEqual([]);
    expect(storageOf('backup_store', raw, AROUND)).toStrictEqual({
      type: 'local',
      path: '/work-folder/a/b',
      serverPath: '/milvus/b',
    });
    expect(storageOf('dest_storage', { type: 'local', path: '~/x' }, AROUND)).toStrictEqual({
      type: 'local',
      path: '/home/u/x',
    });
  });

  it('needs a path, and takes nothing of S3', () => {
    expect(issues({ type: 'local' })).toEqual([
      'CFG_INVALID backup_store: path is missing, needed with type: local: the folder',
    ]);
    expect(issues({ type: 'local', path: 'a', bucket: 'abc', tls: true })).toEqual([
      'CFG_CONFLICT backup_store.bucket: has no use with type: local, allowed: leave it out',
      'CFG_CONFLICT backup_store.tls: has no use with type: local, allowed: leave it out',
    ]);
    expect(issues({ type: 'local', path: 'a', server_path: 'b' })).toEqual([
      'CFG_INVALID backup_store.server_path: `b` is relative, allowed: the whole path, as Milvus sees the folder',
    ]);
  });
});

describe('an S3 store', () => {
  const base: RawStorage = { type: 's3', bucket: 'a-bucket', access_key: 'k', secret_key: 's' };

  it('has the default roots of Milvus and of milvus-backup, in one form', () => {
    const root = (key: StorageKey, raw: RawStorage): unknown => (storageOf(key, raw, AROUND) as { root: string }).root;
    expect(root('source_storage', base)).toBe('files');
    expect(root('dest_storage', { ...base, root_path: '/x//y/' })).toBe('x/y');
    expect(root('backup_store', base)).toBe('backup');
    expect(root('backup_store', { ...base, prefix: '/' })).toBe('');
  });

  it('keeps what it is given, with the endpoint taken apart', () => {
    const raw: RawStorage = {
      ...base,
      endpoint: 'https://[::1]:9000',
      region: 'eu-1',
      session_token: 't',
      virtual_host: true,
      tls: { ca: 'ca.pem' },
    };
    expect(issues(raw)).toEqual([]);
    expect(storageOf('source_storage', raw, AROUND)).toStrictEqual({
      type: 's3',
      endpoint: { host: '::1', port: 9000, tls: true },
      bucket: 'a-bucket',
      root: 'files',
      region: 'eu-1',
      accessKey: 'k',
      secretKey: 's',
      sessionToken: 't',
      virtualHost: true,
      tls: { ca: '/work-folder/ca.pem' },
    });
  });

  it.each<[string, RawStorage['tls'], string]>([
    ['http://a', undefined, 'http a 80'],
    ['https://a.b/', undefined, 'https a.b 443'],
    ['127.0.0.1:9000', undefined, 'http 127.0.0.1 9000'],
    ['127.0.0.1:9000', true, 'https 127.0.0.1 9000'],
    ['s3.amazonaws.com', undefined, 'https s3.amazonaws.com 443'],
    ['minio:443', undefined, 'https minio 443'],
    ['minio', false, 'http minio 80'],
  ])('reads the endpoint %s (tls %s) as %s', (text, tls, meant) => {
    const parsed = parseEndpoint(text, tls);
    if ('problem' in parsed) throw new Error(parsed.problem);
    const { endpoint } = parsed;
    expect(`${endpoint.tls ? 'https' : 'http'} ${endpoint.host} ${endpoint.port}`).toBe(meant);
  });

  it.each([
    ['http://k:hunter2@a', 'an endpoint holds no login, allowed: access_key and secret_key'],
    ['s3://bucket', '`s3` is no scheme of S3, allowed: http://host:port or https://host:port'],
    ['http://a/bucket', 'is no endpoint'],
    ['http://a:70000', 'port `70000` is not allowed'],
    ['', 'is no endpoint'],
    ['a b', 'is no endpoint'],
    ['http://[zz]:1', 'is no endpoint'],
  ])('refuses the endpoint %j', (text, message) => {
    const [issue = ''] = issues({ ...base, endpoint: text });
    expect(issue).toContain(message);
    expect(issue).not.toContain('hunter2');
  });

  it.each<[RawStorage, string]>([
    [{ type: 's3' }, 'CFG_INVALID backup_store: bucket is missing, needed with type: s3'],
    [{ ...base, path: '/a' }, 'CFG_CONFLICT backup_store.path: has no use with type: s3'],
    [{ type: 's3', bucket: 'abc', access_key: 'k' }, 'backup_store.access_key: is given without secret_key'],
    [{ type: 's3', bucket: 'abc', secret_key: 'k' }, 'backup_store.secret_key: is given without access_key'],
    [{ type: 's3', bucket: 'abc', session_token: 'k' }, 'backup_store.session_token: is given without access_key'],
    [{ ...base, prefix: 'a/../b' }, 'backup_store.prefix: `a/../b` has . or .. in it'],
    [{ ...base, root_path: './b' }, 'backup_store.root_path: `./b` has . or .. in it'],
    [{ ...base, endpoint: 'https://a', tls: false }, 'backup_store.tls: is false while endpoint is https'],
    [{ ...base, endpoint: 'http://a', tls: true }, 'backup_store.tls: is given while endpoint is http'],
    [{ ...base, tls: false }, 'backup_store.tls: is false without an endpoint'],
    [{ ...base, tls: { cert: 'c' } }, 'backup_store.tls.cert: is given without key'],
  ])('refuses %j', (raw, message) => {
    const found = issues(raw);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

it('the schema marks the secrets, and only them', () => {
  const { $defs } = JSON.parse(readFileSync(new URL('../../../schemas/defs/storage.json', import.meta.url), 'utf8'));
  const marked = Object.entries<{ writeOnly?: boolean }>($defs).filter(([, schema]) => schema.writeOnly);
  expect(marked.map(([name]) => name)).toEqual(['secret_key', 'session_token']);
});
