import { isIPv6 } from 'node:net';
import { isAbsolute } from 'node:path';
import { checkTls, tlsOf } from './endpoint.js';
import { quoted } from './issues.js';
import { present } from './present.js';
import type { RawStorage } from './raw.js';
import { absolutePath, type Surroundings } from './references.js';
import type { RuleInput } from './rule-input.js';
import type { S3Endpoint, StorageConfig } from './types.js';

/** The keys of a task that name a store. */
export type StorageKey = 'source_storage' | 'dest_storage' | 'backup_store' | 'work_storage';

const S3_ONLY = [
  'endpoint',
  'bucket',
  'root_path',
  'prefix',
  'region',
  'access_key',
  'secret_key',
  'session_token',
  'tls',
  'virtual_host',
] as const;
const LOCAL_ONLY = ['path', 'server_path'] as const;
/** Milvus's own default of `minio.rootPath`, and milvus-backup's of `backupRootPath`. */
const DEFAULT_ROOT = 'files';
const DEFAULT_PREFIX = 'backup';
const DEFAULT_WORK_PREFIX = 'milvusdm';
const ENDPOINT_FORM = 'http://host:port or https://host:port';

type Parsed = { readonly endpoint: S3Endpoint } | { readonly problem: string };

/** What an endpoint without a scheme means: Milvus's own configuration writes it so. */
function schemeOf(port: string | undefined, tls: RawStorage['tls']): 'http' | 'https' {
  if (tls !== undefined) return tls === false ? 'http' : 'https';
  return port === undefined || port === '443' ? 'https' : 'http';
}

