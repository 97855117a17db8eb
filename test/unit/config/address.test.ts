import { describe, expect, it } from 'vitest';
import { parseHost, parseUri } from '../../../src/config/address.js';

const around = { env: { HOME: '/home/u' }, cwd: '/w' };

describe('dest_uri', () => {
  it.each([
    ['http://host:19530', 'host:19530', false],
    ['http://host', 'host:19530', false],
    ['http://host/', 'host:19530', false],
    ['http://host:', 'host:19530', false],
    ['http://host:80', 'host:80', false],
    ['https://host:443', 'host:443', true],
    ['https://host', 'host:443', true],
    ['HTTPS://Host:1', 'Host:1', true],
    ['tcp://10.0.0.1:65535', '10.0.0.1:65535', false],
    ['grpc://my_host-1.example.com:1', 'my_host-1.example.com:1', false],
    ['http://[::1]:19530', '[::1]:19530', false],
    ['http://[fe80::1]', '[fe80::1]:19530', false],
  ])('%s is a server', (uri, address, tls) => {
    expect(parseUri(uri, around)).toEqual({ at: { kind: 'server', address, tls } });
  });

  it.each([
    ['./milvus', '/w/milvus'],
    ['milvus.db', '/w/milvus.db'],
    ['milvus-lite', '/w/milvus-lite'],
    ['/data/milvus', '/data/milvus'],
    ['~/milvus', '/home/u/milvus'],
    ['a:b', '/w/a:b'],
    ['./localhost:19530', '/w/localhost:19530'],
  ])('%s is a folder', (uri, folder) => {
    expect(parseUri(uri, around)).toEqual({ at: { kind: 'embedded', folder } });
  });

  it.each([
    ['localhost:19530', 'allowed: http://localhost:19530 for a server'],
    ['milvus.example.com:19530', 'looks like a server'],
    ['127.0.0.1', 'looks like a server'],
    ['localhost', 'looks like a server'],
    ['[::1]:19530', 'looks like a server'],
    ['http:host', 'needs // behind its scheme'],
    ['tcp:localhost:19530', 'needs // behind its scheme'],
    ['ftp://host', '`ftp` is no scheme of Milvus'],
    ['s3://bucket/x', '`s3` is no scheme of Milvus'],
    ['http://', 'is no host and port'],
    ['http://:19530', 'is no host and port'],
    ['http://host:abc', 'is no host and port'],
    ['http://a b', 'is no host and port'],
    ['http://[x]', 'is no host and port'],
    ['http://::1', 'is no host and port'],
    ['http://host:0', 'port `0` is not allowed, allowed: 1 to 65535'],
    ['http://host:65536', 'port `65536` is not allowed'],
    ['http://host/db', '`/db` behind the address has no meaning'],
    ['http://host?a=b', '`?a=b` behind the address has no meaning'],
    ['a\0b', 'NUL'],
  ])('%s is refused', (uri, problem) => {
    const parsed = parseUri(uri, around);
    expect('problem' in parsed && parsed.problem).toContain(problem);
    expect('problem' in parsed && parsed.problem).toContain('allowed: ');
  });

  it('does not show a password that stands in it', () => {
    for (const uri of ['https://root:hunter2@host', 'ftp://root:hunter2@host', 'http://hunter2@host:1/x']) {
      const parsed = parseUri(uri, around);
      expect(parsed).toEqual({ problem: expect.stringContaining('dest_password') });
      expect(JSON.stringify(parsed)).not.toContain('hunter2');
    }
  });
});

describe('dest_host and dest_port', () => {
  it.each([
    [undefined, undefined, '127.0.0.1:19530'],
    ['host', undefined, 'host:19530'],
    [undefined, 1, '127.0.0.1:1'],
    ['::1', 1, '[::1]:1'],
    ['[::1]', 1, '[::1]:1'],
    ['milvus_1.internal', 2, 'milvus_1.internal:2'],
  ])('%s and %s', (host, port, address) => {
    expect(parseHost(host, port)).toEqual({ at: { kind: 'server', address, tls: false } });
  });

  it.each([
    ['http://host', 'allowed: a host name here, or dest_uri: http://host'],
    ['host:19530', 'allowed: dest_host: host and dest_port: 19530'],
    ['root:pw@host', 'allowed: dest_user and dest_password'],
    ['http://root:pw@host', 'allowed: dest_user and dest_password'],
    ['a b', 'is no host'],
    ['./milvus', 'is no host'],
    ['-a', 'is no host'],
  ])('%s is refused', (host, problem) => {
    const parsed = parseHost(host);
    expect('problem' in parsed && parsed.problem).toContain(problem);
    expect(JSON.stringify(parsed)).not.toContain('pw');
  });
});
