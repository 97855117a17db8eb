import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseJson } from '../../src/backup/json.js';

/** What the double answers when a job is asked about. */
export interface JobAnswer {
  readonly state: string;
  readonly progress?: number;
  readonly importedRows?: number;
  readonly totalRows?: number;
  readonly reason?: string;
}

/** A job as it was asked for. */
export interface AskedJob {
  readonly collectionName: string;
  readonly partitionName?: string;
  readonly files: readonly (readonly string[])[];
  readonly options: Readonly<Record<string, string>>;
}

/**
 * No Milvus, but a double of two groups of paths of the RESTful API v2, after its published description: jobs/import of 2.4 and
 * later, which imports nothing here, and segments/describe of 2.5.8 and later. Requests that have other fields than those, other types, or no login are refused.
 */
export interface RestDouble extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  readonly jobs: readonly AskedJob[];
  /** Paths that were posted to, in their order, without what they have in common. */
  readonly asked: readonly string[];
}

export interface RestDoubleOptions {
  readonly token: string;
  readonly db: string;
  /** What each job goes through; the last one stays. */
  readonly states?: readonly (readonly JobAnswer[])[];
  /** What is said of a segment: its entry in segmentInfos as JSON; undefined for one that it does not know. */
  readonly segment?: (id: bigint) => string | undefined;
  /** Answers of the next requests in place of the double's own. */
  readonly failures?: { readonly status: number; readonly body: string }[];
}

const PREFIX = '/v2/vectordb/';

async function textOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isIds = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((id) => typeof id === 'bigint');
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isText);

/** By path and field: whether a value may stand there. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  'segments/describe': { dbName: isText, collectionID: (value) => typeof value === 'bigint', segmentIDs: isIds },
  'jobs/import/list': { dbName: isText, collectionName: isText },
  'jobs/import/describe': { dbName: isText, jobId: isText },
  'jobs/import/create': {
    dbName: isText,
    collectionName: isText,
    partitionName: (value) => value === undefined || isText(value),
    // A folder of inserts and one of deletes at most, each told to be a folder.
    files: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((set) => isTexts(set) && set.length <= 2 && set.every((path: string) => path.endsWith('/'))),
    options: (value) => typeof value === 'object' && value !== null && Object.values(value).every(isText),
  },
};

function problemOf(
  kind: string,
  request: IncomingMessage,
  body: Record<string, unknown>,
  o: RestDoubleOptions,
): string {
  const known = FIELDS[kind];
  if (!known) return `no path ${kind}`;
  if (request.method !== 'POST') return `method ${request.method}`;
  if (request.headers['content-type'] !== 'application/json') return 'content type';
  if (request.headers['request-timeout'] !== (kind === 'jobs/import/create' ? '600' : undefined))
    return 'request timeout';
  const odd = Object.keys(body).find((key) => !(key in known));
  if (odd !== undefined) return `field ${odd}`;
  const wrong = Object.keys(known).find((key) => !known[key]!(body[key]));
  if (wrong !== undefined) return `value of ${wrong}: ${JSON.stringify(body[wrong])}`;
  return body.dbName === o.db ? '' : `database ${body.dbName}`;
}

/** At a free port of this machine. */
export async function startRestDouble(o: RestDoubleOptions): Promise<RestDouble> {
  const jobs: AskedJob[] = [];
  const asked: string[] = [];
  const seen = new Map<string, number>();
  const idOf = (at: number): string => `4498390143281467${39 + at}`;

  function dataOf(kind: string, body: Record<string, unknown>): unknown {
    if (kind === 'jobs/import/list') return { records: [] };
    if (kind === 'jobs/import/create') {
      const { dbName: _, ...job } = body;
      jobs.push(job as unknown as AskedJob);
      return { jobId: idOf(jobs.length - 1) };
    }
    const id = String(body.jobId);
    const states = o.states?.[jobs.findIndex((_, at) => idOf(at) === id)];
    if (!states) return undefined;
    const at = seen.get(id) ?? 0;
    seen.set(id, at + 1);
    return { jobId: id, ...states[Math.min(at, states.length - 1)] };
  }

  /** As text: its ids are larger than what a number holds. */
  function segmentsOf(ids: readonly bigint[]): string {
    const infos = ids.map((id) => o.segment?.(id));
    const lost = infos.indexOf(undefined);
    if (lost >= 0) return `{"code":600,"message":"segment not found[segment=${ids[lost]}]"}`;
    return `{"code":0,"data":{"segmentInfos":[${infos.join(',')}]}}`;
  }

  function answer(kind: string, request: IncomingMessage, body: Record<string, unknown>): object | string {
    if (request.headers.authorization !== `Bearer ${o.token}`) return { code: 1800, message: 'user not authenticated' };
    const problem = problemOf(kind, request, body, o);
    if (problem !== '') return { code: 1801, message: `can only accept json format request: ${problem}` };
    if (kind === 'segments/describe') return segmentsOf(body.segmentIDs as bigint[]);
    const data = dataOf(kind, body);
    return data === undefined
      ? { code: 2100, message: 'importing data failed: job does not exist' }
      : { code: 0, data };
  }

  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    asked.push(path.slice(PREFIX.length));
    const text = await textOf(request);
    const failure = o.failures?.shift();
    if (failure || !path.startsWith(PREFIX)) {
      response.writeHead(failure?.status ?? 404).end(failure?.body ?? '404 page not found');
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const body = parseJson(text) as Record<string, unknown>;
    const said = answer(path.slice(PREFIX.length), request, body);
    response.end(typeof said === 'string' ? said : JSON.stringify(said));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    jobs,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
