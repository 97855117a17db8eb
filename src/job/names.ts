import { fail } from '../util/errors.js';

const LEGAL = /^[A-Za-z_][A-Za-z0-9_]*$/;
const LONGEST = 255;

/** A name that Milvus 2.x takes: forbidden characters become `_`, and one stands before a leading digit. `2021-03` -> `_2021_03`. */
export function legalName(name: string): string {
  if (LEGAL.test(name)) return name;
  const clean = name.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[0-9]/.test(clean) ? `_${clean}` : clean || '_';
}

export interface NameMap {
  of(name: string): string;
  /** One line per name that had to change. */
  readonly warnings: readonly string[];
}

/**
 * Target names for source names: the user's map first, then what 2.x allows. Throws CFG_CONFLICT when two names would become
 * one, or a name is longer than 255 characters.
 * @param what "collection" or "partition", for messages
 * @param key name of the YAML key that decides otherwise
 */
export function mapNames(
  names: readonly string[],
  map: Readonly<Record<string, string>>,
  what: string,
  key: string,
): NameMap {
  const chosen = new Map(Object.entries(map));
  const targets = new Map<string, string>();
  const taken = new Map<string, string>();
  const warnings: string[] = [];
  for (const name of names) {
    const target = chosen.get(name) ?? legalName(name);
    if (target.length > LONGEST) {
      throw fail(
        'CFG_CONFLICT',
        `the name of ${what} "${name.slice(0, 40)}..." has ${target.length} characters, Milvus takes ${LONGEST}`,
        {
          hint: `Give it another one by ${key}.`,
        },
      );
    }
    const other = taken.get(target);
    if (other !== undefined) {
      throw fail('CFG_CONFLICT', `the ${what}s "${other}" and "${name}" would both become "${target}"`, {
        hint: `Give one of them another name by ${key}.`,
      });
    }
    if (target !== name && !chosen.has(name))
      warnings.push(`${what} "${name}" becomes "${target}": Milvus 2.x forbids its name`);
    taken.set(target, name);
    targets.set(name, target);
  }
  return { of: (name) => targets.get(name) ?? chosen.get(name) ?? legalName(name), warnings };
}
