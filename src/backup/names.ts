import { randomInt } from 'node:crypto';
import { fail } from '../util/errors.js';

const LONGEST = 128;

/**
 * Throws CFG_INVALID unless this is a name that milvus-backup takes, too: up to 128 letters, digits and underscores that
 * do not begin with a digit.
 */
export function requireBackupName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name.length <= LONGEST) return name;
  const shown = name.length > LONGEST ? `${name.slice(0, 32)}... (${name.length} characters)` : name;
  throw fail('CFG_INVALID', `${JSON.stringify(shown)} is no name for a backup`, {
    hint: `Use up to ${LONGEST} letters, digits and underscores, not a digit first.`,
  });
}

/** The name that milvus-backup gives, too: `backup_2026_11_21_16_58_03_123456789`, UTC. */
export function defaultBackupName(now: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [now.getUTCFullYear(), two(now.getUTCMonth() + 1), two(now.getUTCDate())];
  const time = [two(now.getUTCHours()), two(now.getUTCMinutes()), two(now.getUTCSeconds())];
  // Milliseconds are what the clock gives; the rest only keeps two of them apart.
  const nanoseconds = String(now.getUTCMilliseconds() * 1_000_000 + randomInt(1_000_000)).padStart(9, '0');
  return `backup_${[...day, ...time, nanoseconds].join('_')}`;
}
