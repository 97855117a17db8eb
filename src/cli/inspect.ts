import { inspectFile } from '../job/inspect.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printResult, toJson } from './output.js';
import { inspectionText } from './render/text.js';

/** `milvusdm inspect FILE`. */
export async function inspectCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const info = await inspectFile(path);
  const document = { version: 1, exit_code: EXIT.ok, ...info };
  printResult(options.json ? toJson(document) : inspectionText(info, { color: mayColor(options, process.stdout) }), []);
  return EXIT.ok;
}
