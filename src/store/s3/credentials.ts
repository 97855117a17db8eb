import { readFile } from 'node:fs/promises';
import type { S3Storage } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import type { Credentials } from './sign.js';
import { textOf } from './xml.js';

/** Temporary credentials are asked for again so long before they end. */
const MARGIN_MS = 5 * 60 * 1000;
/** The machine's own service answers at once or is not there. */
const METADATA_TIMEOUT_MS = 1500;
const TIMEOUT_MS = 10_000;
const METADATA = 'http://169.254.169.254';
const CONTAINER = 'http://169.254.170.2';

interface Lease {
  readonly credentials: Credentials;
  /** Milliseconds of Date.now(); absent where they do not end. */
  readonly expires?: number;
}

/** Where credentials come from, in the order in which AWS's own tools look. */
type Source = (env: NodeJS.ProcessEnv, region: string) => Promise<Lease | undefined>;

async function get(url: string, o: RequestInit & { timeoutMs?: number } = {}): Promise<string> {
  const answer = await fetch(url, { ...o, redirect: 'error', signal: AbortSignal.timeout(o.timeoutMs ?? TIMEOUT_MS) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return text;
}

/** The JSON in which a container's and a machine's service give credentials. */
function leaseOf(text: string): Lease {
  const said = JSON.parse(text) as Readonly<Record<string, string>>;
  const { AccessKeyId: accessKey, SecretAccessKey: secretKey, Token: sessionToken, Expiration: until } = said;
  if (!accessKey || !secretKey) throw new Error('its answer has no credentials');
  return {
    credentials: { accessKey, secretKey, ...(sessionToken ? { sessionToken } : {}) },
    ...(until ? { expires: Date.parse(until) } : {}),
  };
}

const fromEnvironment: Source = async (env) => {
  const { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_SESSION_TOKEN: sessionToken } = env;
  if (!accessKey || !secretKey) return undefined;
  return { credentials: { accessKey, secretKey, ...(sessionToken ? { sessionToken } : {}) } };
};

/** A Kubernetes service account that stands for a role (IRSA). */
const fromWebIdentity: Source = async (env, region) => {
  const { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: role } = env;
  if (!file || !role) return undefined;
  const token = (await readFile(file, 'utf8')).trim();
  const query = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: env.AWS_ROLE_SESSION_NAME || 'milvusdm',
    WebIdentityToken: token,
  });
  const url = env.AWS_ENDPOINT_URL_STS || `https://sts.${region}.amazonaws.com`;
  const xml = await get(url, { method: 'POST', body: query });
  const [accessKey, secretKey, sessionToken, until] = [
    'AccessKeyId',
    'SecretAccessKey',
    'SessionToken',
    'Expiration',
  ].map((name) => textOf(xml, name));
  if (!accessKey || !secretKey || !sessionToken) throw new Error('its answer has no credentials');
  return { credentials: { accessKey, secretKey, sessionToken }, ...(until ? { expires: Date.parse(until) } : {}) };
};

/** ECS, and EKS Pod Identity. */
const fromContainer: Source = async (env) => {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = env;
  const url = relative ? `${CONTAINER}${relative}` : full;
  if (!url) return undefined;
  const file = env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
  const token = file ? (await readFile(file, 'utf8')).trim() : env.AWS_CONTAINER_AUTHORIZATION_TOKEN;
  return leaseOf(await get(url, { headers: token ? { authorization: token } : {} }));
};

/** The role of an EC2 machine, by version 2 of its service. */
const fromMachine: Source = async (env) => {
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') return undefined;
  const base = `${env.AWS_EC2_METADATA_SERVICE_ENDPOINT || METADATA}/latest`;
  const timeoutMs = METADATA_TIMEOUT_MS;
  const lifetime = { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' };
  const token = await get(`${base}/api/token`, { method: 'PUT', headers: lifetime, timeoutMs }).catch(() => undefined);
  if (token === undefined) return undefined;
  const headers = { 'x-aws-ec2-metadata-token': token };
  const roles = `${base}/meta-data/iam/security-credentials/`;
  const [role = ''] = (await get(roles, { headers, timeoutMs })).split('\n');
  return leaseOf(await get(roles + role.trim(), { headers, timeoutMs }));
};

const SOURCES: readonly (readonly [string, Source])[] = [
  ['the environment', fromEnvironment],
  ['the web identity of AWS_ROLE_ARN', fromWebIdentity],
  ["the container's credential service", fromContainer],
  ["the machine's metadata service", fromMachine],
];

async function find(env: NodeJS.ProcessEnv, region: string): Promise<Lease> {
  for (const [name, source] of SOURCES) {
    const found = await source(env, region).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw fail('STORE_AUTH', `${name} gave no S3 credentials: ${why}`, { cause });
    });
    if (found) return found;
  }
  throw fail('STORE_AUTH', 'there are no S3 credentials: none in the YAML, in the environment, and no role', {
    hint: 'Set access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  });
}

/**
 * The credentials of a store, asked for when they are first needed and again before they end: those of the YAML, else of
 * the environment, a web identity, the container or the machine. Throws STORE_AUTH.
 */
export function credentialsOf(config: S3Storage, env: NodeJS.ProcessEnv, region: string): () => Promise<Credentials> {
  const { accessKey, secretKey, sessionToken } = config;
  if (accessKey !== undefined && secretKey !== undefined) {
    const fixed = { accessKey, secretKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    return async () => fixed;
  }
  let held: Lease | undefined;
  let asked: Promise<Lease> | undefined;
  return async () => {
    if (held && (held.expires === undefined || held.expires - MARGIN_MS > Date.now())) return held.credentials;
    asked ??= find(env, region).finally(() => {
      asked = undefined;
    });
    held = await asked;
    return held.credentials;
  };
}
