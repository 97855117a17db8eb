import { bundleSchema } from '../../config/bundle.js';
import type { JsonSchema } from '../../config/schema.js';
import type { TaskName } from '../../config/types.js';
import { fail } from '../../util/errors.js';

/** Nothing but references, or a user's name and a colon before them, as a token may have. */
const REFERENCES_ONLY = /^(?:[^$:]*:)?(?:\$\{[^}]+\})+$/;

const bundled = new Map<TaskName, JsonSchema>();

function schemaOf(task: TaskName): JsonSchema {
  const known = bundled.get(task) ?? bundleSchema(task);
  bundled.set(task, known);
  return known;
}

function branchesOf(schema: JsonSchema): readonly JsonSchema[] {
  const { anyOf = [], oneOf = [], allOf = [] } = schema;
  return [schema, ...[...anyOf, ...oneOf, ...allOf].flatMap(branchesOf)];
}

function isLiteral(value: unknown): boolean {
  return (
    value !== undefined &&
    value !== null &&
    value !== '' &&
    typeof value !== 'object' &&
    !REFERENCES_ONLY.test(String(value))
  );
}

/** The keys below `value` whose schema calls them secret and whose value is no reference. */
export function literalSecrets(value: unknown, schema: JsonSchema, key = ''): string[] {
  const all = branchesOf(schema);
  if (all.some(({ writeOnly }) => writeOnly) && isLiteral(value)) return [key];
  if (Array.isArray(value)) {
    return value.flatMap((item, at) =>
      all.flatMap(({ items }) => (items ? literalSecrets(item, items, `${key}[${at}]`) : [])),
    );
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const below = key === '' ? name : `${key}.${name}`;
    const schemas = all.flatMap(({ properties = {}, additionalProperties: rest }) => {
      if (Object.hasOwn(properties, name)) return [properties[name]!];
      return typeof rest === 'object' ? [rest] : [];
    });
    return schemas.flatMap((one) => literalSecrets(child, one, below));
  });
}

/** Throws SRV_SECRET when a task, an object with its name as the one key, has a secret as it is. */
export function requireReferences(task: TaskName, whole: unknown): void {
  const found = [...new Set(literalSecrets(whole, schemaOf(task)))];
  if (found.length === 0) return;
  const are = found.length === 1 ? 'holds a secret' : 'hold secrets';
  throw fail('SRV_SECRET', `${found.join(', ')} ${are} as it is, and not a reference`);
}
