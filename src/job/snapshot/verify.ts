import type { SnapshotSource } from '../../config/types.js';
import { openCalls } from '../../milvus/calls.js';
import { segmentServer } from '../../segments/server.js';
import { viewOf } from '../../store/server-view.js';
import { sleep } from '../../util/abort.js';
import { formatCount } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { ContentCheck } from '../restore/content.js';
import type { VerifyLevel } from '../verify.js';
import type { ActionContext } from './context.js';
import { shownCollection } from './names.js';
import { keyOf } from './native/contents.js';
import type { CollectionRef, SnapshotDetails } from './types.js';

export interface RestoredRows {
  readonly rows: number;
  readonly verified: VerifyLevel;
  readonly digest: string | null;
}

/** common.SegmentState and common.SegmentLevel: of what is flushed, all but segments of deletes. */
const FLUSHED = 4;
const LEVEL_0 = 1;
const PATIENCE_MS = 5_000;

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

/** A server skips segments that it does not find any more, and says nothing. Throws VERIFY_MISMATCH. */
function requireRows(rows: number, expected: number, details: SnapshotDetails, to: CollectionRef): void {
  if (rows === expected) return;
  throw fail(
    'VERIFY_MISMATCH',
    `"${shownCollection(to)}" has ${formatCount(rows)} rows, the snapshot "${details.name}" ${formatCount(expected)}`,
    {
      hint: 'The server skips segments that it does not find any more. Keep the snapshot, and look at the log of the server.',
    },
  );
}

/** The snapshot's own files as a source of rows; undefined where they are out of reach. */
function contentOf({ config }: ActionContext, details: SnapshotDetails): SnapshotSource | undefined {
  const { storage } = config;
  if (!storage || details.shape?.source !== 'snapshot') return undefined;
  const own = viewOf(storage)('x').slice(0, -1);
  const { location } = details;
  const path =
    details.kind === 'native' ? keyOf(location) : location.startsWith(own) ? location.slice(own.length) : undefined;
  if (path === undefined) return undefined;
  return { adapter: 'snapshot', storage, path, select: { [details.collection]: null } };
}

/** Compares rows with those in the snapshot's files. Says how far it came. Throws VERIFY_MISMATCH. */
async function checkContent(
  context: ActionContext,
  details: SnapshotDetails,
  to: CollectionRef,
  source: SnapshotSource,
): Promise<Pick<RestoredRows, 'verified' | 'digest'>> {
  const { config, emit, signal, warn } = context;
  const { checkAll, checkSample } = await import('../restore/content.js');
  const check: ContentCheck = {
    config,
    item: { source: shownCollection(details), db: to.db, name: to.collection },
    source,
    collection: to.collection,
    signal,
    log: (message) => emit({ type: 'log', message }),
  };
  try {
    if (config.verify === 'full') return { verified: 'full', digest: await checkAll(check) };
    await checkSample(check);
    return { verified: 'sample', digest: null };
  } catch (thrown) {
    // What these files or this collection are like keeps them from being read; nothing is wrong with the rows.
    if (!(thrown instanceof MilvusdmError) || !['SRC_UNSUPPORTED', 'SRC_UNREADABLE'].includes(thrown.code))
      throw thrown;
    warn(`"${shownCollection(to)}" is verified by the row count only: ${thrown.message}`);
    return { verified: 'count', digest: null };
  }
}

/** Compares what was restored with the snapshot, as far as that can be read. Throws VERIFY_MISMATCH. */
export async function verifyRestored(
  context: ActionContext,
  details: SnapshotDetails,
  to: CollectionRef,
): Promise<RestoredRows> {
  const { config, open, warn } = context;
  // An import drops deleted rows, and the keeper has counted and sampled what came.
  const ours = open.keeper.kind === 'self-contained';
  const expected = details.rows === undefined || ours ? undefined : Number(details.rows);
  const rows = await segmentRows(context, to, expected);
  if (config.verify === 'none') return { rows, verified: ours ? 'sample' : 'none', digest: null };
  if (expected !== undefined) requireRows(rows, expected, details, to);
  const source = contentOf(context, details);
  if (ours && config.verify !== 'full') return { rows, verified: 'sample', digest: null };
  if (config.verify !== 'count' && source) return { rows, ...(await checkContent(context, details, to, source)) };
  if (expected !== undefined) return { rows, verified: 'count', digest: null };
  warn(
    `"${shownCollection(to)}" has ${formatCount(rows)} rows, and nobody has said how many the snapshot has: not verified; with source_storage its metadata tells`,
  );
  return { rows, verified: 'none', digest: null };
}
