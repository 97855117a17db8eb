import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { S3Storage } from '../../../../src/config/types.js';
import { credentialsOf } from '../../../../src/store/s3/credentials.js';
import { startFakeS3 } from './fake-s3.js';

const CONFIG: S3Storage = { type: 's3', bucket: 'b', root: '' };
const OFF = { AWS_EC2_METADATA_DISABLED: 'true' };

function lease(minutes: number, accessKey: string): string {
  const Expiration = new Date(Date.now() + minutes * 60_000).toISOString();
  return JSON.stringify({ AccessKeyId: accessKey, SecretAccessKey: 's', Token: 't', Expiration });
}

describe('credentials', () => {
  it('are those of the YAML before those of the environment', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'e', AWS_SECRET_ACCESS_KEY: 'es', AWS_SESSION_TOKEN: 'et' };
    const given = { ...CONFIG, accessKey: 'a', secretKey: 's' };
    expect(await credentialsOf(given, env, 'r')()).toEqual({ accessKey: 'a', secretKey: 's' });
    const withToken = { ...given, sessionToken: 't' };
    expect(await credentialsOf(withToken, {}, 'r')()).toEqual({ accessKey: 'a', secretKey: 's', sessionToken: 't' });
    expect(await credentialsOf(CONFIG, env, 'r')()).toEqual({ accessKey: 'e', secretKey: 'es', sessionToken: 'et' });
  });

  it('are missed with a clear message', async () => {
    const missing = { code: 'STORE_AUTH', exitCode: 4, message: expect.stringContaining('no S3 credentials') };
    await expect(credentialsOf(CONFIG, OFF, 'r')()).rejects.toMatchObject(missing);
  });

  it('come from the role of the machine by version 2 of its service, and are fetched again before they end', async () => {
    await using fake = await startFakeS3([
      { status: 200, body: 'token-1' },
      { status: 200, body: 'my-role\n' },
      { status: 200, body: lease(4, 'first') },
      { status: 200, body: 'token-2' },
      { status: 200, body: 'my-role' },
      { status: 200, body: lease(60, 'second') },
    ]);
    const get = credentialsOf(CONFIG, { AWS_EC2_METADATA_SERVICE_ENDPOINT: fake.url }, 'r');
    expect(await get()).toMatchObject({ accessKey: 'first', secretKey: 's', sessionToken: 't' });
    const many = await Promise.all([get(), get(), get()]);
    expect(many.map(({ accessKey }) => accessKey)).toEqual(['second', 'second', 'second']);
    await get();
    expect(fake.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(
      [1, 2].flatMap(() => [
        'PUT /latest/api/token',
        'GET /latest/meta-data/iam/security-credentials/',
        'GET /latest/meta-data/iam/security-credentials/my-role',
      ]),
    );
    expect(fake.seen[1]?.headers['x-aws-ec2-metadata-token']).toBe('token-1');
  });

  it('come from the service of a container', async () => {
    await using fake = await startFakeS3([{ status: 200, body: lease(60, 'c') }]);
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${fake.url}/v1`, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'bearer' };
    expect(await credentialsOf(CONFIG, env, 'r')()).toMatchObject({ accessKey: 'c' });
    expect(fake.seen[0]).toMatchObject({ url: '/v1', headers: { authorization: 'bearer' } });
  });

  it('come from a web identity', async () => {
    const xml = `<R><Credentials><AccessKeyId>w</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
      <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></R>`;
    await using fake = await startFakeS3([{ status: 200, body: xml }]);
    const folder = await mkdtemp(join(tmpdir(), 'milvusdm-token-'));
    try {
      await writeFile(join(folder, 'token'), 'jwt\n');
      const env = {
        AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
        AWS_ROLE_ARN: 'arn:r',
        AWS_ENDPOINT_URL_STS: fake.url,
      };
      expect(await credentialsOf(CONFIG, env, 'r')()).toEqual({ accessKey: 'w', secretKey: 's', sessionToken: 't' });
      expect(fake.seen[0]?.body).toContain('WebIdentityToken=jwt');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('that a service does not give are named with the service, and asked for anew', async () => {
    await using fake = await startFakeS3([
      { status: 500, body: 'x' },
      { status: 200, body: '{}' },
      { status: 200, body: lease(60, 'c') },
    ]);
    const get = credentialsOf(CONFIG, { AWS_CONTAINER_CREDENTIALS_FULL_URI: fake.url }, 'r');
    await expect(get()).rejects.toMatchObject({ code: 'STORE_AUTH', message: expect.stringContaining('status 500') });
    await expect(get()).rejects.toMatchObject({ message: expect.stringContaining('has no credentials') });
    expect(await get()).toMatchObject({ accessKey: 'c' });
  });
});
