import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseUri } from '../config/address.js';
import { absolutePath, type Surroundings } from '../config/references.js';
import { isGlob } from '../config/selection.js';
import type { MilvusEndpoint, TlsOptions } from '../config/types.js';
import type { DiffPlace } from '../job/diff/side.js';
import { fail, type MilvusdmError } from '../util/errors.js';
import { secretValue } from './secret.js';

/** How to get in, as the command line says it: secrets as references only. */
export interface Access {
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  readonly db?: string;
  readonly ca?: string;
}

/** A place with the secrets that lead to it, for redaction. */
export interface Located {
  readonly place: DiffPlace;
  readonly secrets: readonly string[];
}

const FORMS =
  'http://HOST:PORT/COLLECTION[/PARTITION], FOLDER#COLLECTION[/PARTITION] for a Milvus Lite or a backup, or the path of a Faiss file, an HDF5 file or a folder of HDF5 files';

function usage(message: string, hint = `A place is ${FORMS}.`): MilvusdmError {
  return fail('USAGE', message, { hint });
}

interface Login {
  readonly endpoint: Omit<MilvusEndpoint, 'at'>;
  readonly secrets: readonly string[];
}

function loginOf(access: Access, side: 'a' | 'b', around: Surroundings): Login {
  const token = secretValue(`token-${side}`, access.token, around);
  const password = secretValue(`password-${side}`, access.password, around);
  const { user, db, ca } = access;
  if ((user === undefined) !== (password === undefined)) {
    throw usage(`--user-${side} and --password-${side} are needed together`);
  }
  if (token !== undefined && user !== undefined) throw usage(`--token-${side} and --user-${side} are both given`);
  const tls: TlsOptions | undefined = ca === undefined ? undefined : { ca: absolutePath(ca, around) };
  const login = user === undefined ? [] : [`${user}:${password}`];
  return {
    endpoint: {
      ...(token === undefined ? {} : { token }),
      ...(user === undefined || password === undefined ? {} : { user, password }),
      ...(db === undefined ? {} : { db }),
      ...(tls ? { tls } : {}),
    },
    secrets: [token, password, ...login].filter((s) => s !== undefined),
  };
}

interface Parts {
  readonly uri: string;
  readonly names: string;
}

/** Splits a place of a Milvus into its address and the names behind it; undefined for files. */
function split(text: string, around: Surroundings): Parts | undefined {
  const server = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/[^/]*)(.*)$/s.exec(text);
  if (server) return { uri: server[1]!, names: server[2]!.replace(/^\//, '') };
  const hash = text.lastIndexOf('#');
  // A file may have a # in its name.
  return hash < 0 || existsSync(absolutePath(text, around))
    ? undefined
    : { uri: text.slice(0, hash), names: text.slice(hash + 1) };
}

/** Whether a folder has the meta files of a backup of either layout. */
function isBackup(folder: string): boolean {
  return ['full_meta', 'backup_meta', 'manifest'].some((name) => existsSync(join(folder, 'meta', `${name}.json`)));
}

/** A password in an address must not come back in the message about it. */
function shown(text: string): string {
  return text.replace(/^([a-z+.-]+:\/\/)[^/]*@/i, '$1***@');
}

/**
 * What one argument of `diff` names, and the secrets behind its options. Throws USAGE for what is no place, CFG_REFERENCE
 * for a reference without anything behind it.
 */
export function locate(text: string, side: 'a' | 'b', access: Access, around: Surroundings): Located {
  const parts = split(text, around);
  const login = loginOf(access, side, around);
  if (!parts) {
    if (login.secrets.length > 0 || access.db !== undefined) throw usage(`${text} is a file, which needs no login`);
    return { place: { kind: 'files', label: text, path: absolutePath(text, around) }, secrets: [] };
  }
  const [collection = '', partition, ...more] = parts.names.split('/').map((name) => decodeName(name, text));
  if (collection === '' || more.length > 0 || partition === '') {
    throw usage(`${shown(text)} does not name a collection and at most one partition of it`);
  }
  if (isGlob(collection) || isGlob(partition ?? ''))
    throw usage(`${shown(text)} is a pattern, one collection is needed`);
  const parsed = parseUri(parts.uri, around, 'source');
  if ('problem' in parsed) throw usage(`${shown(parts.uri)}: ${parsed.problem}`);
  const select = { [collection]: partition === undefined ? null : [partition] };
  const named = { label: shown(text), ...(partition === undefined ? {} : { partition }) };
  if (parsed.at.kind === 'embedded' && isBackup(parsed.at.folder)) {
    if (login.secrets.length > 0) throw usage(`${shown(text)} is a backup, which needs no login`);
    const storage = { type: 'local', path: parsed.at.folder } as const;
    const { db } = access;
    const source = { adapter: 'backup', storage, name: '', select, ...(db === undefined ? {} : { db }) } as const;
    return { place: { kind: 'backup', source, ...named }, secrets: [] };
  }
  const source = { adapter: 'milvus', endpoint: { at: parsed.at, ...login.endpoint }, select } as const;
  return {
    place: { kind: 'milvus', source, ...named },
    secrets: login.secrets,
  };
}

function decodeName(name: string, text: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw usage(`${shown(text)} has a % that begins no escape`);
  }
}
