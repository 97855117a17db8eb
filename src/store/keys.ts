import { fail } from '../util/errors.js';

/** Longer keys no S3 server takes. */
const LONGEST = 1024;

/**
 * The key, if it stays below the root of its store: parts with "/" between them, none of them empty, "." or "..", no
 * NUL and no backslash (which Windows takes for "/"). Throws STORE_KEY: keys also come from files that others wrote.
 */
export function checkedKey(key: string): string {
  const parts = key.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..');
  if (bad || /[\0\\]/.test(key) || Buffer.byteLength(key) > LONGEST) {
    throw fail('STORE_KEY', `${JSON.stringify(key.slice(0, 200))} is no name of an object below the store's root`);
  }
  return key;
}

/** Like {@link checkedKey} for what keys begin with: may be empty or end within a part or with "/". */
export function checkedPrefix(prefix: string): string {
  // A letter behind it makes a whole key of any prefix that one could begin with; ".." must not hide behind it.
  if (prefix !== '') {
    const last = prefix.slice(prefix.lastIndexOf('/') + 1);
    checkedKey(last === '..' ? prefix : `${prefix}x`);
  }
  return prefix;
}

/** Order of keys in every store: by their UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII compares the same either way
  const plain = /^[\x00-\x7f]*$/;
  if (plain.test(a) && plain.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
