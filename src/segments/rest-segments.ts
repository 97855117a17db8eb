import { parseJson } from '../backup/json.js';
import type { MilvusEndpoint } from '../config/types.js';
import { openRest, type RestServer } from '../milvus/rest.js';
import { fail, MilvusdmError } from '../util/errors.js';
import type { RetryPolicy } from '../util/retry.js';
import type { CollectionName, SegmentServer } from './server.js';

// Path and fields: Milvus RESTful API v2, GetSegmentsInfo (2.5.8 and later, as milvus-backup uses it).
const DESCRIBE = '/v2/vectordb/segments/describe';
const SINCE = [2, 5, 8] as const;
const AT_A_TIME = 100;

/** What the server says that a segment consists of. */
export interface SegmentLogs {
  /** Ids of logs by field, or by group of columns with storage v2. */
  readonly insert: ReadonlyMap<bigint, ReadonlySet<bigint>>;
  readonly delta: ReadonlySet<bigint>;
  /** Of its rows; '' where the server does not say it. */
  readonly channel: string;
}

/** By id of the segment. Undefined where the server cannot tell. */
export type AskLogs = (
  of: CollectionName,
  collection: bigint,
  segments: readonly bigint[],
) => Promise<ReadonlyMap<bigint, SegmentLogs> | undefined>;

interface WireLogs {
  readonly fieldID?: number | bigint;
  readonly logIDs?: readonly (number | bigint)[] | null;
}

interface WireInfo {
  readonly segmentID?: number | bigint;
  readonly vChannel?: string;
  readonly insertLogs?: readonly WireLogs[] | null;
  readonly deltaLogs?: readonly WireLogs[] | null;
}

const idsOf = ({ logIDs }: WireLogs): bigint[] => (logIDs ?? []).map(BigInt);

function logsOf({ vChannel, insertLogs, deltaLogs }: WireInfo): SegmentLogs {
  return {
    insert: new Map((insertLogs ?? []).map((logs) => [BigInt(logs.fieldID ?? 0), new Set(idsOf(logs))])),
    delta: new Set((deltaLogs ?? []).flatMap(idsOf)),
    channel: vChannel ?? '',
  };
}

function hasHttp(version: string): boolean {
  const numbers = (/(\d+)\.(\d+)(?:\.(\d+))?/.exec(version)?.slice(1) ?? ['99']).map((text) => Number(text ?? 0));
  for (const [at, wanted] of SINCE.entries()) {
    const have = numbers[at] ?? 0;
    if (have !== wanted) return have > wanted;
  }
  return true;
}

/** What the server answers to what is asked of segments. Throws as {@link RestServer.post}; DST_REFUSED for one that it does not name. */
export async function describeSegments(
  rest: RestServer,
  of: CollectionName,
  collection: bigint,
  segments: readonly bigint[],
): Promise<ReadonlyMap<bigint, SegmentLogs>> {
  const found = new Map<bigint, SegmentLogs>();
  for (let at = 0; at < segments.length; at += AT_A_TIME) {
    const some = segments.slice(at, at + AT_A_TIME);
    // Ids are larger than what a number holds.
    const body = `{"dbName":${JSON.stringify(of.db)},"collectionID":${collection},"segmentIDs":[${some.join(',')}]}`;
    const data = (await rest.post(DESCRIBE, body, parseJson)) as { segmentInfos?: readonly WireInfo[] | null };
    for (const info of data.segmentInfos ?? []) found.set(BigInt(info.segmentID ?? 0), logsOf(info));
    const lost = some.find((id) => !found.has(id));
    if (lost !== undefined) throw fail('DST_REFUSED', `the server does not describe segment ${lost} of "${of.name}"`);
  }
  return found;
}

export interface HttpOptions {
  readonly endpoint: MilvusEndpoint;
  readonly retry: RetryPolicy;
  readonly log: (message: string) => void;
}

/**
 * The same server, asked over HTTP for the logs of its segments where it can be, which is from 2.5.8 on: its own word counts
 * more than a listing, which also has what flushes that were cut short have left.
 */
export function withSegmentsOverHttp(server: SegmentServer, { endpoint, retry, log }: HttpOptions): SegmentServer {
  if (!hasHttp(server.version) || endpoint.at.kind !== 'server') return server;
  const rest = openRest(endpoint, { totalMs: 0, ...(retry.signal ? { signal: retry.signal } : {}) });
  let away = false;
  const logs: AskLogs = async (of, collection, segments) => {
    if (away || segments.length === 0) return undefined;
    try {
      return await describeSegments(rest, of, collection, segments);
    } catch (thrown) {
      const { code, message } = thrown as MilvusdmError;
      // Refused is what was compacted away since it was listed.
      if (!(thrown instanceof MilvusdmError) || code === 'INTERRUPTED' || code === 'DST_REFUSED') throw thrown;
      away = true;
      log(`the listing alone says which logs segments have, because the server does not over HTTP (${message})`);
      return undefined;
    }
  };
  return { ...server, logs };
}
