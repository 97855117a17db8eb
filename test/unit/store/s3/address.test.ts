import { expect, it } from 'vitest';
import type { S3Storage } from '../../../../src/config/types.js';
import { addressOf } from '../../../../src/store/s3/address.js';

const at = (host: string, port = 443, tls = true): Partial<S3Storage> => ({ endpoint: { host, port, tls } });

it.each<[Partial<S3Storage>, string]>([
  [at('127.0.0.1', 9000, false), '127.0.0.1:9000 /buck/a/b%20c'],
  [at('::1', 9000, false), '[::1]:9000 /buck/a/b%20c'],
  [at('minio', 80, false), 'minio /buck/a/b%20c'],
  [at('minio', 443, false), 'minio:443 /buck/a/b%20c'],
  [at('storage.googleapis.com'), 'storage.googleapis.com /buck/a/b%20c'],
  [{}, 'buck.s3.eu-1.amazonaws.com /a/b%20c'],
  [{ bucket: 'my.bucket' }, 's3.eu-1.amazonaws.com /my.bucket/a/b%20c'],
  [{ virtualHost: false }, 's3.eu-1.amazonaws.com /buck/a/b%20c'],
  [{ ...at('minio.local'), virtualHost: true }, 'buck.minio.local /a/b%20c'],
  [at('oss-cn-x.aliyuncs.com'), 'buck.oss-cn-x.aliyuncs.com /a/b%20c'],
  [at('notamazonaws.com'), 'notamazonaws.com /buck/a/b%20c'],
])('a key of %j is at %s', (config, where) => {
  const { hostHeader, path } = addressOf({ type: 's3', bucket: 'buck', root: '', ...config }, 'eu-1', 'a/b c');
  expect(`${hostHeader} ${path}`).toBe(where);
});

it('the bucket itself, and China, have addresses, too', () => {
  const config: S3Storage = { type: 's3', bucket: 'buck', root: '' };
  expect(addressOf(config, 'cn-north-1')).toMatchObject({ host: 'buck.s3.cn-north-1.amazonaws.com.cn', path: '/' });
  expect(addressOf({ ...config, virtualHost: false }, 'eu-1')).toMatchObject({ path: '/buck' });
});
