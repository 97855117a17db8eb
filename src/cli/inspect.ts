import { loadJob } from '../config/load.js';
import { inspectFile, isFolder } from '../job/inspect.js';
import {
  type CatalogInspection,
  inspectBackup,
  inspectSnapshot,
  inspectTask,
  isSnapshot,
} from '../job/inspect-catalog.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printResult, toJson } from './output.js';
import { catalogInspectionText, inspectionText } from './render/text.js';

/** A backup or a snapshot, by its path or by a task that reads it; undefined for other files. */
async function catalogOf(path: string): Promise<CatalogInspection | undefined> {
  if (/\.ya?ml$/i.test(path)) return await inspectTask(loadJob(path));
  const folder = await isFolder(path);
  if (isSnapshot(path)) return await inspectSnapshot(path);
  return folder ? await inspectBackup(path) : undefined;
}

/** `milvusdm inspect FILE`, or a backup, a snapshot, or the YAML file of a task that reads one of them. */
export async function inspectCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const style = { color: mayColor(options, process.stdout) };
  const found = await catalogOf(path);
  const info = found ?? (await inspectFile(path));
  if (options.json) printResult(toJson({ version: 1, exit_code: EXIT.ok, ...info }), []);
  else printResult('collections' in info ? catalogInspectionText(info, style) : inspectionText(info, style), []);
  return EXIT.ok;
}
