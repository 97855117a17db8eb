import { fail, MilvusdmError } from '../../util/errors.js';
import type { TargetReport } from '../report.js';
import { type ActionContext, type ActionResult, askedSnapshot } from './context.js';
import { resolveSnapshot, shownCollection } from './names.js';
import { restoreEntry } from './report.js';
import { restoreLimits } from './restore-checks.js';
import type { CollectionRef, RestoreStatus, SnapshotDetails } from './types.js';
import { type RestoredRows, verifyRestored } from './verify.js';
import { knownStatus, requireNotFailed, waitForRestore } from './wait.js';

/** A restore as it is planned. */
export interface PlannedRestore {
  readonly details: SnapshotDetails;
  readonly to: CollectionRef;
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** Finds the snapshot and what speaks against restoring it; reads only. */
export async function planSnapshotRestore({ config, open, now }: ActionContext): Promise<PlannedRestore> {
  const { keeper } = open;
  const ref = await resolveSnapshot(keeper, askedSnapshot(config));
  const details = await keeper.describe(ref);
  const to = { db: config.to?.db ?? ref.db, collection: config.to?.collection ?? '' };
  return { details, to, ...restoreLimits(details, shownCollection(to), now) };
}

function targetOf(details: SnapshotDetails, to: CollectionRef, restored: RestoredRows): TargetReport {
  return {
    source: `snapshot "${details.name}" of ${shownCollection(details)}`,
    collection: shownCollection(to),
    partition: null,
    rows_read: restored.rows,
    rows_written: restored.rows,
    rows_skipped: 0,
    duplicates: null,
    verified: restored.verified,
    digest: restored.digest,
    target_rows: restored.rows,
  };
}

/** A restore that was left alone goes on in the server. */
function withJob(thrown: unknown, id: string): unknown {
  if (!(thrown instanceof MilvusdmError) || thrown.code !== 'INTERRUPTED') return thrown;
  return fail('INTERRUPTED', `the server goes on with the restore, which is job ${id}`, {
    hint: `\`milvusdm snapshot job WHERE ${id}\` shows how far it is; with --wait it waits for the end.`,
  });
}

async function waitUntilDone(context: ActionContext, id: string, began: boolean): Promise<RestoreStatus> {
  const { open, emit, signal } = context;
  const onStatus = ({ progress }: RestoreStatus): void =>
    emit({ type: 'progress', phase: 'copy', done: progress, total: 100, bytes: 0 });
  try {
    return await waitForRestore(open.keeper, id, { signal, began, onStatus });
  } catch (thrown) {
    throw withJob(thrown, id);
  }
}

/** Starts a restore; waits for its end and verifies it where that is asked for, or where no server goes on by itself. */
export async function restoreSnapshot(context: ActionContext): Promise<ActionResult> {
  const { config, open, emit, warn } = context;
  const { keeper } = open;
  const { details, to, notes, warnings } = await planSnapshotRestore(context);
  for (const warning of warnings) warn(warning);
  const from = { db: details.db, collection: details.collection, name: details.name };
  emit({ type: 'phase', phase: 'copy' });
  const id = await keeper.restore({ from, to });
  emit({ type: 'log', message: `restore job ${id}: "${details.name}" to ${shownCollection(to)}` });
  if (!config.wait && keeper.kind === 'native') {
    const status = await knownStatus(keeper, id);
    const begun: RestoreStatus = status ?? {
      jobId: id,
      snapshot: details.name,
      to,
      state: 'pending',
      progress: 0,
      reason: '',
      started: 0,
      timeCost: 0,
    };
    requireNotFailed(begun);
    const note = `the server goes on by itself: \`milvusdm snapshot job WHERE ${id}\` shows how far it is`;
    return { job: restoreEntry(begun), notes: [...notes, note] };
  }
  const status = await waitUntilDone(context, id, true);
  emit({ type: 'phase', phase: 'verify' });
  const restored = await verifyRestored(context, details, to);
  return { job: restoreEntry(status), notes, targets: [targetOf(details, to, restored)] };
}

/** The state of one restore; with `wait` at its end. */
export async function restoreJob(context: ActionContext): Promise<ActionResult> {
  const { config, open } = context;
  const id = config.jobId ?? '';
  const status = config.wait ? await waitUntilDone(context, id, false) : await open.keeper.restoreJob(id);
  return { job: restoreEntry(status) };
}
