import { type CollectionSettings, count, isObject, parseSettings, parseSpec, text } from '../batch/described.js';
import type { FieldSpec } from '../batch/fields.js';
import { fail, type MilvusdmError } from '../util/errors.js';
import { Misfit } from './codec.js';
import type { JsonValue } from './json.js';
import { backupPrefix } from './layout.js';
import { rbacCodec } from './meta.js';
import type { RbacInfo } from './types.js';

/**
 * A logical backup: rows as Arrow IPC files, `<name>/data/<db>/<collection>/<partition>.0001.arrow`, which any Arrow library
 * opens, and `<name>/meta/manifest.json`, which says what they are. The manifest is written last.
 */
export const LOGICAL_FORMAT = 'milvusdm-logical';
export const LOGICAL_VERSION = 1;

/** One Arrow file. */
export interface LogicalPart {
  /** Relative to the backup. */
  readonly key: string;
  readonly rows: number;
  /** Bytes of the file. */
  readonly size: number;
  /** `crc32:` and 8 hexadecimal digits. */
  readonly sum: string;
  /** Content digest of its rows (docs/verification.md). */
  readonly digest: string;
}

export interface LogicalPartition {
  readonly name: string;
  readonly parts: readonly LogicalPart[];
}

export interface LogicalCollection {
  readonly db: string;
  readonly name: string;
  readonly fields: readonly FieldSpec[];
  readonly settings: CollectionSettings;
  readonly partitions: readonly LogicalPartition[];
  /** It was loaded when it was backed up. */
  readonly loaded: boolean;
}

export interface LogicalDatabase {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
}

export interface LogicalManifest {
  readonly created: string;
  readonly milvusVersion: string;
  /** Databases that collections are of, with their properties. */
  readonly databases: readonly LogicalDatabase[];
  /** Users and roles, where they were asked for. */
  readonly rbac?: RbacInfo;
  readonly collections: readonly LogicalCollection[];
}

/** Folder of a collection's files, with "/" at its end; `safe` are its database and name as parts of a key. */
export function collectionFolder(backup: string, safeDb: string, safeName: string): string {
  return `${backupPrefix(backup)}data/${safeDb}/${safeName}/`;
}

/** What a collection's run leaves beside its files when all of them are complete. */
export const COLLECTION_FILE = 'collection.json';

/** A file of a logical backup with its format and version before everything else. */
export function encodeDocument(content: object): Uint8Array {
  return Buffer.from(JSON.stringify({ format: LOGICAL_FORMAT, version: LOGICAL_VERSION, ...content }, null, 1));
}

export function encodeCollection(collection: LogicalCollection): Uint8Array {
  return encodeDocument(collection);
}

/** As full_meta.json has it: names alone, no wide numbers. */
function rbacJson(rbac: RbacInfo): unknown {
  const out: string[] = [];
  rbacCodec.write(rbac, out);
  return JSON.parse(out.join(''));
}

export function encodeManifest({ created, milvusVersion, databases, rbac, collections }: LogicalManifest): Uint8Array {
  return encodeDocument({
    created,
    milvus_version: milvusVersion,
    databases,
    ...(rbac ? { rbac: rbacJson(rbac) } : {}),
    collections,
  });
}

/** Says that something is not as it was written; `what` goes behind the name of the file. */
export type Damaged = (what: string) => MilvusdmError;

/** Throws SRC_CORRUPT for what is none of a logical backup's, SRC_UNSUPPORTED for a later version's. */
export function decodeDocument(
  bytes: Uint8Array,
  where: string,
): { document: Record<string, unknown>; damaged: Damaged } {
  const damaged: Damaged = (what) => fail('SRC_CORRUPT', `${where} ${what}`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw damaged('is no JSON');
  }
  if (!isObject(document) || document.format !== LOGICAL_FORMAT) throw damaged('is none of a logical backup');
  if (document.version !== LOGICAL_VERSION) {
    const version = String(document.version);
    throw fail('SRC_UNSUPPORTED', `${where} has version ${version}; this milvusdm reads ${LOGICAL_VERSION}`, {
      hint: 'Use the milvusdm that made the backup, or a newer one.',
    });
  }
  return { document, damaged };
}

