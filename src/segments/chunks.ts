import type { SourceLog, SourceSegment } from './listing.js';

/** A segment without what cannot be restored. */
export interface WholeChunks {
  readonly insert: SourceSegment['insert'];
  /** Logs of chunks that lack some of the fields, in the order of their ids. */
  readonly left: readonly SourceLog[];
}

interface FieldLog {
  readonly field: bigint;
  readonly log: SourceLog;
}

const FIRST_USER_FIELD = 100n;

/** Place of a field within a chunk: the user's in their order, then RowID and Timestamp. */
function rankOf(field: bigint): bigint {
  return field >= FIRST_USER_FIELD ? field : field + (1n << 62n);
}

/** The logs in chunks: what one flush or compaction wrote for the same rows, one log a field. */
function chunksOf(insert: SourceSegment['insert']): FieldLog[][] {
  const logs = [...insert].flatMap(([field, list]) => list.map((log) => ({ field, log })));
  logs.sort((a, b) => (a.log.log < b.log.log ? -1 : 1));
  const chunks: FieldLog[][] = [];
  let before: bigint | undefined;
  for (const one of logs) {
    const rank = rankOf(one.field);
    if (before === undefined || rank <= before) chunks.push([one]);
    else chunks.at(-1)!.push(one);
    before = rank;
  }
  return chunks;
}

/**
 * Takes away chunks that a flush left behind when it was cut short. The server reserves consecutive ids for the logs of a
 * chunk, in the order of the fields, so that a new chunk begins where the order goes back; every field then has
 * the same number of logs, which Milvus and milvus-backup need. Undefined where the logs do not tell which chunks are whole.
 */
export function wholeChunks(insert: SourceSegment['insert']): WholeChunks | undefined {
  const counts = [...insert.values()].map((logs) => logs.length);
  if (new Set(counts).size <= 1) return { insert, left: [] };
  const chunks = chunksOf(insert);
  const whole = chunks.filter((chunk) => chunk.length === insert.size);
  if (whole.length !== Math.min(...counts)) return undefined;
  const kept = new Map<bigint, SourceLog[]>([...insert.keys()].map((field) => [field, []]));
  for (const chunk of whole) for (const { field, log } of chunk) kept.get(field)!.push(log);
  const left = chunks.filter((chunk) => chunk.length < insert.size).flatMap((chunk) => chunk.map(({ log }) => log));
  return { insert: kept, left };
}
