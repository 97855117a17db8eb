import type { Status } from '../../../milvus/decode.js';
import type { ErrorCode } from '../../../util/error-codes.js';
import { fail, type MilvusdmError, toMilvusdmError } from '../../../util/errors.js';

/** Codes of pkg/util/merr: the disk quota is used up; resources are insufficient. */
const NO_SPACE = new Set([7, 12]);
const LOGIN_HINT =
  'Check source_token, or source_user and source_password (--token, or --user and --password), and the privileges of that user.';
const STORAGE_HINT = 'Check the credentials and permissions of the server for its object storage.';

/**
 * What the guide's error messages mean (docs/snapshots.md has the table). The texts choose the code and the next step that
 * is shown, nothing else: no call is repeated or given up because of one.
 */
const TEXTS: readonly (readonly [pattern: RegExp, code: ErrorCode, hint?: string])[] = [
  [/restore job not found/i, 'SNAPSHOT_JOB_NOT_FOUND'],
  [/snapshot not found|snapshot \S+ (is )?not found/i, 'SNAPSHOT_NOT_FOUND'],
  [/snapshot (is )?pinned|active pins?\b|is restoring/i, 'SNAPSHOT_PINNED'],
  [/collection( \S+)? already exists?/i, 'SNAPSHOT_TARGET_EXISTS'],
  [/snapshot( name)?( \S+)? already exists?/i, 'SNAPSHOT_EXISTS'],
  [/insufficient storage|no space left|disk quota/i, 'SNAPSHOT_STORAGE'],
  [/permission denied|access denied/i, 'DST_AUTH', STORAGE_HINT],
  [/restore snapshot failed/i, 'SNAPSHOT_RESTORE_FAILED'],
];

function isStatus(cause: unknown): cause is Status {
  return typeof cause === 'object' && cause !== null && 'legacyCode' in cause;
}

/** What a message of the server means; undefined for those that the guide does not know. */
export function meaningOf(reason: string): { readonly code: ErrorCode; readonly hint?: string } | undefined {
  const found = TEXTS.find(([pattern]) => pattern.test(reason));
  if (!found) return undefined;
  const [, code, hint] = found;
  return hint === undefined ? { code } : { code, hint };
}

/** A refusal of a call about snapshots, with the code and the next step that belong to it; other errors as they are. */
export function snapshotError(thrown: unknown): MilvusdmError {
  const error = toMilvusdmError(thrown);
  if (!isStatus(error.cause)) return error;
  if (error.code === 'DST_AUTH') return fail('DST_AUTH', error.message, { cause: error.cause, hint: LOGIN_HINT });
  const known = NO_SPACE.has(error.cause.code) ? { code: 'SNAPSHOT_STORAGE' as const } : meaningOf(error.cause.reason);
  if (!known) return error;
  return fail(known.code, error.message, {
    cause: error.cause,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  });
}
