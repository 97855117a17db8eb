import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ERROR_CODES, type ErrorCode, fail, MilvusdmError } from '../../util/errors.js';
import { EXIT } from '../../util/exit-codes.js';

const STATUS: Partial<Record<ErrorCode, number>> = {
  SRV_REQUEST: 400,
  SRV_SECRET: 400,
  SRV_TOO_LARGE: 413,
  SRV_AUTH: 401,
  SRV_FORBIDDEN: 403,
  SRV_NOT_FOUND: 404,
  SRV_UNSUPPORTED: 400,
  SRV_CONFLICT: 409,
  SRV_BUSY: 503,
  SRC_NOT_FOUND: 404,
  JOB_RUNNING: 409,
  INTERRUPTED: 409,
};

/** What other systems are to blame for: the request was right, and something it depends on was not there. */
const DEPENDENCY: readonly number[] = [EXIT.target, EXIT.network, EXIT.verify];

/** The HTTP status of an error of ours. */
export function statusOf(code: ErrorCode): number {
  const known = STATUS[code];
  if (known !== undefined) return known;
  const { exit } = ERROR_CODES[code];
  if (exit === EXIT.internal) return 500;
  if (exit === EXIT.config) return 400;
  return DEPENDENCY.includes(exit) ? 424 : 422;
}

/** Any error of a request as one of ours. */
export function requestError(error: FastifyError | Error): MilvusdmError {
  if (error instanceof MilvusdmError) return error;
  const { statusCode = 500, validation } = error as FastifyError;
  if (validation || statusCode === 400) return fail('SRV_REQUEST', error.message, { cause: error });
  if (statusCode === 413) return fail('SRV_TOO_LARGE', 'the body of the request is too long', { cause: error });
  if (statusCode === 415) {
    return fail('SRV_REQUEST', 'the body of the request is of a type that is not known here', {
      hint: 'Send JSON with `Content-Type: application/json`.',
      cause: error,
    });
  }
  if (statusCode < 500) return fail('SRV_REQUEST', error.message, { cause: error });
  // What went wrong inside is for the log, not for who has asked.
  return fail('INTERNAL', 'the request could not be answered', { cause: error });
}

export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string };
}

export function errorBody({ code, message, hint }: MilvusdmError): ErrorBody {
  return { error: { code, message, hint } };
}

/** Sends an error in the form of this API. */
export function sendError(
  reply: FastifyReply,
  error: MilvusdmError,
  status: number = statusOf(error.code),
): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(status).type('application/json; charset=utf-8').send(errorBody(error));
}

/** Every error leaves the server in one form. */
export function answerErrors(app: FastifyInstance, log: (message: string) => void): void {
  app.setErrorHandler((thrown: FastifyError, request: FastifyRequest, reply) => {
    const error = requestError(thrown);
    if (error.code === 'INTERNAL') log(`${request.method} ${request.routeOptions.url ?? ''}: ${String(thrown.stack)}`);
    const status = thrown.statusCode === 415 ? 415 : statusOf(error.code);
    return sendError(reply, error, status);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!.slice(0, 200);
    return sendError(reply, fail('SRV_NOT_FOUND', `there is no ${request.method} ${path}`));
  });
}
