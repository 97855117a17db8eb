import { fail, type MilvusdmError } from '../../util/errors.js';

/** What an S3 server refused. */
export interface Refusal {
  readonly status: number;
  /** S3's own word, such as NoSuchKey; '' where the answer has none. */
  readonly code: string;
  readonly message: string;
}

/** Refusals that pass: throttling, and the server's own troubles. */
const PASSING = [
  'SlowDown',
  'RequestTimeout',
  'Throttling',
  'ThrottlingException',
  'InternalError',
  'OperationAborted',
];
const BUSY = ['SlowDown', 'Throttling', 'ThrottlingException', 'ServiceUnavailable', 'TooManyRequests'];
const LOGIN = [
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'RequestTimeTooSkewed',
  'AuthorizationHeaderMalformed',
  'AccountProblem',
  'InvalidSecurity',
];
/** What a connection ends with that no second attempt will mend. */
const FINAL = /^(ENOTFOUND|EPROTO|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HPE_)/;

/** Whether a request that failed so may be sent again. */
function retryOf({ status, code }: Refusal): 'no' | 'yes' | 'after' {
  if (status === 429 || status === 503 || BUSY.includes(code)) return 'after';
  if (status === 501) return 'no';
  return status >= 500 || status === 408 || PASSING.includes(code) ? 'yes' : 'no';
}

/** The error for a refusal; `what` names the request ("GetObject of meta/x.json in bucket b of host"). */
export function refusalError(refusal: Refusal, what: string, bucket: string, cause: Error): MilvusdmError {
  const { status, code, message } = refusal;
  const said = `${what}: ${[code || `status ${status}`, message].filter((part) => part !== '').join(', ')}`;
  if (code === 'NoSuchBucket')
    return fail('STORE_NOT_FOUND', `the bucket ${bucket} does not exist (${said})`, { cause });
  if (status === 301 || status === 307) {
    return fail('STORE_NOT_FOUND', `${said}; the bucket is in another region or at another endpoint`, { cause });
  }
  if (status === 404) return fail('STORE_MISSING', said, { cause });
  // Only ever asked for by us: the object is to be the one that the first part was of.
  if (status === 412) return fail('SRC_CHANGED', `${said}; the object was replaced while it was read`, { cause });
  if (status === 401 || status === 403 || LOGIN.includes(code)) return fail('STORE_AUTH', said, { cause });
  const retry = retryOf(refusal);
  return retry === 'no' ? fail('STORE_REFUSED', said, { cause }) : fail('STORE_UNAVAILABLE', said, { retry, cause });
}

/** The error for a connection that failed or broke. */
export function brokenError(cause: Error & { code?: string }, what: string): MilvusdmError {
  const message = `${what}: ${cause.message || cause.code}`;
  return fail('STORE_UNAVAILABLE', message, { cause, retry: FINAL.test(cause.code ?? '') ? 'no' : 'yes' });
}
