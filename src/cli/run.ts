import { loadJob } from '../config/load.js';
import type { JobConfig } from '../config/types.js';
import { createRecorder } from '../job/recorder.js';
import { errorReport, type Report } from '../job/report.js';
import { reportPage } from '../job/report-page/page.js';
import { type SaveInput, saveReport, toSavedReport, yamlFingerprint } from '../job/saved-report.js';
import { toMilvusdmError } from '../util/errors.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printResult, toJson } from './output.js';
import { planCommand } from './plan.js';
import { reportText } from './render/text.js';
import { openSession, type Session } from './session.js';
import { shardOf } from './shard-number.js';

/** A run whose report cannot be written has done its work, but not all that was asked for. */
function withFailedSave(report: Report, thrown: unknown): Report {
  const error = toMilvusdmError(thrown);
  const warnings = [...report.warnings, `the report was not saved: ${error.message}`];
  if (report.exit_code !== EXIT.ok) return { ...report, warnings };
  return { ...report, status: 'partial', exit_code: error.exitCode, error: errorReport(error), warnings };
}

async function save(folder: string, session: Session, input: SaveInput): Promise<Report> {
  try {
    const files = await saveReport(folder, toSavedReport(input), reportPage);
    session.log.info(`report: ${files.json} and ${files.html}`);
    return input.report;
  } catch (thrown) {
    return withFailedSave(input.report, thrown);
  }
}

async function runJob(path: string, config: JobConfig, options: GlobalOptions): Promise<Report> {
  using session = await openSession(config, options);
  if (options.reportDir === undefined) {
    const report = await session.job.run();
    session.log.file(`report ${toJson(report)}`);
    return report;
  }
  const [started, yaml] = [new Date(), yamlFingerprint(path)];
  const recorder = createRecorder();
  session.job.on(recorder.listen);
  const ended = await session.job.run();
  const input = { report: ended, record: recorder.record(), config, started, yaml, limit: options.limit };
  const report = await save(options.reportDir, session, input);
  session.log.file(`report ${toJson(report)}`);
  return report;
}

/** `milvusdm --yaml FILE` and `milvusdm run FILE`. */
export async function runCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  const shard = shardOf(options, process.env);
  if (shard) return (await import('./shared.js')).shardCommand(path, shard, options);
  if (options.dryRun) return planCommand(path, options);
  const config = loadJob(path);
  const report = await runJob(path, config, options);
  printResult(
    options.json ? toJson(report) : reportText(report, { color: mayColor(options, process.stdout) }),
    config.secrets,
  );
  return report.exit_code;
}
