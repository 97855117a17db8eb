import { type Complain, type Token, tokenize } from './where-tokens.js';

export type Comparator = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type Literal = bigint | number | string | boolean;

export type Operand =
  | { readonly kind: 'field'; readonly at: number; readonly name: string }
  | { readonly kind: 'literal'; readonly at: number; readonly value: Literal };

/** A condition as written. Names and types are not checked yet. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | {
      readonly kind: 'compare';
      readonly at: number;
      readonly op: Comparator;
      readonly left: Operand;
      readonly right: Operand;
    }
  | { readonly kind: 'in'; readonly at: number; readonly left: Operand; readonly values: readonly Literal[] }
  | { readonly kind: 'is_null'; readonly at: number; readonly left: Operand }
  | { readonly kind: 'value'; readonly at: number; readonly left: Operand };

interface Parser {
  readonly tokens: readonly Token[];
  readonly complain: Complain;
  at: number;
  depth: number;
}

const DEEPEST = 200;
const COMPARATORS: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];
const KEYWORDS = ['and', 'or', 'not', 'in', 'is', 'null', 'true', 'false'];

function peek(parser: Parser): Token {
  return parser.tokens[parser.at]!;
}

function isWord(token: Token, word: string): boolean {
  return token.kind === 'name' && !token.quoted && token.text.toLowerCase() === word;
}

function isSign(token: Token, sign: string): boolean {
  return token.kind === 'sign' && token.text === sign;
}

/** Takes a keyword or sign if it stands here. */
function take(parser: Parser, text: string): boolean {
  const token = peek(parser);
  if (!isSign(token, text) && !isWord(token, text)) return false;
  parser.at++;
  return true;
}

function expected(parser: Parser, what: string): Error {
  const token = peek(parser);
  return parser.complain(
    token.at,
    `${what} is needed where ${token.kind === 'end' ? 'the end is' : `\`${token.text}\` stands`}`,
  );
}

function nested<T>(parser: Parser, read: (parser: Parser) => T): T {
  if (++parser.depth > DEEPEST) throw parser.complain(peek(parser).at, `nested more than ${DEEPEST} levels deep`);
  const value = read(parser);
  parser.depth--;
  return value;
}

function readChain(parser: Parser, kind: 'and' | 'or', read: (parser: Parser) => Condition): Condition {
  const parts = [read(parser)];
  while (take(parser, kind)) parts.push(read(parser));
  return parts.length === 1 ? parts[0]! : { kind, parts };
}

function readOr(parser: Parser): Condition {
  return readChain(parser, 'or', (p) => readChain(p, 'and', readNot));
}

function readNot(parser: Parser): Condition {
  if (take(parser, 'not')) return { kind: 'not', part: nested(parser, readNot) };
  if (!take(parser, '(')) return readComparison(parser);
  const inner = nested(parser, readOr);
  if (!take(parser, ')')) throw expected(parser, '`)`');
  return inner;
}

function readLiteral(parser: Parser): Literal | undefined {
  const token = peek(parser);
  if (token.kind === 'integer' || token.kind === 'float' || token.kind === 'string') {
    parser.at++;
    return token.value;
  }
  if (take(parser, 'true')) return true;
  return take(parser, 'false') ? false : undefined;
}

function readOperand(parser: Parser): Operand {
  const token = peek(parser);
  const value = readLiteral(parser);
  if (value !== undefined) return { kind: 'literal', at: token.at, value };
  if (isWord(token, 'null')) throw parser.complain(token.at, 'null equals nothing, write `field is null`');
  const keyword = token.kind === 'name' && !token.quoted && KEYWORDS.includes(token.text.toLowerCase());
  if (token.kind !== 'name' || keyword) throw expected(parser, 'a field or a value');
  parser.at++;
  return { kind: 'field', at: token.at, name: token.text };
}

function readList(parser: Parser): Literal[] {
  if (!take(parser, '[')) throw expected(parser, '`[`');
  const values: Literal[] = [];
  do {
    const token = peek(parser);
    const value = readLiteral(parser);
    if (value === undefined) {
      if (isWord(token, 'null')) throw parser.complain(token.at, 'null equals nothing, write `or field is null`');
      throw expected(parser, 'a value');
    }
    values.push(value);
  } while (take(parser, ','));
  if (!take(parser, ']')) throw expected(parser, '`,` or `]`');
  return values;
}

function readComparison(parser: Parser): Condition {
  const left = readOperand(parser);
  const token = peek(parser);
  if (take(parser, 'is')) {
    const negated = take(parser, 'not');
    if (!take(parser, 'null')) throw expected(parser, '`null`');
    const test: Condition = { kind: 'is_null', at: token.at, left };
    return negated ? { kind: 'not', part: test } : test;
  }
  const negated = take(parser, 'not');
  if (take(parser, 'in')) {
    const test: Condition = { kind: 'in', at: token.at, left, values: readList(parser) };
    return negated ? { kind: 'not', part: test } : test;
  }
  if (negated) throw expected(parser, '`in`');
  if (token.kind !== 'sign' || !COMPARATORS.includes(token.text)) return { kind: 'value', at: left.at, left };
  parser.at++;
  const right = readOperand(parser);
  const next = peek(parser);
  if (next.kind === 'sign' && COMPARATORS.includes(next.text)) {
    throw parser.complain(next.at, 'a second comparison in a row, write `a < b and b < c`');
  }
  return { kind: 'compare', at: token.at, op: token.text as Comparator, left, right };
}

/** Parses an expression; `complain` makes the error for what is none. */
export function parseWhere(text: string, complain: Complain): Condition {
  const parser: Parser = { tokens: tokenize(text, complain), complain, at: 0, depth: 0 };
  if (peek(parser).kind === 'end') throw complain(1, 'the expression is empty');
  const condition = readOr(parser);
  if (peek(parser).kind !== 'end') throw expected(parser, '`and`, `or` or the end');
  return condition;
}
