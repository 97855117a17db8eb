/** A value inside a JSON text: its bytes stand from `start` to `end`. */
export interface JsonSpan {
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null';
  readonly start: number;
  readonly end: number;
}

/** A step into a JSON value: a key of an object, or an index of an array. */
export type PathPart = number | { readonly key: string; readonly bytes: Uint8Array };

interface Cursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly start: number;
  at: number;
}

const DEEPEST = 1000;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const WORDS: readonly ['true' | 'false' | 'null', Uint8Array][] = (['true', 'false', 'null'] as const).map((word) => [
  word,
  Buffer.from(word),
]);

function unexpected(cursor: Cursor): SyntaxError {
  const at = cursor.at - cursor.start;
  return new SyntaxError(cursor.at >= cursor.end ? 'the text ends too early' : `unexpected character at byte ${at}`);
}

/** The byte here, or -1 at the end. */
function peek(cursor: Cursor): number {
  return cursor.at < cursor.end ? cursor.bytes[cursor.at]! : -1;
}

function skipSpace(cursor: Cursor): void {
  for (let c = peek(cursor); c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = peek(cursor)) cursor.at++;
}

function take(cursor: Cursor, char: number): boolean {
  if (peek(cursor) !== char) return false;
  cursor.at++;
  return true;
}

