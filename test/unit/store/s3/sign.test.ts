import { describe, expect, it } from 'vitest';
import { encode, encodePath, queryText, type SignedRequest, sha256, sign } from '../../../../src/store/s3/sign.js';

/** The examples of AWS's own page "Signature Calculations for the Authorization Header" (S3 API reference). */
const CREDENTIALS = { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const AT = new Date('2013-05-24T00:00:00.123Z');
const HOST = 'examplebucket.s3.amazonaws.com';
const EMPTY = sha256('');

function signatureOf(request: Partial<SignedRequest>): string {
  const whole = { method: 'GET', path: '/', query: {}, payloadHash: EMPTY, ...request };
  const headers = { host: HOST, ...request.headers };
  const { authorization = '' } = sign({ ...whole, headers }, CREDENTIALS, 'us-east-1', AT);
  return authorization.replace(/.*Signature=/, '');
}

describe('the signature', () => {
  it.each<[string, Partial<SignedRequest>, string]>([
    [
      'a part of an object',
      { path: '/test.txt', headers: { range: 'bytes=0-9' } },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'an object with a body',
      {
        method: 'PUT',
        path: '/test%24file.text',
        headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
        payloadHash: sha256('Welcome to Amazon S3.'),
      },
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    [
      'a query without a value',
      { query: { lifecycle: '' } },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'a query',
      { query: { prefix: 'J', 'max-keys': '2' } },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])('of %s is that of the documentation', (_, request, signature) => {
    expect(signatureOf(request)).toBe(signature);
  });

  it('names what it covers, with the token of temporary credentials', () => {
    const request = { method: 'GET', path: '/', query: {}, headers: { host: 'h' }, payloadHash: EMPTY };
    const headers = sign(request, { ...CREDENTIALS, sessionToken: 'tok' }, 'eu-1', AT);
    expect(headers['x-amz-security-token']).toBe('tok');
    expect(headers.authorization).toContain('Credential=AKIAIOSFODNN7EXAMPLE/20130524/eu-1/s3/aws4_request');
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,');
    expect(JSON.stringify(headers)).not.toContain(CREDENTIALS.secretKey);
  });
});

it('encodes as AWS does', () => {
  expect(encode("a b+c/d!'()*~-_.é")).toBe('a%20b%2Bc%2Fd%21%27%28%29%2A~-_.%C3%A9');
  expect(encodePath('a b/c+d')).toBe('a%20b/c%2Bd');
  expect(queryText({ b: '1', 'a-b': '', a: '/' })).toBe('a=%2F&a-b=&b=1');
});
