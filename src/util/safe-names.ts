import { createHash } from 'node:crypto';

/** Room for a part number, an ending and that of a temporary file within the 255 bytes that a name may have. */
const LONGEST_BYTES = 200;

/** Names that some systems keep for devices. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$/i;
/** Ends like the name of a part. */
const LIKE_A_PART = /\.\d{4,}$/;

function cut(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST_BYTES) return name;
  let short = '';
  let bytes = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > LONGEST_BYTES) break;
    short += character;
  }
  return short;
}

function clean(name: string): string {
  // By way of bytes, so that half a surrogate pair becomes a character too.
  const text = Buffer.from(name).toString();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const replaced = text.replace(/[\u0000-\u001f\u007f/\\:*?"<>|]/g, '_');
  const named = cut(replaced).replace(/^\./, '_').replace(/[. ]$/, '_');
  return named === '' ? '_' : named;
}

/** Equal where a file system could take two names for one. */
function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase().normalize('NFKC');
}

function marked(name: string, length = 8): string {
  const mark = createHash('sha256').update(name).digest('hex').slice(0, length);
  return `${clean(name)}~${mark}`;
}

/**
 * A file name for every collection or partition name. A name that can stand as it is does; any other has what is
 * forbidden replaced and a mark of its content behind it. No two file names differ in case or in form only, and none
 * looks like a part of another. The result does not depend on the order of the names.
 */
export function safeFileNames(names: readonly string[]): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  const taken = new Set<string>();
  const sorted = [...new Set(names)].sort();
  const plain = (name: string): boolean => clean(name) === name && !RESERVED.test(name) && !LIKE_A_PART.test(name);
  const give = (name: string, file: string): boolean => {
    if (taken.has(folded(file))) return false;
    taken.add(folded(file));
    result.set(name, file);
    return true;
  };
  const rest = sorted.filter((name) => !plain(name) || !give(name, name));
  for (const name of rest) for (let length = 8; !give(name, marked(name, length)); length += 8);
  return result;
}
