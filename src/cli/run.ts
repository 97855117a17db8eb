import { setFlagsFromString } from 'node:v8';
import { loadTask } from '../config/load.js';
import type { ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printResult, toJson } from './output.js';
import { planCommand } from './plan.js';
import { reportText } from './render/text.js';
import { openSession } from './session.js';

/** `milvusdm --yaml FILE` and `milvusdm run FILE`. */
export async function runCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  if (options.dryRun) return planCommand(path, options);
  // Loading the SDK makes the young generation grow for good: 35 MiB on Node 20, more later on, and no run is faster for it.
  setFlagsFromString('--semi-space-growth-factor=1');
  const config = loadTask(path);
  using session = await openSession(config, options);
  const report = await session.job.run();
  session[Symbol.dispose]();
  session.log.file(`report ${toJson(report)}`);
  printResult(
    options.json ? toJson(report) : reportText(report, { color: mayColor(options, process.stdout) }),
    config.secrets,
  );
  return report.exit_code;
}
