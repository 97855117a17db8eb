/** A piece of an expression. `at` is its column, from 1. */
export type Token =
  | { readonly kind: 'name'; readonly at: number; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'integer'; readonly at: number; readonly text: string; readonly value: bigint }
  | { readonly kind: 'float'; readonly at: number; readonly text: string; readonly value: number }
  | { readonly kind: 'string'; readonly at: number; readonly text: string; readonly value: string }
  | { readonly kind: 'sign'; readonly at: number; readonly text: string }
  | { readonly kind: 'end'; readonly at: number; readonly text: string };

/** Says what is wrong at a column; the caller makes it an error with the step's name. */
export type Complain = (at: number, message: string) => Error;

const SPACE = /\s+/y;
const NAME = /[A-Za-z_$][A-Za-z0-9_$]*/y;
const TICKED = /`([^`]+)`/y;
const NUMBER = /[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?/y;
const SIGN = /==|!=|<=|>=|[<>()[\],]/y;
const STRING = /"([^"\\]*(?:\\.[^"\\]*)*)"|'([^'\\]*(?:\\.[^'\\]*)*)'/sy;
const ESCAPE = /\\(u[0-9a-fA-F]{4}|.)/gs;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', "'": "'" };
/** Signs of other languages, and what to write here. */
const FOREIGN: readonly [string, string][] = [
  ['&&', 'and'],
  ['||', 'or'],
  ['<>', '!='],
  ['=', '=='],
  ['!', 'not'],
];

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function resolveEscapes(raw: string, at: number, complain: Complain): string {
  return raw.replace(ESCAPE, (whole, code: string) => {
    if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    const char = ESCAPES[code];
    if (char === undefined) throw complain(at, `${whole} means nothing, allowed: \\n \\r \\t \\\\ \\" \\' \\u0000`);
    return char;
  });
}

function numberToken(found: RegExpExecArray, at: number, complain: Complain): Token {
  const text = found[0];
  if (/^[-+]?\d+$/.test(text)) {
    if (text.length > 400) throw complain(at, 'a number of more than 400 digits');
    return { kind: 'integer', at, text, value: BigInt(text.replace(/^\+/, '')) };
  }
  const value = Number(text);
  if (!Number.isFinite(value)) throw complain(at, `${text} is beyond the range of numbers`);
  return { kind: 'float', at, text, value };
}

function tokenAt(text: string, offset: number, complain: Complain): { token: Token; end: number } {
  const at = offset + 1;
  const char = text[offset]!;
  const string = matchAt(STRING, text, offset);
  if (string) {
    const value = resolveEscapes(string[1] ?? string[2] ?? '', at, complain);
    return { token: { kind: 'string', at, text: string[0], value }, end: offset + string[0].length };
  }
  if (char === '"' || char === "'") throw complain(at, `the text that starts with ${char} does not end`);
  const ticked = matchAt(TICKED, text, offset);
  const name = ticked ?? matchAt(NAME, text, offset);
  if (name) {
    const token: Token = { kind: 'name', at, text: ticked?.[1] ?? name[0], quoted: ticked !== null };
    return { token, end: offset + name[0].length };
  }
  const number = matchAt(NUMBER, text, offset);
  if (number) return { token: numberToken(number, at, complain), end: offset + number[0].length };
  const foreign = FOREIGN.find(([sign]) => text.startsWith(sign, offset) && !text.startsWith('==', offset));
  const sign = foreign?.[0] === '<>' ? null : matchAt(SIGN, text, offset);
  if (sign) return { token: { kind: 'sign', at, text: sign[0] }, end: offset + sign[0].length };
  if (foreign) throw complain(at, `${foreign[0]} is not known here, did you mean \`${foreign[1]}\`?`);
  throw complain(at, `${JSON.stringify(char)} is not allowed here`);
}

/** Cuts an expression into tokens, the last one of kind `end`. */
export function tokenize(text: string, complain: Complain): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  for (;;) {
    offset += matchAt(SPACE, text, offset)?.[0].length ?? 0;
    if (offset >= text.length) break;
    const { token, end } = tokenAt(text, offset, complain);
    const next = text[end] ?? ' ';
    if ((token.kind === 'integer' || token.kind === 'float') && /[A-Za-z0-9_$.]/.test(next)) {
      throw complain(token.at, `a number that goes on with ${JSON.stringify(next)}; put text in quotes`);
    }
    tokens.push(token);
    offset = end;
  }
  tokens.push({ kind: 'end', at: text.length + 1, text: 'the end' });
  return tokens;
}
