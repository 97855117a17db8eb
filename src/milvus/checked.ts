import { MilvusdmError } from '../util/errors.js';
import { type RetryPolicy, withRetry } from '../util/retry.js';
import type { Status } from './decode.js';
import { grpcError, isOk, statusError } from './status.js';

/** A status as the SDK shows it: inside the answer, or the answer itself. */
interface SdkStatus {
  readonly error_code?: string | number;
  readonly code?: number;
  readonly reason?: string;
  readonly retriable?: boolean;
}

/** Names of the old codes that are told apart here, as the SDK shows them, with their numbers (common.proto, ErrorCode). */
const LEGACY_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['Success', 0],
  ['PermissionDenied', 3],
  ['CollectionNotExists', 4],
  ['IndexNotExist', 25],
  ['ForceDeny', 48],
  ['RateLimit', 49],
  ['MemoryQuotaExhausted', 53],
  ['DiskQuotaExhausted', 54],
  ['TimeTickLongDelay', 55],
  ['NotReadyServe', 56],
  ['NotReadyCoordActivating', 57],
]);
const OTHER_FAILURE = 1;

function legacyNumber(code: string | number | undefined): number {
  if (typeof code === 'number') return code;
  // The SDK itself writes it both ways.
  if (code === undefined || code === '' || code === 'success') return 0;
  return LEGACY_NUMBERS.get(code) ?? OTHER_FAILURE;
}

/** The status in an answer of the SDK; an answer without one (the SDK's `{}` for a call the server lacks) is not ok. */
export function sdkStatus(answer: unknown): Status {
  const outer = answer as { status?: SdkStatus } & SdkStatus;
  const status = outer?.status ?? outer;
  if (!status || (status.error_code === undefined && status.code === undefined)) {
    return { legacyCode: 1, code: 0, reason: 'the server gave no status: it may not know this call', retriable: false };
  }
  return {
    legacyCode: legacyNumber(status.error_code),
    code: Number(status.code ?? 0),
    reason: status.reason ?? '',
    retriable: status.retriable ?? false,
  };
}

function isSdkStatus(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && 'error_code' in thrown && 'reason' in thrown;
}

export interface CheckedOptions {
  /** Lets a status that is not ok through. */
  readonly allow?: (status: Status) => boolean;
  /** False for a call whose answer must not be lost: it is repeated only when the server said that it is busy. */
  readonly repeatable?: boolean;
}

/**
 * Runs one call of the SDK and gives its answer when its status is ok. Everything else, whether the SDK rejected,
 * resolved with a code, or resolved with an Error, is thrown as our error, after the repeats that `policy` allows.
 */
export function checked<T>(
  policy: RetryPolicy,
  what: string,
  call: () => Promise<T>,
  o: CheckedOptions = {},
): Promise<T> {
  return withRetry(() => checkedOnce(what, call, o.allow), { ...policy, onlyBusy: o.repeatable === false });
}

async function checkedOnce<T>(what: string, call: () => Promise<T>, allow: CheckedOptions['allow']): Promise<T> {
  let answer: T;
  try {
    answer = await call();
  } catch (thrown) {
    if (thrown instanceof MilvusdmError) throw thrown;
    // The SDK throws some statuses as they are.
    throw isSdkStatus(thrown) ? statusError(sdkStatus(thrown), what) : grpcError(thrown, what);
  }
  if (answer instanceof Error) throw grpcError(answer, what);
  const status = sdkStatus(answer);
  if (!isOk(status) && !allow?.(status)) throw statusError(status, what);
  return answer;
}
