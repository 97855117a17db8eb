import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { ErrorCode, MilvusdmError } from '../../../util/errors.js';

/** `ResponseCode` of milvus-backup's backup.proto; who has no permission is told so before. */
export const CODE = { success: 0, notSupported: 1, fail: 3, parameter: 400, notFound: 404 } as const;

export type ResponseCode = (typeof CODE)[keyof typeof CODE];

/** Every answer of milvus-backup but those of hello and check; its HTTP status is 200 whatever the code. */
export interface Envelope {
  readonly requestId: string;
  readonly code: ResponseCode;
  readonly msg: string;
  readonly data?: unknown;
}

const NOT_FOUND: readonly ErrorCode[] = ['SRV_NOT_FOUND', 'SRC_NOT_FOUND', 'NOTHING_MATCHED'];

/** The code that milvus-backup has for an error of ours. */
export function codeOf({ code }: MilvusdmError): ResponseCode {
  if (NOT_FOUND.includes(code)) return CODE.notFound;
  if (code === 'SRV_UNSUPPORTED') return CODE.notSupported;
  if (code.startsWith('CFG_') || code === 'SRV_REQUEST' || code === 'SRV_SECRET') return CODE.parameter;
  return CODE.fail;
}

const given = new WeakMap<FastifyRequest, string>();

/** The id of a request: the client's, in the header, as milvus-backup reads it, or in the body; else one of ours. */
export function requestIdOf(request: FastifyRequest): string {
  const id = given.get(request) ?? findId(request);
  given.set(request, id);
  return id;
}

function findId(request: FastifyRequest): string {
  const { request_id: header } = request.headers;
  if (typeof header === 'string' && header !== '') return header.slice(0, 200);
  const { requestId } = (request.body ?? {}) as { readonly requestId?: unknown };
  return typeof requestId === 'string' && requestId !== '' ? requestId.slice(0, 200) : randomUUID();
}

export function failed(requestId: string, error: MilvusdmError): Envelope {
  return { requestId, code: codeOf(error), msg: `${error.message} (${error.code}) ${error.hint}`.trim() };
}
