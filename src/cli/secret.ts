import { resolveReferences, type Surroundings } from '../config/references.js';
import { fail } from '../util/errors.js';

/**
 * Throws USAGE unless an option holds a reference: a secret as it stands would be seen by everybody who can list processes.
 * @param option without its dashes
 */
export function requireReference(option: string, text: string): void {
  if (/\$\{[^}]+\}/.test(text)) return;
  const hint = `Write --${option} '\${NAME}' for an environment variable, or '\${file:path}'.`;
  throw fail('USAGE', `--${option} is a secret, and everybody on this machine can read command lines`, { hint });
}

/** The value of a reference. Throws USAGE for what is none, CFG_REFERENCE for one without anything behind it. */
export function secretValue(option: string, text: string | undefined, around: Surroundings): string | undefined {
  if (text === undefined) return undefined;
  requireReference(option, text);
  const { text: value, problems } = resolveReferences(text, around);
  if (problems.length > 0) throw fail('CFG_REFERENCE', `--${option}: ${problems.join('; ')}`);
  return value;
}
