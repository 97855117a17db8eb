import { expect, it } from 'vitest';
import type { S3Storage } from '../../../../src/config/types.js';
import { clientSettings, isVirtualHosted } from '../../../../src/store/s3/client.js';

const AWS: S3Storage = { type: 's3', bucket: 'buck', root: '' };
const minio = { ...AWS, endpoint: { host: 'fd00::1', port: 9000, tls: false } };
const alibaba = { ...AWS, endpoint: { host: 'oss-cn-x.aliyuncs.com', port: 443, tls: true } };

it.each<[string, S3Storage, boolean]>([
  ['AWS', AWS, true],
  ['AWS with a dot in the bucket, which no certificate covers', { ...AWS, bucket: 'a.b' }, false],
  ['a server of its own', minio, false],
  ['a cloud that knows no other way', alibaba, true],
  ['whatever the settings say', { ...minio, virtualHost: true }, true],
])('the bucket in the host name: %s', (_, config, virtual) => {
  expect(isVirtualHosted(config)).toBe(virtual);
  expect(clientSettings(config, {}).forcePathStyle).toBe(!virtual);
});

it('the endpoint, the region and the credentials are those of the settings', () => {
  const own = { ...minio, region: 'r', accessKey: 'a', secretKey: 'b', sessionToken: 't' };
  expect(clientSettings(own, { AWS_REGION: 'other' })).toMatchObject({
    endpoint: 'http://[fd00::1]:9000',
    region: 'r',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 't' },
    maxAttempts: 1,
  });
});

it('without them, region and credentials are those of the environment', () => {
  const settings = clientSettings(AWS, { AWS_DEFAULT_REGION: 'eu-west-9' });
  expect(settings).toMatchObject({ region: 'eu-west-9' });
  expect(settings).not.toHaveProperty('credentials');
  expect(settings).not.toHaveProperty('endpoint');
  expect(clientSettings(AWS, {}).region).toBe('us-east-1');
});

it('a certificate that cannot be read is said with its path', () => {
  const config = { ...alibaba, tls: { ca: '/no/such.pem' } };
  expect(() => clientSettings(config, {})).toThrow(/\/no\/such\.pem cannot be read/);
});
