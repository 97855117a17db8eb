import { fail, type MilvusdmError } from '../../util/errors.js';
import { textOf } from './xml.js';

/** What came back: the headers, and the body where it was read. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** The status and code of an S3 error, with what its message is to say. */
export interface Failure {
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

export function failureOf({ status, body }: Answer): Failure {
  const text = Buffer.from(body).toString();
  const code = textOf(text, 'Code') ?? '';
  const message = textOf(text, 'Message') ?? text.slice(0, 200).replace(/\s+/g, ' ');
  return { status, code, message };
}

/** Whether a request that failed so may be sent again. */
function retryOf({ status, code }: Failure): 'no' | 'yes' | 'after' {
  if (status === 429 || status === 503 || BUSY.includes(code)) return 'after';
  if (status === 501) return 'no';
  return status >= 500 || status === 408 || PASSING.includes(code) ? 'yes' : 'no';
}

/** The error for an S3 failure; `what` names the request ("GET meta/x.json in bucket b of host"). */
export function errorOf(failure: Failure, what: string, bucket: string): MilvusdmError {
  const { status, code, message } = failure;
  const said = `${what}: ${[code || `status ${status}`, message].filter((part) => part !== '').join(', ')}`;
  if (code === 'NoSuchBucket') return fail('STORE_NOT_FOUND', `the bucket ${bucket} does not exist (${said})`);
  if (status === 301 || status === 307) {
    return fail('STORE_NOT_FOUND', `${said}; the bucket is in another region or at another endpoint`);
  }
  if (status === 404) return fail('STORE_MISSING', `${said}`);
  // Only ever asked for by us: the object is to be the one that the first part was of.
  if (status === 412) return fail('SRC_CHANGED', `${said}; the object was replaced while it was read`);
  if (status === 401 || status === 403 || LOGIN.includes(code)) return fail('STORE_AUTH', said);
  const retry = retryOf(failure);
  return retry === 'no' ? fail('STORE_REFUSED', said) : fail('STORE_UNAVAILABLE', said, { retry });
}
