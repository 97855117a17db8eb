import { type ErrorDetails, fail, type MilvusdmError, type Retry } from '../util/errors.js';
import type { Status } from './decode.js';

/** gRPC status codes that matter here (grpc.io, status codes). */
export const GRPC = {
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Milvus codes of 2.3 and later that say: later, not never (pkg/util/merr). Nothing of the request has taken effect. */
const BUSY_CODES = new Set([1, 2, 3, 4, 7, 8, 9, 11, 12]);
/** The same in the enum of Milvus 2.0 to 2.2. */
const BUSY_LEGACY = new Set([48, 49, 53, 54, 55, 56, 57]);
/**
 * Those of them that limit what is sent: memory, concurrent requests, disk, rate, quota or forced denial, lag of the time
 * ticks, resources. The others (1, 2, 56, 57) come from a server that starts or stops.
 */
const LIMIT_CODES = new Set([3, 4, 7, 8, 9, 11, 12]);
const LIMIT_LEGACY = new Set([48, 49, 53, 54, 55]);
/** ErrParameterTooLarge: the request is larger than quotaAndLimits.limits.maxInsertSize (2.4 and later). */
const TOO_LARGE_CODE = 1102;
const NOT_FOUND_CODE = 100;
const NOT_FOUND_LEGACY = 4;
const PARTITION_NOT_FOUND_CODE = 200;
const AUTH_CODES = new Set([1400, 1401, 1402, 1403, 1800]);
const AUTH_LEGACY = 3;

/** An error of the transport. */
export interface GrpcFailure {
  readonly code: number;
  readonly details: string;
}

function isGrpcFailure(thrown: unknown): thrown is GrpcFailure {
  return typeof thrown === 'object' && thrown !== null && typeof (thrown as { code?: unknown }).code === 'number';
}

/** Whether the server lacks the call; the SDK hides this, our own calls do not. */
export function isUnimplemented(thrown: unknown): boolean {
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  return isGrpcFailure(cause) && cause.code === GRPC.unimplemented;
}

/**
 * Whether the server, which is of Go, has seen the connection end within a request, and could say so because only this side of it
 * was closed. Go's name for that is constant (io.ErrUnexpectedEOF), the code is whatever its gRPC makes of an error it does not know.
 */
function isCut({ code, details }: GrpcFailure): boolean {
  return (code === GRPC.unknown || code === GRPC.internal) && details === 'unexpected EOF';
}

/**
 * A failure of the transport as our error, classified by its gRPC code alone, but for requests that the server got a part of.
 * @param what e.g. "insert into C at 127.0.0.1:19530"
 */
export function grpcError(thrown: unknown, what: string): MilvusdmError {
  if (!isGrpcFailure(thrown)) {
    return fail('INTERNAL', `${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
  }
  const details = thrown.details || 'no details';
  const make = (code: Parameters<typeof fail>[0], text: string, more: ErrorDetails = {}): MilvusdmError =>
    fail(code, `${what}: ${text}`, { cause: thrown, ...more });
  if (isCut(thrown)) {
    return make('NET_UNAVAILABLE', `the connection ended within the request (${details})`, { retry: 'yes' });
  }
  switch (thrown.code) {
    case GRPC.unavailable:
      return make('NET_UNAVAILABLE', `the server cannot be reached (${details})`, { retry: 'yes' });
    case GRPC.deadlineExceeded:
      return make('NET_DEADLINE', 'no answer within the deadline', { retry: 'yes' });
    case GRPC.unauthenticated:
    case GRPC.permissionDenied:
      return make('DST_AUTH', details);
    case GRPC.unimplemented:
      return make('DST_UNSUPPORTED', 'this server does not know the call');
    case GRPC.resourceExhausted:
      return make('DST_REFUSED', `the message is too large for this server (${details})`, {
        hint: 'Set a smaller batch_bytes, e.g. batch_bytes: 2MiB.',
      });
    case GRPC.cancelled:
      return make('INTERRUPTED', 'cancelled');
    default:
      return make('DST_REFUSED', details);
  }
}

function retryOf(status: Status): Retry {
  return BUSY_CODES.has(status.code) || (status.code === 0 && BUSY_LEGACY.has(status.legacyCode)) ? 'after' : 'no';
}

function isStatus(cause: unknown): cause is Status {
  return typeof cause === 'object' && cause !== null && 'legacyCode' in cause;
}

/** Whether the server refused the request because of a limit of rate, quota or load: less, later. */
export function isLimit({ cause }: MilvusdmError): boolean {
  if (!isStatus(cause)) return false;
  return cause.code === 0 ? LIMIT_LEGACY.has(cause.legacyCode) : LIMIT_CODES.has(cause.code);
}

/** Whether the server refused the request because it is too large; nothing of it has taken effect. */
export function isTooLarge({ cause }: MilvusdmError): boolean {
  if (isStatus(cause)) return cause.code === TOO_LARGE_CODE;
  return isGrpcFailure(cause) && cause.code === GRPC.resourceExhausted;
}

/** Whether the server refused the request because it knows no such partition; nothing of it has taken effect. */
export function isPartitionNotFound({ cause }: MilvusdmError): boolean {
  return isStatus(cause) && cause.code === PARTITION_NOT_FOUND_CODE;
}

export function isOk(status: Status): boolean {
  return status.code === 0 && status.legacyCode === 0;
}

/** Whether the status says that the collection does not exist. */
export function isNotFound(status: Status): boolean {
  return status.code === NOT_FOUND_CODE || (status.legacyCode === NOT_FOUND_LEGACY && status.code === 0);
}

/** A status that is not ok as our error. */
export function statusError(status: Status, what: string): MilvusdmError {
  const code = AUTH_CODES.has(status.code) || status.legacyCode === AUTH_LEGACY ? 'DST_AUTH' : 'DST_REFUSED';
  const number = status.code || status.legacyCode;
  return fail(code, `${what}: ${status.reason.trim() || 'refused without a reason'} (Milvus code ${number})`, {
    retry: retryOf(status),
    cause: status,
  });
}

/** Throws unless the status is ok. */
export function requireOk(status: Status, what: string): void {
  if (!isOk(status)) throw statusError(status, what);
}
