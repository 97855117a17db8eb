import { type ConfigIssue, configIssues } from '../config/issues.js';
import type { TaskName } from '../config/types.js';
import { failureReport } from '../job/report.js';
import type { MilvusdmError } from '../util/errors.js';
import { redact } from '../util/redact.js';

/** Writes the one thing that stdout carries. Secrets are taken out. */
export function printResult(text: string, secrets: readonly string[]): void {
  process.stdout.write(`${redact(text, secrets)}\n`);
}

/** JSON with 64-bit integers as strings. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v), 2);
}

interface FailureDocument extends ReturnType<typeof failureReport> {
  readonly issues?: readonly ConfigIssue[];
}

/** Tells a failure that happened before there was a job: as JSON on stdout, else as two lines on stderr. */
export function printFailure(
  error: MilvusdmError,
  json: boolean,
  secrets: readonly string[],
  task: TaskName | null = null,
): void {
  if (json) {
    const issues = configIssues(error);
    const document: FailureDocument = { ...failureReport(task, error), ...(issues.length > 0 ? { issues } : {}) };
    printResult(toJson(document), secrets);
  } else {
    process.stderr.write(redact(`${error.message}\nhint: ${error.hint}\n`, secrets));
  }
  if (error.code === 'INTERNAL' && process.env.MILVUSDM_DEBUG) {
    const { stack } = error.cause instanceof Error ? error.cause : error;
    process.stderr.write(redact(`${stack}\n`, secrets));
  }
}
