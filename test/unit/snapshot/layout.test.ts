import { describe, expect, it } from 'vitest';
import { manifestKey, metadataKey, metadataPlace, pathsBelow } from '../../../src/snapshot/layout.js';

describe('the place of a metadata file', () => {
  it.each([
    ['snapshots/45/metadata/77.json', '', 45n, '77.json'],
    ['files/snapshots/45/metadata/00001-a-b.json', 'files/', 45n, '00001-a-b.json'],
    ['/var/lib/milvus/snapshots/45/metadata/77.json', '/var/lib/milvus/', 45n, '77.json'],
    ['a/snapshots/1/snapshots/45/metadata/77.json', 'a/snapshots/1/', 45n, '77.json'],
    ['milvusdm_snapshots/45/77/snapshots/45/metadata/77.json', 'milvusdm_snapshots/45/77/', 45n, '77.json'],
  ])('%s', (key, root, collection, file) => {
    expect(metadataPlace(key)).toStrictEqual({ root, collection, file });
  });

  it.each([
    'snapshots/45/metadata/77.avro',
    'snapshots/x/metadata/77.json',
    'snapshots/45/metadata/a/77.json',
    'my-snapshots/45/metadata/77.json',
    'snapshots/45/77.json',
    'snapshots/12345678901234567890/metadata/77.json',
    '',
  ])('is not %s', (key) => {
    expect(metadataPlace(key)).toBeUndefined();
  });

  it('is where one is written', () => {
    expect(metadataPlace(metadataKey('a/b/', 45n, 77n))).toMatchObject({
      root: 'a/b/',
      collection: 45n,
      file: '77.json',
    });
    expect(manifestKey('a/', 45n, 77n, 11n)).toBe('a/snapshots/45/manifests/77/11.avro');
  });
});

describe('a path of a snapshot', () => {
  const at = (root: string): string => `${root}snapshots/45/metadata/77.json`;

  it.each([
    [at('files/'), 'files/insert_log/1/2/3', 'insert_log/1/2/3'],
    [at('/var/lib/milvus/'), '/var/lib/milvus/delta_log/1', 'delta_log/1'],
    [at(''), 'insert_log/1', 'insert_log/1'],
    [at('s3://bucket/root/'), 's3://bucket/root/files/insert_log/1', 'files/insert_log/1'],
    [at('s3://bucket/root/'), 'root/insert_log/1', 'insert_log/1'],
    [at('minio://host:9000/bucket/root/'), 'root/insert_log/1', 'insert_log/1'],
    [at('minio://host:9000/bucket/root/'), 'bucket/root/insert_log/1', 'insert_log/1'],
    ['', 'now/insert_log/1', 'insert_log/1'],
    [at('old/'), 'now/insert_log/1', 'insert_log/1'],
  ])('written at %s: %s', (location, path, rest) => {
    expect(pathsBelow(location, 'now/')(path, 'm')).toBe(rest);
  });

  it.each<[string, string, RegExp]>([
    [at('files/'), 'other/insert_log/1', /not below the snapshot's root "files\/"/],
    [at('files/'), 'filesystem/x', /not below/],
    [at('files/'), '/etc/passwd', /not below/],
    [at('files/'), 'files/../etc/passwd', /no plain path/],
    [at('files/'), 'files/./x', /no plain path/],
    [at('files/'), 'files//etc/passwd', /not below/],
    [at('files/'), 'files/a\\..\\b', /no plain path/],
    [at('files/'), 'files/a\0b', /no plain path/],
    [at('files/'), 'files/', /no plain path/],
    [at(''), '/etc/passwd', /not below/],
    [at(''), 'http://evil/x', /not below/],
    [at('s3://bucket/root/'), 's3://other/root/x', /not below/],
    [at('s3://bucket/root/'), 's3://key:geheim@bucket/root/x', /a URI with a login in it/],
    [at('s3://bucket/root/'), 's3://bucket/root/x?X-Amz-Signature=geheim', /more than a path/],
    [at('s3://bucket/root/'), 's3://bucket/root/x#y', /more than a path/],
  ])('written at %s is not %s', (location, path, message) => {
    const thrown = (): string => pathsBelow(location, 'now/')(path, 'm');
    expect(thrown).toThrow(expect.objectContaining({ code: 'SRC_CORRUPT', message: expect.stringMatching(message) }));
    expect(thrown).not.toThrow(/geheim/);
  });
});
