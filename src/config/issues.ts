import { type ErrorCode, fail, type MilvusdmError } from '../util/errors.js';
import { redact } from '../util/redact.js';

export type IssueCode = Extract<ErrorCode, 'CFG_SYNTAX' | 'CFG_INVALID' | 'CFG_REFERENCE' | 'CFG_CONFLICT'>;

/** One mistake of a configuration file. Line and column count from 1. */
export interface ConfigIssue {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The key below the task, such as `collection_parameter.metric_type` or `data_path[1].partition`; '' for the file as a whole. */
  readonly key: string;
  /** What is wrong, and what is allowed. */
  readonly message: string;
  readonly code: IssueCode;
}

/** So many issues stand in the message of the error; all of them are in its list. */
const SHOWN = 50;

const known = new WeakMap<MilvusdmError, readonly ConfigIssue[]>();

/** All mistakes behind an error of the configuration, by position; empty for any other error. */
export function configIssues(error: MilvusdmError): readonly ConfigIssue[] {
  return known.get(error) ?? [];
}

/** `file:line:column key: message` */
export function formatIssue(issue: ConfigIssue): string {
  return `${printable(issue.file)}:${issue.line}:${issue.column}${issue.key && ` ${issue.key}`}: ${issue.message}`;
}

/**
 * One error for all mistakes of a file, sorted by position. Its code is the one that all of them share, else CFG_INVALID.
 * Secrets are taken out of the messages.
 */
export function issuesError(issues: readonly ConfigIssue[], secrets: readonly string[] = []): MilvusdmError {
  const clean = issues.map((issue) => ({ ...issue, message: redact(issue.message, secrets) }));
  clean.sort((a, b) => a.line - b.line || a.column - b.column);
  const codes = new Set(clean.map((issue) => issue.code));
  const [code] = codes;
  const lines = clean.slice(0, SHOWN).map(formatIssue);
  if (clean.length > SHOWN) lines.push(`... and ${clean.length - SHOWN} more`);
  const error = fail(codes.size === 1 && code ? code : 'CFG_INVALID', lines.join('\n'));
  known.set(error, clean);
  return error;
}

/** Control and direction characters, which could make a terminal show something else than what is there. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what this is about
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A text of the user for a message: control characters become escapes. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A value of the user for a message: in backquotes, printable, at most 60 characters. */
export function quoted(text: string): string {
  const shown = printable(text.length > 60 ? `${text.slice(0, 57)}...` : text);
  return `\`${shown}\``;
}
