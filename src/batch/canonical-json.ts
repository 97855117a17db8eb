/**
 * JSON text in one form for equal content: keys sorted by code unit, no white space, integers by their digits (so that 64-bit ones
 * stay exact), other numbers as JavaScript prints them, text with the escapes that JSON.stringify chooses.
 * Throws SyntaxError for what is no JSON.
 */
export function canonicalJson(text: string): string {
  const reader = { text, at: 0 };
  const value = readValue(reader, 0);
  skipSpace(reader);
  if (reader.at !== text.length) throw new SyntaxError(`unexpected character at ${reader.at}`);
  return value;
}

interface Cursor {
  readonly text: string;
  at: number;
}

const DEEPEST = 1000;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const SPACE = /[ \t\r\n]*/y;

function match(cursor: Cursor, pattern: RegExp): RegExpExecArray {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text);
  if (!found) throw new SyntaxError(`unexpected character at ${cursor.at}`);
  cursor.at += found[0].length;
  return found;
}

function skipSpace(cursor: Cursor): void {
  match(cursor, SPACE);
}

/** Passes over the given punctuation if it stands here. */
function take(cursor: Cursor, char: string): boolean {
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== char) return false;
  cursor.at++;
  return true;
}

function need(cursor: Cursor, char: string): void {
  if (!take(cursor, char)) throw new SyntaxError(`"${char}" is missing at ${cursor.at}`);
}

function readString(cursor: Cursor): string {
  skipSpace(cursor);
  return JSON.stringify(JSON.parse(match(cursor, STRING)[0]));
}

function readNumber(cursor: Cursor): string {
  const [text, fraction, exponent] = match(cursor, NUMBER);
  if (fraction === undefined && exponent === undefined) return text === '-0' ? '0' : text;
  return JSON.stringify(Number(text));
}

function readObject(cursor: Cursor, depth: number): string {
  const members = new Map<string, string>();
  if (take(cursor, '}')) return '{}';
  do {
    const key = readString(cursor);
    need(cursor, ':');
    members.set(key, readValue(cursor, depth + 1));
  } while (take(cursor, ','));
  need(cursor, '}');
  const sorted = [...members].sort(([a], [b]) => (JSON.parse(a) < JSON.parse(b) ? -1 : 1));
  return `{${sorted.map(([key, value]) => `${key}:${value}`).join(',')}}`;
}

function readArray(cursor: Cursor, depth: number): string {
  const items: string[] = [];
  if (take(cursor, ']')) return '[]';
  do items.push(readValue(cursor, depth + 1));
  while (take(cursor, ','));
  need(cursor, ']');
  return `[${items.join(',')}]`;
}

function readValue(cursor: Cursor, depth: number): string {
  if (depth > DEEPEST) throw new SyntaxError(`nested more than ${DEEPEST} levels deep`);
  skipSpace(cursor);
  const char = cursor.text[cursor.at];
  if (char === '"') return readString(cursor);
  if (take(cursor, '{')) return readObject(cursor, depth);
  if (take(cursor, '[')) return readArray(cursor, depth);
  for (const word of ['true', 'false', 'null']) {
    if (!cursor.text.startsWith(word, cursor.at)) continue;
    cursor.at += word.length;
    return word;
  }
  return readNumber(cursor);
}
