import { loadJob } from '../config/load.js';
import type { Inspection } from '../job/inspect.js';
import { type CatalogInspection, inspectPath, inspectTask } from '../job/inspect-catalog.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printResult, toJson } from './output.js';
import { catalogInspectionText, inspectionText } from './render/text.js';

/** By a path, or by a task that reads a backup or a snapshot. */
async function inspection(path: string): Promise<CatalogInspection | Inspection> {
  return /\.ya?ml$/i.test(path) ? await inspectTask(loadJob(path)) : await inspectPath(path);
}

/** `milvusdm inspect FILE`, or a backup, a snapshot, or the YAML file of a task that reads one of them. */
export async function inspectCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const style = { color: mayColor(options, process.stdout) };
  const info = await inspection(path);
  if (options.json) printResult(toJson({ version: 1, exit_code: EXIT.ok, ...info }), []);
  else printResult('collections' in info ? catalogInspectionText(info, style) : inspectionText(info, style), []);
  return EXIT.ok;
}
