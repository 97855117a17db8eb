import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { JobConfig, TaskConfig } from '../config/types.js';
import { writeWhole } from '../util/atomic.js';
import { redact } from '../util/redact.js';
import { packageVersion } from '../util/version.js';
import { endsText } from './places.js';
import type { RunRecord } from './recorder.js';
import type { Report } from './report.js';

/** What a report in a file says besides what is printed: enough to check the targets again later. */
export interface SavedRun extends RunRecord {
  readonly milvusdm: string;
  readonly node: string;
  /** UTC, ISO 8601. */
  readonly started: string;
  readonly finished: string;
  /** Where the rows came from and where they went, without credentials. */
  readonly from: string;
  readonly to: string;
  /** null for a BACKUP and a SNAPSHOT, which always make a new one. */
  readonly mode: TaskConfig['mode'] | null;
  readonly verify: string;
  /** `--limit`. */
  readonly limit: number | null;
  /** The YAML file as it was; null when it was no file that can be read again. */
  readonly yaml: { readonly path: string; readonly sha256: string; readonly cwd: string } | null;
}

/** A report as it lies in a report folder (`schemas/report.schema.json`). */
export interface SavedReport extends Report {
  readonly run: SavedRun;
}

/** The fingerprint of a YAML file; null for a pipe and its like. */
export function yamlFingerprint(path: string): SavedRun['yaml'] {
  const absolute = resolve(path);
  try {
    if (!statSync(absolute).isFile()) return null;
    const sha256 = createHash('sha256').update(readFileSync(absolute)).digest('hex');
    return { path: absolute, sha256, cwd: process.cwd() };
  } catch {
    return null;
  }
}

/** Every text of a document without secrets; its keys and numbers stay as they are. */
function withoutSecrets<T>(value: T, secrets: readonly string[]): T {
  if (typeof value === 'string') return redact(value, secrets) as T;
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, secrets)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, withoutSecrets(item, secrets)]);
  return Object.fromEntries(entries) as T;
}

export interface SaveInput {
  readonly report: Report;
  readonly record: RunRecord;
  readonly config: JobConfig;
  readonly started: Date;
  readonly yaml: SavedRun['yaml'];
  readonly limit: number | undefined;
}

function howOf(config: JobConfig): Pick<SavedRun, 'mode' | 'verify'> {
  if (config.task === 'BACKUP') return { mode: null, verify: 'none' };
  if (config.task === 'SNAPSHOT') return { mode: null, verify: config.action === 'restore' ? config.verify : 'none' };
  return { mode: config.mode, verify: config.task === 'RESTORE' ? config.verify : config.options.verify };
}

/** The report with everything that belongs into a file, free of secrets. */
export function toSavedReport({ report, record, config, started, yaml, limit }: SaveInput): SavedReport {
  const run: SavedRun = {
    milvusdm: packageVersion(),
    node: process.version,
    started: started.toISOString(),
    finished: new Date().toISOString(),
    ...endsText(config, report.backup?.name),
    ...howOf(config),
    limit: limit ?? null,
    yaml,
    ...record,
  };
  return withoutSecrets({ ...report, run }, config.secrets);
}

/** Where a report was written. */
export interface SavedFiles {
  readonly json: string;
  readonly html: string;
}

/**
 * Writes a report as JSON and as a page, both for the eyes of their owner alone. Throws DST_STORAGE.
 * @param html makes the page
 */
export async function saveReport(
  folder: string,
  saved: SavedReport,
  html: (saved: SavedReport) => string,
): Promise<SavedFiles> {
  const stamp = saved.run.started.replace(/[-:.]/g, '');
  const name = join(resolve(folder), `${stamp}-${saved.task ?? 'run'}-${saved.job_id ?? 'none'}`);
  const files = { json: `${name}.json`, html: `${name}.html` };
  await writeWhole(files.json, `${JSON.stringify(saved, null, 2)}\n`);
  await writeWhole(files.html, html(saved));
  return files;
}
