import { loadJob } from '../config/load.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import type { GlobalOptions } from './options.js';
import { printResult, toJson } from './output.js';

/** `milvusdm validate FILE`: offline; a file with mistakes ends as exit 2 with all of them. */
export async function validateCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const config = loadJob(path);
  const document = { version: 1, task: config.task, status: 'valid', exit_code: EXIT.ok, notes: config.notes };
  const text = [`${path}: a valid ${config.task} task`, ...config.notes.map((n) => `note: ${n}`)].join('\n');
  printResult(options.json ? toJson(document) : text, config.secrets);
  return EXIT.ok;
}
