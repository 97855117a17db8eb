import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { fail, toMilvusdmError } from '../../util/errors.js';
import type { ConnectionBody } from './connection.js';

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;
const KEYS = ['description', 'uri', 'token', 'user', 'password', 'db', 'tls', 'storage', 'backup_store'];

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws CFG_INVALID for what is no connection, by its shape. */
function requireShape(name: string, body: unknown, path: string): asserts body is ConnectionBody {
  const wrong = (what: string): Error =>
    fail('CFG_INVALID', `${path}: ${name}: ${what}`, { hint: 'See docs/serve.md.' });
  if (!NAME.test(name)) throw wrong('a name has letters, digits, _ . and -, at most 100 of them');
  if (!isGroup(body)) throw wrong(`a group of keys is needed, allowed: ${KEYS.join(', ')}`);
  const unknown = Object.keys(body).filter((key) => !KEYS.includes(key));
  if (unknown.length > 0) throw wrong(`${unknown.join(', ')}: no such key, allowed: ${KEYS.join(', ')}`);
  if (typeof body.uri !== 'string') throw wrong('uri is missing');
}

/**
 * Reads a file of connections, each a group of keys below its name. Throws CFG_FILE, CFG_SYNTAX, CFG_INVALID, and with the
 * name of the connection before it what `check` throws.
 */
export function readConnections(path: string, check: (body: ConnectionBody) => void): Map<string, ConnectionBody> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw fail('CFG_FILE', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  let whole: unknown;
  try {
    whole = parse(text);
  } catch (cause) {
    throw fail('CFG_SYNTAX', `${path}: ${(cause as Error).message.split('\n', 1)[0]}`, { cause });
  }
  if (whole === null) return new Map();
  if (!isGroup(whole)) throw fail('CFG_INVALID', `${path} is to hold connections by their names`);
  const found = new Map<string, ConnectionBody>();
  for (const [name, body] of Object.entries(whole)) {
    requireShape(name, body, path);
    try {
      check(body);
    } catch (thrown) {
      const { code, message, hint } = toMilvusdmError(thrown);
      throw fail(code, `${path}: ${name}: ${message}`, { hint, cause: thrown });
    }
    found.set(name, body);
  }
  return found;
}
