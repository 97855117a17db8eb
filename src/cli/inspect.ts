import { inspectBackup, inspectFile, isFolder } from '../job/inspect.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printResult, toJson } from './output.js';
import { backupInspectionText, inspectionText } from './render/text.js';

/** `milvusdm inspect FILE`, or the folder of a backup. */
export async function inspectCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const style = { color: mayColor(options, process.stdout) };
  if (await isFolder(path)) {
    const found = await inspectBackup(path);
    const text = options.json
      ? toJson({ version: 1, exit_code: EXIT.ok, ...found })
      : backupInspectionText(found, style);
    printResult(text, []);
    return EXIT.ok;
  }
  const info = await inspectFile(path);
  const document = { version: 1, exit_code: EXIT.ok, ...info };
  printResult(options.json ? toJson(document) : inspectionText(info, style), []);
  return EXIT.ok;
}