export function listOf<T>(value: unknown, each: (item: unknown) => T, otherwise: () => MilvusdmError): T[] {
  if (!Array.isArray(value)) throw otherwise();
  return value.map(each);
}

/** Keys come from a file: they must stay in the backup. */
function isInside(key: string): boolean {
  return key.startsWith('data/') && key.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

export function parsePart(value: unknown, damaged: Damaged): LogicalPart {
  if (isObject(value)) {
    const [key, sum, digest] = [text(value.key), text(value.sum), text(value.digest)];
    const [rows, size] = [count(value.rows), count(value.size)];
    const whole = key !== undefined && sum !== undefined && digest !== undefined && /^[0-9a-f]{32}$/.test(digest);
    if (whole && rows !== undefined && size !== undefined && isInside(key)) return { key, rows, size, sum, digest };
  }
  throw damaged('has a file that is none');
}

function parseCollection(value: unknown, damaged: Damaged): LogicalCollection {
  const [db, name] = isObject(value) ? [text(value.db), text(value.name)] : [];
  if (!isObject(value) || !db || !name) throw damaged('has a collection without a name');
  const lacks = (what: string) => (): MilvusdmError => damaged(`lacks the ${what} of "${name}"`);
  const fields = listOf(
    value.fields,
    (field) => {
      const spec = parseSpec(field);
      if (!spec) throw damaged(`has a field of "${name}" that is none`);
      return spec;
    },
    lacks('fields'),
  );
  if (fields.filter(({ primaryKey }) => primaryKey).length !== 1) throw damaged(`has no key field of "${name}"`);
  const partitions = listOf(
    value.partitions,
    (partition): LogicalPartition => {
      const called = isObject(partition) ? text(partition.name) : undefined;
      if (!isObject(partition) || !called) throw damaged(`has a partition of "${name}" that is none`);
      return { name: called, parts: listOf(partition.parts, (part) => parsePart(part, damaged), lacks('files')) };
    },
    lacks('partitions'),
  );
  return { db, name, fields, settings: parseSettings(value.settings), partitions, loaded: value.loaded === true };
}

/** Throws SRC_CORRUPT, and SRC_UNSUPPORTED for one of a later version; `where` is for messages. */
export function decodeCollection(bytes: Uint8Array, where: string): LogicalCollection {
  const { document, damaged } = decodeDocument(bytes, where);
  return parseCollection(document, damaged);
}

/** Manifests of before there was this have none. */
function parseDatabases(value: unknown, damaged: Damaged): LogicalDatabase[] {
  if (value === undefined) return [];
  const odd = (): MilvusdmError => damaged('has a database that is none');
  return listOf(
    value,
    (one) => {
      const name = isObject(one) ? text(one.name) : undefined;
      const properties = isObject(one) && isObject(one.properties) ? Object.entries(one.properties) : undefined;
      if (!name || !properties?.every((pair): pair is [string, string] => typeof pair[1] === 'string')) throw odd();
      return { name, properties: Object.fromEntries(properties) };
    },
    odd,
  );
}

function parseRbac(value: unknown, damaged: Damaged): Pick<LogicalManifest, 'rbac'> {
  if (value === undefined) return {};
  try {
    return { rbac: rbacCodec.read(value as JsonValue) };
  } catch (thrown) {
    if (!(thrown instanceof Misfit)) throw thrown;
    throw damaged(`has users and roles that are none: rbac.${thrown.message}`);
  }
}

/** Throws SRC_CORRUPT, and SRC_UNSUPPORTED for one of a later version; `where` is for messages. */
export function decodeManifest(bytes: Uint8Array, where: string): LogicalManifest {
  const { document, damaged } = decodeDocument(bytes, where);
  return {
    created: text(document.created) ?? '',
    milvusVersion: text(document.milvus_version) ?? '',
    databases: parseDatabases(document.databases, damaged),
    ...parseRbac(document.rbac, damaged),
    collections: listOf(
      document.collections,
      (one) => parseCollection(one, damaged),
      () => damaged('lacks collections'),
    ),
  };
}
