import { readFileSync } from 'node:fs';
import { fail } from '../util/errors.js';
import { bundleSchema, PACKAGE_ROOT, schemaUrl } from './bundle.js';
import type { JsonSchema } from './schema.js';
import type { TaskName } from './types.js';

/**
 * The JSON schema of a task in one piece, for `milvusdm schema TASK`. Reads the schemas that are shipped with the
 * package; INTERNAL when the installation lacks them.
 */
export function schemaFor(task: TaskName): JsonSchema {
  try {
    return bundleSchema(task);
  } catch (cause) {
    throw fail('INTERNAL', `the schema of ${task} is missing from the installation`, { cause });
  }
}

/**
 * A working, commented example of a task, for `milvusdm init TASK`: the shipped `yamls/<TASK>.yaml`, its line for editors
 * pointing to the schema of this installation. INTERNAL when the installation lacks it.
 */
export function exampleFor(task: TaskName): string {
  let text: string;
  try {
    text = readFileSync(new URL(`yamls/${task}.yaml`, PACKAGE_ROOT), 'utf8');
  } catch (cause) {
    throw fail('INTERNAL', `the example of ${task} is missing from the installation`, { cause });
  }
  return text.replace(/^(# yaml-language-server: \$schema=).*$/m, (_, start: string) => start + schemaUrl(task).href);
}
