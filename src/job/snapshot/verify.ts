import { openCalls } from '../../milvus/calls.js';
import { segmentServer } from '../../segments/server.js';
import { sleep } from '../../util/abort.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { VerifyLevel } from '../verify.js';
import type { ActionContext } from './context.js';
import { shownCollection } from './names.js';
import type { CollectionRef, SnapshotDetails } from './types.js';

export interface RestoredRows {
  readonly rows: number;
  readonly verified: VerifyLevel;
  readonly digest: string | null;
}

/** common.SegmentState and common.SegmentLevel: of what is flushed, all but segments of deletes. */
const FLUSHED = 4;
const LEVEL_0 = 1;
const PATIENCE_MS = 15_000;

/** Rows of the segments of a collection, deleted ones too: the same count that a snapshot has of itself. */
async function segmentRows(
  { config, signal, emit }: ActionContext,
  of: CollectionRef,
  expected?: number,
): Promise<number> {
  const { db: _, ...endpoint } = config.endpoint;
  const log = (message: string): void => emit({ type: 'log', message });
  const retry = { totalMs: config.retryFor * 1000, signal };
  await using calls = await openCalls(endpoint, { log, retry, signal });
  const server = segmentServer(calls, signal);
  const deadline = Date.now() + PATIENCE_MS;
  for (let wait = 100; ; wait *= 2) {
    const segments = await server.segments({ db: of.db, name: of.collection });
    const rows = segments
      .filter(({ state, level }) => state === FLUSHED && level !== LEVEL_0)
      .reduce((sum, segment) => sum + segment.rows, 0);
    if (expected === undefined || rows === expected || Date.now() + wait > deadline) return rows;
    await sleep(wait, signal);
  }
}

/**
 * Compares what was restored with the snapshot, as far as that is known: a server skips segments that it does not find
 * any more, and says nothing. Throws VERIFY_MISMATCH.
 */
export async function verifyRestored(
  context: ActionContext,
  details: SnapshotDetails,
  to: CollectionRef,
): Promise<RestoredRows> {
  const { config, warn } = context;
  const expected = details.rows === undefined ? undefined : Number(details.rows);
  const rows = await segmentRows(context, to, expected);
  if (config.verify === 'none') return { rows, verified: 'none', digest: null };
  if (expected === undefined) {
    warn(
      `"${shownCollection(to)}" has ${formatCount(rows)} rows, and nobody has said how many the snapshot has: not verified; with source_storage its metadata tells`,
    );
    return { rows, verified: 'none', digest: null };
  }
  if (rows !== expected) {
    throw fail(
      'VERIFY_MISMATCH',
      `"${shownCollection(to)}" has ${formatCount(rows)} rows, the snapshot "${details.name}" ${formatCount(expected)}`,
      {
        hint: 'The server skips segments that it does not find any more. Keep the snapshot, and look at the log of the server.',
      },
    );
  }
  return { rows, verified: 'count', digest: null };
}
