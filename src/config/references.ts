import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { formatBytes } from '../util/bytes.js';
import { printable } from './issues.js';

/** A secret in a file is a few bytes; this is far beyond, and keeps a wrong path from filling the memory. */
const LARGEST_FILE = 1024 * 1024;

/** Where values are looked up. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** The working folder, at which relative paths start. */
  readonly cwd: string;
}

/** The absolute path of a path in the file; `~/` is the home folder. */
export function absolutePath(path: string, { env, cwd }: Surroundings): string {
  if (path === '~' || path.startsWith('~/')) return resolve(env.HOME || homedir(), `.${path.slice(1)}`);
  return resolve(cwd, path);
}

type Found = { readonly text: string } | { readonly problem: string };

function readText(path: string, around: Surroundings): Found {
  const absolute = absolutePath(path, around);
  try {
    // Asked before it is opened: opening a pipe would wait for a writer.
    const stat = statSync(absolute);
    if (!stat.isFile()) return { problem: `${printable(absolute)} is not a file` };
    if (stat.size > LARGEST_FILE) {
      return { problem: `${printable(absolute)} has ${formatBytes(stat.size)}, allowed: ${formatBytes(LARGEST_FILE)}` };
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(absolute));
    return { text: text.replace(/\r?\n$/, '') };
  } catch (error) {
    const reason = error instanceof TypeError ? 'is not UTF-8 text' : `cannot be read (${reasonOf(error)})`;
    return { problem: `${printable(absolute)} ${reason}` };
  }
}

/** The code of a system error, such as ENOENT. */
export function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function lookUp(reference: string, around: Surroundings): Found {
  if (reference.startsWith('file:')) return readText(reference.slice('file:'.length), around);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(reference)) {
    // Not quoted: in a password it may be a piece of the secret.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the message is about them
    return { problem: 'a reference is not understood, allowed: ${NAME} and ${file:path}; $${ writes a literal ${' };
  }
  const text = Object.hasOwn(around.env, reference) ? around.env[reference] : undefined;
  return text === undefined ? { problem: `the environment variable ${reference} is not set` } : { text };
}

/** A value after its references are replaced, with everything that kept one from being replaced. */
export interface Resolved {
  readonly text: string;
  readonly problems: readonly string[];
}

/**
 * Replaces `${NAME}` by an environment variable and `${file:path}` by the content of a file (without one newline at its
 * end); `$${` becomes `${`. What was put in is not looked at again.
 */
export function resolveReferences(source: string, around: Surroundings): Resolved {
  const problems: string[] = [];
  const text = source.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole: string, reference?: string, end?: string) => {
    if (reference === undefined) return '${';
    const found: Found = end
      ? lookUp(reference, around)
      : { problem: 'a reference has no `}`; $${ writes a literal ${' };
    if ('text' in found) return found.text;
    problems.push(found.problem);
    return whole;
  });
  return { text, problems };
}
