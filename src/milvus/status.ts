import { type ErrorDetails, fail, type MilvusdmError, type Retry } from '../util/errors.js';
import type { Status } from './decode.js';

/** gRPC status codes that matter here (grpc.io, status codes). */
export const GRPC = {
  cancelled: 1,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Milvus codes of 2.3 and later that say: later, not never (pkg/util/merr). Nothing of the request has taken effect. */
const BUSY_CODES = new Set([1, 2, 3, 4, 7, 8, 9, 11]);
/** The same in the enum of Milvus 2.0 to 2.2. */
const BUSY_LEGACY = new Set([48, 49, 53, 54, 55, 56, 57]);
const NOT_FOUND_CODE = 100;
const NOT_FOUND_LEGACY = 4;
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
 * A failure of the transport as our error, classified by its gRPC code alone.
 * @param what e.g. "insert into C at 127.0.0.1:19530"
 */
export function grpcError(thrown: unknown, what: string): MilvusdmError {
  if (!isGrpcFailure(thrown)) {
    return fail('INTERNAL', `${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
  }
  const details = thrown.details || 'no details';
  const make = (code: Parameters<typeof fail>[0], text: string, more: ErrorDetails = {}): MilvusdmError =>
    fail(code, `${what}: ${text}`, { cause: thrown, ...more });
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
