import { describe, expect, it } from 'vitest';
import { validateJob } from '../../../src/config/load.js';
import type { WriteChoice } from '../../../src/config/types.js';
import { AROUND, issuesOf } from './support.js';

const SERVER = 'dest_uri: http://a:1';
const LOCAL = 'storage: {type: local, path: data}';

function f2m(...lines: string[]): string {
  return ['F2M:', ...['data_path: a.index', 'dest_collection_name: c', ...lines].map((line) => `  ${line}`)].join('\n');
}

function write(...lines: string[]): WriteChoice | undefined {
  const config = validateJob(f2m(...lines), AROUND);
  return 'write' in config ? config.write : undefined;
}

function issues(...lines: string[]): string[] {
  return issuesOf(f2m(...lines)).map(({ key, message }) => `${key}: ${message}`);
}

describe('write and bulk', () => {
  it('say nothing where they are not given', () => {
    expect(write(SERVER)).toBe(undefined);
    expect(write(SERVER, 'write: insert')).toStrictEqual({ how: 'insert' });
  });

  it('mean auto where only bulk is given, with a prefix, a size and a number of jobs', () => {
    expect(write(SERVER, `bulk: {${LOCAL}}`)).toStrictEqual({
      how: 'auto',
      bulk: {
        storage: { type: 'local', path: '/work-folder/data' },
        prefix: 'milvusdm-bulk',
        maxFileBytes: 256 << 20,
        parallelJobs: 4,
        keepFiles: false,
      },
    });
  });

  it('take all that can be set', () => {
    const storage = 'storage: {type: s3, bucket: a-bucket, root_path: /, access_key: k, secret_key: s}';
    const rest = 'prefix: /x//y/, max_file_bytes: 2 GiB, parallel_jobs: 9, keep_files: true';
    expect(write(SERVER, 'write: bulk', `bulk: {${storage}, ${rest}}`)).toStrictEqual({
      how: 'bulk',
      bulk: {
        storage: { type: 's3', bucket: 'a-bucket', root: '', accessKey: 'k', secretKey: 's' },
        prefix: 'x/y',
        maxFileBytes: 2 * 1024 ** 3,
        parallelJobs: 9,
        keepFiles: true,
      },
    });
  });

  it('are explained where they do not go together', () => {
    expect(issues(SERVER, 'write: bulk')).toEqual([
      'write: is bulk without bulk, needed: bulk: {storage: the store of the target}',
    ]);
    expect(issues(SERVER, `bulk: {${LOCAL}, max_file_bytes: 20 GiB}`)).toEqual([
      'bulk.max_file_bytes: `20 GiB` is not allowed, allowed: 1 MiB to 16 GiB',
    ]);
    expect(issues(SERVER, 'bulk: {storage: {type: local, path: a, bucket: a-bucket}}')).toEqual([
      'bulk.storage.bucket: has no use with type: local, allowed: leave it out',
    ]);
    expect(issues('dest_uri: ./folder', 'write: bulk', `bulk: {${LOCAL}}`)).toEqual([
      'write: is bulk while dest_uri names the embedded Milvus Lite, which imports no files, allowed: insert',
    ]);
  });

  it('keep the secrets of the storage from being shown', () => {
    const storage = 'storage: {type: s3, bucket: a-bucket, access_key: k, secret_key: very-secret}';
    expect(validateJob(f2m(SERVER, `bulk: {${storage}}`), AROUND).secrets).toContain('very-secret');
  });
});
