/** A value of a JSON text. Integers that a double would round are BigInts. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

interface Cursor {
  readonly text: string;
  at: number;
}

const DEEPEST = 200;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/y;
const SPACE = /[ \t\r\n]*/y;

function unexpected(cursor: Cursor): SyntaxError {
  const ended = cursor.at >= cursor.text.length;
  return new SyntaxError(ended ? 'the text ends too early' : `unexpected character at ${cursor.at}`);
}

function skipSpace(cursor: Cursor): void {
  // Go writes none, so that the pattern is hardly ever needed.
  if (cursor.text.charCodeAt(cursor.at) > 0x20) return;
  SPACE.lastIndex = cursor.at;
  SPACE.exec(cursor.text);
  cursor.at = SPACE.lastIndex;
}

/** Passes over the given punctuation if it stands here. */
function take(cursor: Cursor, char: string): boolean {
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== char) return false;
  cursor.at++;
  return true;
}

function need(cursor: Cursor, char: string): void {
  if (!take(cursor, char)) throw unexpected(cursor);
}

function readString(cursor: Cursor): string {
  skipSpace(cursor);
  const { text } = cursor;
  STRING.lastIndex = cursor.at;
  if (!STRING.test(text))
    throw text[cursor.at] === '"' ? new SyntaxError('the text ends too early') : unexpected(cursor);
  const found = text.slice(cursor.at, STRING.lastIndex);
  // Escapes and control characters are JSON.parse's business.
  const value = JSON.parse(found) as string;
  cursor.at = STRING.lastIndex;
  return value;
}

function readNumber(cursor: Cursor): number | bigint {
  NUMBER.lastIndex = cursor.at;
  const found = NUMBER.exec(cursor.text);
  if (!found) throw unexpected(cursor);
  cursor.at += found[0].length;
  const value = Number(found[0]);
  const whole = found[1] === undefined && found[2] === undefined;
  return whole && !Number.isSafeInteger(value) ? BigInt(found[0]) : value;
}

function readObject(cursor: Cursor, depth: number): JsonValue {
  const value: Record<string, JsonValue> = Object.create(null);
  if (take(cursor, '}')) return value;
  do {
    const key = readString(cursor);
    need(cursor, ':');
    value[key] = readValue(cursor, depth + 1);
  } while (take(cursor, ','));
  need(cursor, '}');
  return value;
}

function readArray(cursor: Cursor, depth: number): JsonValue {
  const items: JsonValue[] = [];
  if (take(cursor, ']')) return items;
  do items.push(readValue(cursor, depth + 1));
  while (take(cursor, ','));
  need(cursor, ']');
  return items;
}

const WORDS: readonly (readonly [string, JsonValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

function readValue(cursor: Cursor, depth: number): JsonValue {
  if (depth > DEEPEST) throw new SyntaxError(`nested more than ${DEEPEST} levels deep`);
  skipSpace(cursor);
  if (cursor.text[cursor.at] === '"') return readString(cursor);
  if (take(cursor, '{')) return readObject(cursor, depth);
  if (take(cursor, '[')) return readArray(cursor, depth);
  for (const [word, value] of WORDS) {
    if (!cursor.text.startsWith(word, cursor.at)) continue;
    cursor.at += word.length;
    return value;
  }
  return readNumber(cursor);
}

/**
 * Reads a JSON text without losing digits of integers, which JSON.parse rounds beyond 2^53 and whose text it shows to
 * nobody before Node 21. The last of several equal keys counts. Throws SyntaxError for what is no JSON.
 */
export function parseJson(text: string): JsonValue {
  const cursor = { text, at: 0 };
  const value = readValue(cursor, 0);
  skipSpace(cursor);
  if (cursor.at < text.length) throw unexpected(cursor);
  return value;
}
