import { readFileSync } from 'node:fs';
import type { JsonSchema } from './schema.js';
import type { TaskName } from './types.js';

/** The tasks that have a schema. */
export const TASKS: readonly TaskName[] = ['F2M', 'H2M', 'M2M', 'M2H', 'BACKUP', 'RESTORE', 'SNAPSHOT'];

/** The project's own folder, from `src/config` and from `dist/config` alike. */
export const PACKAGE_ROOT: URL = new URL('../../', import.meta.url);

/** Where the schema of a task lies: `schemas/f2m.schema.json`. */
export function schemaUrl(task: TaskName): URL {
  return new URL(`schemas/${task.toLowerCase()}.schema.json`, PACKAGE_ROOT);
}

/** These definitions stay references in the published schema: they occur at nearly every key. */
const KEPT = ['absent', 'nothing', 'reference'];

type Files = Map<string, JsonSchema>;

function readSchema(url: URL, files: Files): JsonSchema {
  const known = files.get(url.href);
  if (known) return known;
  const schema: JsonSchema = JSON.parse(readFileSync(url, 'utf8'));
  files.set(url.href, schema);
  return schema;
}

function resolveRef(ref: string, base: URL, files: Files): { name: string; schema: JsonSchema; base: URL } {
  const url = new URL(ref, base);
  const name = url.hash.replace('#/$defs/', '');
  url.hash = '';
  const schema = readSchema(url, files).$defs?.[name];
  if (schema === undefined) throw new Error(`${ref} is not defined (in ${base.pathname})`);
  return { name, schema, base: url };
}

/** Applies `change` to every schema directly inside a schema. */
function mapChildren(schema: JsonSchema, change: (child: JsonSchema) => JsonSchema): JsonSchema {
  const each = (list: readonly JsonSchema[]): JsonSchema[] => list.map(change);
  const { properties, items, additionalProperties: rest, not, anyOf, allOf, oneOf } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, child]) => [key, change(child)])),
    }),
    ...(items && { items: change(items) }),
    ...(typeof rest === 'object' && { additionalProperties: change(rest) }),
    ...(not && { not: change(not) }),
    ...(anyOf && { anyOf: each(anyOf) }),
    ...(allOf && { allOf: each(allOf) }),
    ...(oneOf && { oneOf: each(oneOf) }),
  };
}

function inline(schema: JsonSchema, base: URL, files: Files): JsonSchema {
  const { $ref, ...siblings } = schema;
  if ($ref === undefined) return mapChildren(schema, (child) => inline(child, base, files));
  const found = resolveRef($ref, base, files);
  if (KEPT.includes(found.name)) return { $ref: `#/$defs/${found.name}` };
  return { ...inline(found.schema, found.base, files), ...inline(siblings, base, files) };
}

/**
 * The schema of a task in one piece, as `milvusdm schema TASK` prints it: every definition put where it is used, but for
 * the three about absent values and references, which stand in its own `$defs`. Reads the files under `schemas/`.
 */
export function bundleSchema(task: TaskName): JsonSchema {
  const files: Files = new Map();
  const url = schemaUrl(task);
  const common = readSchema(new URL('defs/common.json', url), files).$defs ?? {};
  const kept = KEPT.map((name) => [name, common[name] ?? {}] as const);
  return { ...inline(readSchema(url, files), url, files), $defs: Object.fromEntries(kept) };
}

function isForEditors(schema: JsonSchema): boolean {
  return schema['x-editor'] === true || KEPT.some((name) => schema.$ref === `#/$defs/${name}`);
}

function without(schema: JsonSchema, ...keys: readonly (keyof JsonSchema)[]): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !(keys as readonly string[]).includes(key)));
}

/**
 * What the loader checks after absent keys are gone, references are replaced and case is folded: a bundled schema without
 * the branches that only editors need, without descriptions, and with exact integers as text.
 */
export function strictSchema(schema: JsonSchema): JsonSchema {
  const kept = without(schema, 'description', 'examples', 'default', 'allOf', '$defs');
  const words = kept['x-int64'];
  if (words) {
    return { ...without(kept, 'anyOf'), type: 'string', pattern: `^(${[...words, '[-+]?[0-9]+'].join('|')})$` };
  }
  const left = kept.anyOf?.filter((branch) => !isForEditors(branch));
  const only = left?.length === 1 ? left[0] : undefined;
  if (only) return strictSchema({ ...only, ...without(kept, 'anyOf') });
  return mapChildren({ ...kept, ...(left && { anyOf: left }) }, strictSchema);
}
