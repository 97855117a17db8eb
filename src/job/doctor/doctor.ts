import type { TaskConfig, TaskName } from '../../config/types.js';
import { ERROR_CODES } from '../../util/errors.js';
import { EXIT, type ExitCode } from '../../util/exit-codes.js';
import { REPORT_VERSION } from '../report.js';
import { type Check, findingsOf } from './checks.js';
import { checkMachine } from './machine.js';
import { checkServer } from './server.js';
import { checkSource } from './source.js';

/** What `milvusdm doctor --json` prints (`schemas/doctor.schema.json`). */
export interface DoctorReport {
  readonly version: typeof REPORT_VERSION;
  readonly command: 'doctor';
  readonly task: TaskName;
  /** The worst of the checks. */
  readonly status: Check['status'];
  /** Of the first check that failed. */
  readonly exit_code: ExitCode;
  readonly checks: readonly Check[];
  readonly seconds: number;
}

/**
 * Examines everything that a run of this task needs: the source, the way to each server and the servers, the folders of
 * this machine. Changes nothing, starts no embedded server, and every step ends after some seconds. What is wrong is in the
 * report, never thrown.
 */
export async function examine(config: TaskConfig, take: (check: Check) => void = () => {}): Promise<DoctorReport> {
  const started = performance.now();
  const checks: Check[] = [];
  const add = (check: Check): void => {
    checks.push(check);
    take(check);
  };
  const facts = await checkSource(config, findingsOf('source', add));
  if (!config.archive) await checkServer(config.dest, facts.vectorTypes, findingsOf('target', add));
  await checkMachine(config, findingsOf('machine', add), facts.bytes);
  const failed = checks.find((c) => c.status === 'fail');
  return {
    version: REPORT_VERSION,
    command: 'doctor',
    task: config.task,
    status: failed ? 'fail' : checks.some((c) => c.status === 'warn') ? 'warn' : 'ok',
    exit_code: failed?.code ? ERROR_CODES[failed.code].exit : EXIT.ok,
    checks,
    seconds: Math.round(performance.now() - started) / 1000,
  };
}
