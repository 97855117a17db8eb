import { createHash, createHmac } from 'node:crypto';

/** What signs a request; temporary credentials have a token. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
}

export interface SignedRequest {
  readonly method: string;
  /** Path with every part encoded, beginning with "/". */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case; `host` is among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hex, or UNSIGNED-PAYLOAD. */
  readonly payloadHash: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** URI encoding as AWS wants it: everything but letters, digits and -._~ */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The path of a key: its parts encoded, the slashes left. */
export function encodePath(key: string): string {
  return key.split('/').map(encode).join('/');
}

/** Query text in the order that is signed: by the encoded names. */
export function queryText(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(([name, value]) => [encode(name), encode(value)] as const);
  pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map((pair) => pair.join('=')).join('&');
}

/**
 * The headers of a request with those of AWS Signature Version 4 added (docs.aws.amazon.com, "Create a signed AWS API
 * request"). `now` is the time at the server.
 */
export function sign(
  request: SignedRequest,
  credentials: Credentials,
  region: string,
  now: Date,
  service = 's3',
): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = { ...request.headers, 'x-amz-date': time };
  if (service === 's3') headers['x-amz-content-sha256'] = request.payloadHash;
  if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
  const names = Object.keys(headers).sort();
  const canonical = [
    request.method,
    request.path,
    queryText(request.query),
    ...names.map((name) => `${name}:${headers[name]?.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    request.payloadHash,
  ].join('\n');
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/${service}/aws4_request`;
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${credentials.secretKey}`, day));
  const signature = hmac(key, [ALGORITHM, time, scope, sha256(canonical)].join('\n')).toString('hex');
  headers.authorization = `${ALGORITHM} Credential=${credentials.accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return headers;
}
