import { type ConfigIssue, configIssues } from '../../../src/config/issues.js';
import { type ValidateOptions, validateJob, validateText } from '../../../src/config/load.js';
import type { TaskConfig } from '../../../src/config/types.js';
import { MilvusdmError } from '../../../src/util/errors.js';

/** What every test runs with, unless it says otherwise: no environment, a fixed working folder. */
export const AROUND: ValidateOptions = { path: 't.yaml', env: {}, cwd: '/work-folder' };

/** The error that an action throws; anything but a MilvusdmError, or none at all, fails the test. */
export function errorOf(action: () => unknown): MilvusdmError {
  try {
    action();
  } catch (error) {
    if (error instanceof MilvusdmError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The config of a valid text. */
export function valid(text: string, options: ValidateOptions = {}): TaskConfig {
  return validateText(text, { ...AROUND, ...options });
}

/** The error of a faulty text. */
export function faulty(text: string, options: ValidateOptions = {}): MilvusdmError {
  return errorOf(() => validateText(text, { ...AROUND, ...options }));
}

/** The mistakes of a text; none when it is valid. */
export function issuesOf(text: string, options: ValidateOptions = {}): readonly ConfigIssue[] {
  try {
    validateJob(text, { ...AROUND, ...options });
    return [];
  } catch (error) {
    if (error instanceof MilvusdmError) return configIssues(error);
    throw error;
  }
}

/** An F2M file with further lines below the task. */
export function f2m(...lines: readonly string[]): string {
  return ['F2M:', '  data_path: a.index', '  dest_collection_name: c', ...lines.map((line) => `  ${line}`)].join('\n');
}

/** An H2M file with further lines below the task. */
export function h2m(...lines: readonly string[]): string {
  return ['H2M:', '  data_path: a.h5', '  dest_collection_name: c', ...lines.map((line) => `  ${line}`)].join('\n');
}

/** An M2M file with further lines below the task; its source is the folder `old`, its collection `c`. */
export function m2m(...lines: readonly string[]): string {
  return ['M2M:', '  source_milvus_path: old', '  source_collection: c', ...lines.map((line) => `  ${line}`)].join(
    '\n',
  );
}

/** An M2H file with further lines below the task; its source is the folder `old`, its collection `c`. */
export function m2h(...lines: readonly string[]): string {
  const head = ['M2H:', '  source_milvus_path: old', '  source_collection: c', '  data_dir: out'];
  return [...head, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** An M2M file whose source is a Milvus 2.x. */
export function live(...lines: readonly string[]): string {
  return ['M2M:', '  source_uri: http://a', '  source_collection: c', ...lines.map((line) => `  ${line}`)].join('\n');
}
