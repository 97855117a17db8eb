import { fail } from '../util/errors.js';

/**
 * Where things of a snapshot are: `<root>/snapshots/<collection>/metadata/<id>.json` and, beside that, a manifest for each
 * segment. With the referenced layout the root is that of the server and data lies where the server has put it; with the
 * self-contained one the root is a bundle, and data lies below its `files/`.
 */

/** The folder of a bundle's data, with "/" at its end. */
export const FILES = 'files/';

export interface MetadataPlace {
  /** What the key begins with: the root, '' or with "/" at its end. */
  readonly root: string;
  readonly collection: bigint;
  /** Milvus names the file by the snapshot's id, older designs otherwise. */
  readonly file: string;
}

const METADATA = /^(.*?)snapshots\/(\d{1,19})\/metadata\/([^/]+\.json)$/s;

/** What a metadata file's key says; undefined for a key that is none of one. */
export function metadataPlace(key: string): MetadataPlace | undefined {
  const [, root = '', collection, file] = METADATA.exec(key) ?? [];
  if (collection === undefined || file === undefined || (root !== '' && !root.endsWith('/'))) return undefined;
  return { root, collection: BigInt(collection), file };
}

const FOLDER = /^(.*\/)?snapshots(?:\/(\d{1,19})(?:\/metadata)?)?\/?$/s;

/** The same of a folder that metadata files are below: all of a root, or those of a collection. */
export function metadataFolderPlace(
  path: string,
): { readonly root: string; readonly collection: string | undefined } | undefined {
  const found = FOLDER.exec(path);
  return found ? { root: found[1] ?? '', collection: found[2] } : undefined;
}

export function metadataFolder(root: string, collection: bigint): string {
  return `${root}snapshots/${collection}/metadata/`;
}

export function metadataKey(root: string, collection: bigint, id: bigint): string {
  return `${metadataFolder(root, collection)}${id}.json`;
}

export function manifestKey(root: string, collection: bigint, id: bigint, segment: bigint): string {
  return `${root}snapshots/${collection}/manifests/${id}/${segment}.avro`;
}

const URI = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/]*)(\/.*)?$/s;

/** A path for messages: without what may be a secret. */
function shown(path: string): string {
  return JSON.stringify(
    path
      .replace(/(:\/\/)[^/]*@/, '$1***@')
      .replace(/\?.*$/s, '?***')
      .slice(0, 200),
  );
}

function refuse(path: string, why: string, where: string): Error {
  return fail('SRC_CORRUPT', `${where} names ${shown(path)}, ${why}`);
}

/** The forms of a root: as it was written, and without what an URI has before its key (a bucket, or a server and a bucket). */
function formsOf(root: string): string[] {
  const [, , , path] = URI.exec(root) ?? [];
  if (path === undefined) return [root];
  const below = path.replace(/^\//, '');
  return [root, below, below.includes('/') ? below.slice(below.indexOf('/') + 1) : ''];
}

/**
 * Makes the paths of a snapshot's files relative to its root, wherever the snapshot has been copied since: `location` is where
 * it says it was written (s3_location), `now` what its root is now, as the server or nobody would name it.
 */
export function pathsBelow(location: string, now: string): (path: string, where: string) => string {
  const written = metadataPlace(location)?.root;
  const roots = [...(written === undefined ? [] : formsOf(written)), now];
  return (path, where) => {
    const [, , authority = ''] = URI.exec(path) ?? [];
    if (authority.includes('@')) throw refuse(path, 'a URI with a login in it', where);
    if (/:\/\/.*[?#]/s.test(path)) throw refuse(path, 'a URI with more than a path', where);
    const root = roots.find((one) => path.startsWith(one) && !/^\/|:\/\//.test(path.slice(one.length)));
    if (root === undefined)
      throw refuse(path, `which is not below the snapshot's root ${shown(roots[0] ?? '')}`, where);
    const rest = path.slice(root.length);
    if (rest.split('/').some((part) => part === '' || part === '.' || part === '..') || /[\0\\]/.test(rest)) {
      throw refuse(path, 'which is no plain path', where);
    }
    return rest;
  };
}