/** Where an S3 server is, or what is wrong with the text. Never quotes a password. */
export function parseEndpoint(text: string, tls?: RawStorage['tls']): Parsed {
  const [, given, rest = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(.*)$/s.exec(text) ?? [];
  if (rest.split(/[/?#]/, 1)[0]?.includes('@')) {
    return { problem: 'an endpoint holds no login, allowed: access_key and secret_key' };
  }
  const [, bracketed, name = '', digits] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?))(?::([0-9]{1,5}))?\/?$/
      .exec(rest)
      ?.filter((_, index) => index !== 3) ?? [];
  const host = bracketed ?? name;
  if (bracketed === undefined ? name === '' : !isIPv6(bracketed)) {
    return { problem: `${quoted(text)} is no endpoint, allowed: ${ENDPOINT_FORM} (a bucket goes into bucket)` };
  }
  const scheme = given?.toLowerCase() ?? schemeOf(digits, tls);
  if (scheme !== 'http' && scheme !== 'https') {
    return { problem: `${quoted(scheme)} is no scheme of S3, allowed: ${ENDPOINT_FORM}` };
  }
  const secure = scheme === 'https';
  const port = digits === undefined ? (secure ? 443 : 80) : Number(digits);
  if (port < 1 || port > 65535) return { problem: `port ${quoted(String(port))} is not allowed, allowed: 1 to 65535` };
  return { endpoint: { host, port, tls: secure } };
}

/** The keys of a store begin with these parts; `/` alone is none. */
function partsOf(root: string): string[] {
  return root.split('/').filter((part) => part !== '');
}

/** The rules about a store that the schema cannot say. `key` must have a group of keys as its value. */
export function checkStorage(key: StorageKey, raw: RawStorage, input: Pick<RuleInput, 'report'>): void {
  const has = (name: keyof RawStorage): boolean => raw[name] !== undefined;
  const report = (name: string, message: string, code: 'CFG_INVALID' | 'CFG_CONFLICT'): void =>
    input.report([key, name], message, code);
  const foreign = raw.type === 's3' ? LOCAL_ONLY : raw.type === 'local' ? S3_ONLY : [];
  for (const name of foreign.filter(has)) {
    report(name, `has no use with type: ${raw.type}, allowed: leave it out`, 'CFG_CONFLICT');
  }
  if (raw.type === 's3') checkS3(raw, report, input, key);
  if (raw.type === 'local') checkLocal(raw, report, input, key);
}

type Say = (name: string, message: string, code: 'CFG_INVALID' | 'CFG_CONFLICT') => void;

function checkLocal(raw: RawStorage, say: Say, { report }: Pick<RuleInput, 'report'>, key: StorageKey): void {
  if (raw.path === undefined) report([key], 'path is missing, needed with type: local: the folder', 'CFG_INVALID');
  if (raw.server_path !== undefined && !isAbsolute(raw.server_path)) {
    const text = `${quoted(raw.server_path)} is relative, allowed: the whole path, as Milvus sees the folder`;
    say('server_path', text, 'CFG_INVALID');
  }
}

function checkS3(raw: RawStorage, say: Say, { report }: Pick<RuleInput, 'report'>, key: StorageKey): void {
  if (raw.bucket === undefined) report([key], 'bucket is missing, needed with type: s3', 'CFG_INVALID');
  checkTls([key, 'tls'], raw.tls, report);
  if (raw.endpoint !== undefined) {
    const parsed = parseEndpoint(raw.endpoint, raw.tls);
    if ('problem' in parsed) say('endpoint', parsed.problem, 'CFG_INVALID');
    else if (raw.tls === false && parsed.endpoint.tls) {
      say('tls', 'is false while endpoint is https, allowed: true, or http', 'CFG_CONFLICT');
    } else if (raw.tls !== undefined && raw.tls !== false && !parsed.endpoint.tls) {
      say('tls', 'is given while endpoint is http, allowed: https', 'CFG_CONFLICT');
    }
  } else if (raw.tls === false)
    say('tls', 'is false without an endpoint, allowed: AWS is https always', 'CFG_CONFLICT');
  if ((raw.access_key === undefined) !== (raw.secret_key === undefined)) {
    const [has, lacks] = raw.access_key === undefined ? ['secret_key', 'access_key'] : ['access_key', 'secret_key'];
    say(has, `is given without ${lacks}, allowed: both or none`, 'CFG_CONFLICT');
  }
  if (raw.session_token !== undefined && raw.secret_key === undefined) {
    say('session_token', 'is given without access_key and secret_key, allowed: all three', 'CFG_CONFLICT');
  }
  for (const name of ['root_path', 'prefix'] as const) {
    if (partsOf(raw[name] ?? '').some((part) => part === '..' || part === '.')) {
      say(name, `${quoted(raw[name] ?? '')} has . or .. in it, allowed: names with / between them`, 'CFG_INVALID');
    }
  }
}

/** A checked store: paths absolute, the endpoint taken apart, what the keys begin with in one form. */
export function storageOf(key: StorageKey, raw: RawStorage, around: Surroundings): StorageConfig {
  if (raw.type === 'local') {
    const path = absolutePath(raw.path ?? '', around);
    return present<StorageConfig>({ type: 'local', path, serverPath: raw.server_path });
  }
  const parsed = raw.endpoint === undefined ? undefined : parseEndpoint(raw.endpoint, raw.tls);
  if (parsed && 'problem' in parsed) throw new Error('an endpoint that the rules had passed cannot be parsed');
  const prefix = key === 'work_storage' ? DEFAULT_WORK_PREFIX : DEFAULT_PREFIX;
  const ours = key === 'backup_store' || key === 'work_storage';
  const root = ours ? (raw.prefix ?? prefix) : (raw.root_path ?? DEFAULT_ROOT);
  return present<StorageConfig>({
    type: 's3',
    endpoint: parsed?.endpoint,
    bucket: raw.bucket ?? '',
    root: partsOf(root).join('/'),
    region: raw.region,
    accessKey: raw.access_key,
    secretKey: raw.secret_key,
    sessionToken: raw.session_token,
    virtualHost: raw.virtual_host,
    tls: tlsOf(raw.tls, around),
  });
}
