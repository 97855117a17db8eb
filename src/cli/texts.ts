import { TASKS } from '../config/bundle.js';
import { exampleFor, schemaFor } from '../config/schema-text.js';
import type { TaskName } from '../config/types.js';
import { fail } from '../util/errors.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { toJson } from './output.js';

function taskNamed(name: string): TaskName {
  const task = TASKS.find((t) => t === name.toUpperCase());
  if (task) return task;
  throw fail('USAGE', `"${name}" is no task`, { hint: `The tasks are ${TASKS.join(', ')}.` });
}

/** `milvusdm schema TASK`: the JSON schema (2020-12) of its keys. */
export async function schemaCommand(task: string): Promise<ExitCode> {
  process.stdout.write(`${toJson(schemaFor(taskNamed(task)))}\n`);
  return EXIT.ok;
}

/** `milvusdm init TASK`: a commented YAML to start from. */
export async function initCommand(task: string): Promise<ExitCode> {
  process.stdout.write(exampleFor(taskNamed(task)));
  return EXIT.ok;
}
