import { loadTask } from '../config/load.js';
import { examine } from '../job/doctor/doctor.js';
import type { ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printResult, toJson } from './output.js';
import { doctorText } from './render/doctor-text.js';

/** `milvusdm doctor FILE`: examines what a run of it needs; the exit code is that of the first thing found wrong. */
export async function doctorCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const config = loadTask(path);
  const report = await examine(config);
  const text = options.json ? toJson(report) : doctorText(report, { color: mayColor(options, process.stdout) });
  printResult(text, config.secrets);
  return report.exit_code;
}
