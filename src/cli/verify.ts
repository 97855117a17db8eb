import { readFileSync } from 'node:fs';
import { validateText } from '../config/load.js';
import type { TaskConfig } from '../config/types.js';
import type { SavedReport } from '../job/saved-report.js';
import { findYaml, readReport } from '../job/verify-report/read.js';
import { type VerifyReport, verifyReport } from '../job/verify-report/verify-report.js';
import { fail, toMilvusdmError } from '../util/errors.js';
import type { ExitCode } from '../util/exit-codes.js';
import { openConsole } from './console.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printFailure, printResult, toJson } from './output.js';
import { verifyText } from './render/verify-text.js';

async function compare(saved: SavedReport, config: TaskConfig, options: GlobalOptions): Promise<VerifyReport> {
  using console = await openConsole(options, config.secrets);
  console.show({ type: 'phase', phase: 'verify' });
  return await verifyReport(saved, config, {
    retryForMs: config.options.retryFor * 1000,
    log: (message) => console.log.info(message),
    signal: console.signal,
    onProgress: (done, total) => console.show({ type: 'progress', phase: 'verify', done, total, bytes: 0 }),
  });
}

/** `milvusdm verify [F.yaml] --report R.json`: exit 0 when the targets hold what the run wrote, 6 when they do not. */
export async function verifyCommand(file: string | undefined, options: GlobalOptions): Promise<ExitCode> {
  if (options.report === undefined) {
    throw fail('USAGE', 'no report given', {
      hint: 'Use milvusdm verify --report REPORT.json, with a report that a run with --report-dir has written.',
    });
  }
  const saved = readReport(options.report);
  const { path, cwd } = findYaml(saved, file);
  const config = validateText(readFileSync(path, 'utf8'), { path, cwd });
  try {
    const report = await compare(saved, config, options);
    const text = options.json ? toJson(report) : verifyText(report, { color: mayColor(options, process.stdout) });
    printResult(text, config.secrets);
    return report.exit_code;
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    printFailure(error, options.json ?? false, config.secrets, config.task);
    return error.exitCode;
  }
}
