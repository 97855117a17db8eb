/**
 * Compiles the schemas into plain code: `src/config/validators.generated.ts`, so that a run loads no schema compiler.
 * Run it whenever a file under `schemas/` has changed, and before `tsc`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { bundleSchema, strictSchema, TASKS } from '../src/config/bundle.js';
import type { JsonSchema } from '../src/config/schema.js';

/** The file that is written. */
export const GENERATED: URL = new URL('../src/config/validators.generated.ts', import.meta.url);

const HEADER = `// @ts-nocheck
// Written by scripts/compile-schemas.ts from schemas/; do not edit.
import type { JsonSchema } from './schema.js';
import type { TaskName } from './types.js';

export interface ValidatorError {
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}
export interface Validator {
  (data: unknown): boolean;
  errors?: readonly ValidatorError[] | null;
}
`;

/** The body of a task: what stands below its name, in the form that the loader checks. */
function bodySchema(task: (typeof TASKS)[number]): JsonSchema {
  const body = bundleSchema(task).properties?.[task];
  if (!body) throw new Error(`the schema of ${task} has no ${task}`);
  return strictSchema(body);
}

/** The text of `validators.generated.ts`: one validator and one schema per task. */
export function generate(): string {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    allowUnionTypes: true,
    code: { source: true, esm: true, lines: false, optimize: 2 },
  });
  ajv.addVocabulary(['x-expect', 'x-int64', 'x-fold', 'x-ignored', 'x-null', 'x-rest', 'x-editor']);
  const bodies = Object.fromEntries(TASKS.map((task) => [task, bodySchema(task)]));
  for (const task of TASKS) ajv.addSchema(bodies[task] ?? {}, task);
  const code = standalone.default(ajv, Object.fromEntries(TASKS.map((task) => [`validate${task}`, task])));
  // What a schema says of an import is none.
  const bare = code.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  if (/\brequire\(|\bimport\b/.test(bare)) {
    // minLength and maxLength do so, and uniqueItems; a pattern says the same.
    throw new Error('the generated validators depend on another module');
  }
  const functions = code.replaceAll(/export const (validate\w+) = (\w+);/g, 'const $1: Validator = $2;');
  const table = TASKS.map((task) => `${task}: validate${task}`).join(', ');
  return `${HEADER}
/** The schema below the name of each task, as the validator of that task sees it. */
export const BODY_SCHEMAS: Readonly<Record<TaskName, JsonSchema>> = ${JSON.stringify(bodies)};
${functions}
/** Check what stands below the name of a task; afterwards \`errors\` of the function lists every mistake. */
export const VALIDATORS: Readonly<Record<TaskName, Validator>> = { ${table} };
`;
}

function main(): void {
  const text = generate();
  let old = '';
  try {
    old = readFileSync(GENERATED, 'utf8');
  } catch {
    // The first run in a fresh clone.
  }
  if (text !== old) writeFileSync(GENERATED, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
