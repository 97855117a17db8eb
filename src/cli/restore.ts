import { loadJob } from '../config/load.js';
import { fail } from '../util/errors.js';
import type { ExitCode } from '../util/exit-codes.js';
import type { GlobalOptions } from './options.js';
import { runCommand } from './run.js';

/** `milvusdm restore FILE`: `run`, for a RESTORE alone, so that no slip starts another task. */
export async function restoreCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const { task } = loadJob(path);
  if (task !== 'RESTORE') {
    throw fail('USAGE', `${path} is ${task}, and milvusdm restore runs RESTORE alone`, {
      hint: `Use \`milvusdm run ${path}\`, or \`milvusdm init RESTORE\` for an example.`,
    });
  }
  return await runCommand(path, options);
}
