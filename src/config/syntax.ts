import {
  Composer,
  type Document,
  isCollection,
  isScalar,
  LineCounter,
  type ParsedNode,
  Parser,
  Scalar,
  visit,
  type YAMLError,
} from 'yaml';
import { plural } from '../util/bytes.js';
import { type ConfigIssue, issuesError } from './issues.js';

/** No task nests deeper than 6; beyond this the composer of `yaml` could exhaust the stack. */
const DEEPEST = 64;
/** Keys, values and list items of a file. */
const MOST_NODES = 200_000;
const MOST_ERRORS = 100;

const OPTIONS = {
  // Every plain value stays text; what it means depends on its key, which only the schema knows.
  schema: 'failsafe',
  resolveKnownTags: false,
  prettyErrors: false,
  // The parser compares every key with every other; tree.ts finds them faster, and says where the first one is.
  uniqueKeys: false,
  logLevel: 'silent',
} as const;

/** A file that is valid YAML: one document, with the positions of everything in it. */
export interface ParsedYaml {
  readonly document: Document.Parsed<ParsedNode, true>;
  /** Line and column, both from 1, of an offset into the text. */
  readonly at: (offset: number) => { line: number; column: number };
}

type SyntaxCode = YAMLError['code'];

/**
 * The parser's own messages can quote the text, which may be a password; these do not.
 */
const WORDS: Partial<Record<SyntaxCode, string>> = {
  ALIAS_PROPS: 'an alias (*name) takes neither an anchor nor a tag',
  BAD_ALIAS: 'this is not an alias; put a value that starts with * or & in quotes',
  BAD_COLLECTION_TYPE: 'a tag does not go with the value behind it',
  BAD_DIRECTIVE: 'a line that starts with % is not understood',
  BAD_DQ_ESCAPE: 'a backslash in double quotes starts no known escape; write \\\\ or use single quotes',
  BAD_INDENT: 'the indentation does not fit the lines above; what belongs together starts in the same column',
  BAD_SCALAR_START: 'a value must not start with @ or a backquote; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a value holds a second `: `; is the next line indented too far, or must the value be in quotes?',
  BLOCK_IN_FLOW: 'lines with `- ` or `key:` cannot stand inside [ ] or { }',
  DUPLICATE_KEY: 'a key is given twice',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a quote, a bracket or a `:` is missing',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines; is a `:` or a quote missing?',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply',
  TAB_AS_INDENT: 'a tab is used for indentation; use spaces',
  TAG_RESOLVE_FAILED: 'a tag does not go with the value behind it',
  UNEXPECTED_TOKEN: 'something stands where the structure allows nothing; check indentation, brackets and quotes',
};

/** What an unclosed quote or bracket is reported as. */
const UNCLOSED: readonly SyntaxCode[] = ['MISSING_CHAR', 'BAD_INDENT'];

interface Token {
  readonly type?: string;
  /** A token in a collection, a list of tokens in one of its items. */
  readonly start?: unknown;
  readonly value?: Token | null;
  readonly key?: Token | null;
  readonly items?: readonly Token[];
}

/** Walks the tokens without recursion: a file that is too deep must not get further than this. Commas alone count too. */
function measure(tokens: readonly Token[]): { deepest: number; nodes: number } {
  const open = tokens.map((token) => ({ token, depth: 0 }));
  let deepest = 0;
  let nodes = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    nodes++;
    if (Array.isArray(token.start)) nodes += token.start.filter((part: Token) => part.type === 'comma').length;
    deepest = Math.max(deepest, depth);
    if (deepest > DEEPEST || nodes > MOST_NODES) break;
    if (token.value) open.push({ token: token.value, depth });
    if (token.key) open.push({ token: token.key, depth });
    for (const item of token.items ?? []) open.push({ token: item, depth: depth + 1 });
  }
  return { deepest, nodes };
}

/** Where the quote or bracket stands whose end is missing: the parser names only the place where it gave up. */
function openedAt(document: Document, error: YAMLError): number | undefined {
  let start: number | undefined;
  visit(document, {
    Node(_, node) {
      const quoted = isScalar(node) && (node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE);
      const bracketed = isCollection(node) && node.flow === true;
      const [from, to] = node.range ?? [0, 0];
      if ((quoted || bracketed) && from < error.pos[1] && to >= error.pos[0] && to <= error.pos[1]) start = from;
    },
  });
  return start;
}

/** Parses a YAML text; whatever keeps it from being one document of sane size is thrown as CFG_SYNTAX with every place. */
export function parseYaml(text: string, file: string): ParsedYaml {
  const lines = new LineCounter();
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const issue = (offset: number, message: string): ConfigIssue => {
    return { file, ...at(offset), key: '', message, code: 'CFG_SYNTAX' };
  };
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const { deepest, nodes } = measure(tokens as readonly Token[]);
  if (deepest > DEEPEST) throw issuesError([issue(0, `the file is nested too deeply, allowed: ${DEEPEST} levels`)]);
  if (nodes > MOST_NODES) {
    throw issuesError([issue(0, `the file is too large, allowed: ${plural(MOST_NODES, 'value')}`)]);
  }
  const composer = new Composer<ParsedNode, true>(OPTIONS);
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  if (!document) throw issuesError([issue(0, 'the file is empty')]);
  const issues = document.errors.slice(0, MOST_ERRORS).map((error) => {
    const opened = UNCLOSED.includes(error.code) ? openedAt(document, error) : undefined;
    if (opened !== undefined) return issue(opened, 'a quote or a bracket is opened here and never closed');
    return issue(error.pos[0], WORDS[error.code] ?? 'this is not valid YAML');
  });
  // Of several messages about one place the first says it best.
  const places = new Map(issues.toReversed().map((found) => [`${found.line}:${found.column}`, found]));
  if (places.size > 0) throw issuesError([...places.values()]);
  if (second) {
    throw issuesError([issue(second.range[0], 'a second document starts here (---), allowed: one task in a file')]);
  }
  return { document: document as Document.Parsed<ParsedNode, true>, at };
}
