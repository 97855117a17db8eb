import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fail } from '../../util/errors.js';

/** Whether a token is one of those that the server knows. */
export type TokenCheck = (token: string) => boolean;

const SHORTEST = 16;
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Compares with every token in full, so that the time tells nothing. */
export function tokenCheck(tokens: readonly string[]): TokenCheck {
  const known = tokens.map(digest);
  return (token) => {
    const given = digest(token);
    return known.reduce((found, one) => timingSafeEqual(one, given) || found, false);
  };
}

/**
 * Reads a file of tokens: one a line; empty lines and those that begin with # do not count. Throws CFG_FILE when it cannot be
 * read and CFG_INVALID when it has no token or one of fewer than 16 characters.
 */
export function readTokens(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw fail('CFG_FILE', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const lines = text.split('\n').map((line) => line.trim());
  const tokens = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const hint = 'Make one with: openssl rand -hex 32';
  if (tokens.length === 0) throw fail('CFG_INVALID', `${path} has no token`, { hint });
  const bad = lines.findIndex((line) => line !== '' && !line.startsWith('#') && !/^[\x21-\x7e]{16,}$/.test(line));
  if (bad >= 0) {
    const what = `a token has ${SHORTEST} or more visible ASCII characters, and no spaces`;
    throw fail('CFG_INVALID', `${path}:${bad + 1}: ${what}`, { hint });
  }
  return tokens;
}
