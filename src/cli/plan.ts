import { loadJob } from '../config/load.js';
import { toMilvusdmError } from '../util/errors.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printFailure, printResult, toJson } from './output.js';
import { planText } from './render/text.js';
import { openSession } from './session.js';

/** `milvusdm plan FILE` and `--dry-run`: shows what a run would do, touching nothing. */
export async function planCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const config = loadJob(path);
  using session = await openSession(config, options);
  try {
    const plan = await session.job.plan();
    session[Symbol.dispose]();
    printResult(
      options.json ? toJson(plan) : planText(plan, { color: mayColor(options, process.stdout) }),
      config.secrets,
    );
    return EXIT.ok;
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    printFailure(error, options.json ?? false, config.secrets, config.task);
    return error.exitCode;
  }
}