function need(cursor: Cursor, char: number): void {
  if (!take(cursor, char)) throw unexpected(cursor);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function skipDigits(cursor: Cursor): void {
  if (!isDigit(peek(cursor))) throw unexpected(cursor);
  while (isDigit(peek(cursor))) cursor.at++;
}

function skipNumber(cursor: Cursor): void {
  take(cursor, 0x2d);
  if (!take(cursor, 0x30)) skipDigits(cursor);
  if (take(cursor, 0x2e)) skipDigits(cursor);
  const c = peek(cursor);
  if (c !== 0x65 && c !== 0x45) return;
  cursor.at++;
  if (!take(cursor, 0x2b)) take(cursor, 0x2d);
  skipDigits(cursor);
}

function skipEscape(cursor: Cursor): void {
  const c = peek(cursor);
  if (c < 0 || !'"\\/bfnrtu'.includes(String.fromCharCode(c))) throw unexpected(cursor);
  cursor.at++;
  if (c !== 0x75) return;
  for (let i = 0; i < 4; i++) {
    if (!/[0-9a-fA-F]/.test(String.fromCharCode(Math.max(0, peek(cursor))))) throw unexpected(cursor);
    cursor.at++;
  }
}

/** Passes over a string; says whether it has escapes. */
function skipString(cursor: Cursor): boolean {
  need(cursor, QUOTE);
  let escaped = false;
  for (;;) {
    const c = peek(cursor);
    if (c < 0x20) throw unexpected(cursor);
    cursor.at++;
    if (c === QUOTE) return escaped;
    if (c !== BACKSLASH) continue;
    escaped = true;
    skipEscape(cursor);
  }
}

function sameKey(cursor: Cursor, start: number, escaped: boolean, part: PathPart | undefined): boolean {
  if (typeof part !== 'object') return false;
  const raw = cursor.bytes.subarray(start + 1, cursor.at - 1);
  if (escaped) return JSON.parse(`"${Buffer.from(raw).toString()}"`) === part.key;
  return Buffer.compare(raw, part.bytes) === 0;
}

/** Of equal keys the last one counts, as for every JSON parser. */
function walkObject(cursor: Cursor, path: readonly PathPart[], level: number, depth: number): JsonSpan | undefined {
  let found: JsonSpan | undefined;
  cursor.at++;
  skipSpace(cursor);
  if (take(cursor, 0x7d)) return undefined;
  do {
    skipSpace(cursor);
    const start = cursor.at;
    const escaped = skipString(cursor);
    const wanted = sameKey(cursor, start, escaped, path[level]);
    skipSpace(cursor);
    need(cursor, 0x3a);
    const value = walk(cursor, path, wanted ? level + 1 : -1, depth + 1);
    if (wanted) found = value;
    skipSpace(cursor);
  } while (take(cursor, 0x2c));
  need(cursor, 0x7d);
  return found;
}

function walkArray(cursor: Cursor, path: readonly PathPart[], level: number, depth: number): JsonSpan | undefined {
  let found: JsonSpan | undefined;
  cursor.at++;
  skipSpace(cursor);
  if (take(cursor, 0x5d)) return undefined;
  let index = 0;
  do {
    const wanted = path[level] === index++;
    const value = walk(cursor, path, wanted ? level + 1 : -1, depth + 1);
    if (wanted) found = value;
    skipSpace(cursor);
  } while (take(cursor, 0x2c));
  need(cursor, 0x5d);
  return found;
}

/** Passes over one value and returns what the path leads to inside it. A level of -1 only passes over it. */
function walk(cursor: Cursor, path: readonly PathPart[], level: number, depth: number): JsonSpan | undefined {
  if (depth > DEEPEST) throw new SyntaxError(`nested more than ${DEEPEST} levels deep`);
  skipSpace(cursor);
  const start = cursor.at;
  const c = peek(cursor);
  const inside = c === 0x7b || c === 0x5b;
  if (inside) {
    const found = (c === 0x7b ? walkObject : walkArray)(cursor, path, level, depth);
    if (level !== path.length) return found;
    return { kind: c === 0x7b ? 'object' : 'array', start, end: cursor.at };
  }
  const kind = skipScalar(cursor, c);
  return level === path.length ? { kind, start, end: cursor.at } : undefined;
}

function skipScalar(cursor: Cursor, first: number): JsonSpan['kind'] {
  if (first === QUOTE) {
    skipString(cursor);
    return 'string';
  }
  for (const [word, bytes] of WORDS) {
    if (first !== bytes[0]) continue;
    for (const byte of bytes) need(cursor, byte);
    return word;
  }
  skipNumber(cursor);
  return 'number';
}

/**
 * Finds the value behind a path in a JSON text; undefined where there is none. The whole text is checked: throws
 * SyntaxError for what is no JSON. Values are not parsed, so integers of any size stay exact.
 * @param path from the outermost value inwards; empty = that value itself
 */
export function findJson(
  bytes: Uint8Array,
  start: number,
  end: number,
  path: readonly PathPart[],
): JsonSpan | undefined {
  const cursor: Cursor = { bytes, start, end, at: start };
  const found = walk(cursor, path, 0, 0);
  skipSpace(cursor);
  if (cursor.at !== end) throw unexpected(cursor);
  return found;
}

/** Why a text is no JSON, or undefined when it is. */
export function jsonProblem(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    findJson(bytes, start, end, []);
    return undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
}

const NAME = /[^.[\]"'\s]+/y;
const INDEX = /\[(\d{1,9})\]/y;
const QUOTED = /\["([^"\\]*(?:\\.[^"\\]*)*)"\]|\['([^'\\]*(?:\\.[^'\\]*)*)'\]/y;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/**
 * Parses a path such as `a.b[0]`, `["a key"].c` or `$.a`; undefined when it is none. `$` alone is the whole value.
 * Inside quotes a backslash stands before a quote or a backslash.
 */
export function parsePath(text: string): PathPart[] | undefined {
  const parts: PathPart[] = [];
  const rooted = /^\$(?=$|[.[])/.test(text);
  let at = rooted ? 1 : 0;
  if (text.length === 0) return undefined;
  while (at < text.length) {
    const index = matchAt(INDEX, text, at);
    const quoted = index ? null : matchAt(QUOTED, text, at);
    const dotted = text[at] === '.';
    const bare = index || quoted || dotted === (at === 0) ? null : matchAt(NAME, text, at + (dotted ? 1 : 0));
    const found = index ?? quoted ?? bare;
    if (!found) return undefined;
    if (index) {
      parts.push(Number(index[1]));
    } else {
      const key = quoted ? (quoted[1] ?? quoted[2] ?? '').replace(/\\(.)/g, '$1') : found[0];
      parts.push({ key, bytes: Buffer.from(key) });
    }
    at = found.index + found[0].length;
  }
  return parts;
}
