import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatBytes } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { REPORT_VERSION } from '../report.js';
import { type SavedReport, yamlFingerprint } from '../saved-report.js';

/** Far beyond the report of thousands of collections; keeps a wrong path from filling the memory. */
const LARGEST = 64 * 1024 * 1024;

function noReport(path: string, why: string): MilvusdmError {
  return fail('CFG_FILE', `${path} is no report of a run: ${why}`, {
    hint: 'Give the .json file that a run with --report-dir has written.',
  });
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > LARGEST) throw noReport(path, `it has ${formatBytes(size)}`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'CFG_FILE') throw cause;
    throw fail('CFG_FILE', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function areTexts(value: Record<string, unknown>, keys: readonly string[]): boolean {
  return keys.every((key) => typeof value[key] === 'string');
}

function isCollection(value: unknown): boolean {
  if (!isRecord(value) || !areTexts(value, ['collection', 'server'])) return false;
  const { fields, fresh } = value;
  if (!Array.isArray(fields) || !Array.isArray(fresh)) return false;
  return fields.every((f) => isRecord(f) && areTexts(f, ['name', 'type']));
}

function isTarget(value: unknown): boolean {
  return isRecord(value) && areTexts(value, ['collection', 'source']) && typeof value.rows_written === 'number';
}

/** What compares the results of those that move no rows. */
const COMPARED_BY: Readonly<Record<string, string>> = {
  BACKUP: '`milvusdm backup verify WHERE NAME --full` reads its files and compares their checksums.',
  RESTORE: '`milvusdm diff FOLDER#COLLECTION http://HOST:PORT/COLLECTION` compares a collection with its backup.',
  SNAPSHOT: '`milvusdm diff` compares a restored collection with any other.',
};

/** Reads a report of `--report-dir`. Throws CFG_FILE for what is none, CFG_CONFLICT for that of a task that moves no rows by itself. */
export function readReport(file: string): SavedReport {
  const path = resolve(file);
  let document: unknown;
  try {
    document = JSON.parse(readText(path));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw noReport(path, 'it is no JSON');
    throw thrown;
  }
  if (!isRecord(document) || document.version !== REPORT_VERSION) {
    throw noReport(path, `it has no version ${REPORT_VERSION}`);
  }
  const { targets, run, task } = document;
  const other = COMPARED_BY[String(task)];
  if (other)
    throw fail('CFG_CONFLICT', `${path} is the report of a ${task}, which holds no digests to verify`, { hint: other });
  if (!isRecord(run)) throw noReport(path, 'it has no "run", as what a run prints on stdout');
  const whole = Array.isArray(run.collections) && run.collections.every(isCollection);
  if (!whole || !Array.isArray(targets) || !targets.every(isTarget)) throw noReport(path, 'parts of it are missing');
  return document as unknown as SavedReport;
}

/**
 * Where the YAML file of the run is now, once it has been found to be the same.
 * @param given path of the file, where it is no longer where the report says. Throws CFG_FILE, CFG_CONFLICT
 */
export function findYaml(
  saved: SavedReport,
  given: string | undefined,
): { readonly path: string; readonly cwd: string } {
  const { yaml } = saved.run;
  if (!yaml)
    throw fail('CFG_FILE', 'the run took its settings from something that is no file, so its targets are not known');
  const path = given === undefined ? yaml.path : resolve(given);
  const now = yamlFingerprint(path);
  if (!now) {
    throw fail('CFG_FILE', `${path}, the settings of the run, cannot be read`, {
      hint: 'Name a copy of it: milvusdm verify COPY.yaml --report REPORT.json.',
    });
  }
  if (now.sha256 !== yaml.sha256) {
    const [was, is] = [yaml.sha256.slice(0, 12), now.sha256.slice(0, 12)];
    throw fail('CFG_CONFLICT', `${path} has changed since the run (sha256 ${was}..., now ${is}...)`, {
      hint: 'Name a copy of what it was: milvusdm verify COPY.yaml --report REPORT.json.',
    });
  }
  return { path, cwd: yaml.cwd };
}
