import { formatCount, plural } from '../../util/bytes.js';
import type { SavedReport } from '../saved-report.js';

/** 75.5 -> "1 min 16 s". */
export function durationText(seconds: number): string {
  if (seconds < 10) return `${Number(seconds.toFixed(seconds < 1 ? 2 : 1))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** "2026-11-21 13:05:59 UTC". */
export function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

export const STATUS: Readonly<Record<SavedReport['status'], { readonly word: string; readonly tone: string }>> = {
  done: { word: 'Done', tone: 'good' },
  skipped: { word: 'Skipped: the target exists', tone: 'warn' },
  partial: { word: 'Done in part', tone: 'warn' },
  failed: { word: 'Failed', tone: 'bad' },
  interrupted: { word: 'Interrupted', tone: 'warn' },
};

export const VERIFIED: Readonly<Record<string, string>> = {
  none: 'not verified',
  count: 'row count',
  sample: 'count and random rows',
  full: 'every row',
};

function backupProof({ files, checksums }: NonNullable<SavedReport['backup']>): string {
  return `Every file was found with its size in a listing; ${formatCount(checksums)} of ${formatCount(files)} have a checksum.`;
}

/** What was proven, over all targets: the weakest of them counts. */
export function proofText({ task, targets, backup }: SavedReport): string {
  if (backup) return backupProof(backup);
  if (task === 'SNAPSHOT' && targets.length === 0) return 'There were no rows to verify.';
  const order = ['none', 'count', 'sample', 'full'];
  const weakest = Math.min(...targets.map((t) => order.indexOf(t.verified)));
  if (targets.length === 0 || weakest <= 0) return 'The targets were not verified.';
  if (weakest === 1) return 'The row counts of the targets were checked.';
  if (weakest === 2) return 'Row counts and a random sample of rows, bit for bit, were checked in the targets.';
  return 'Every row was read back from the targets and compared.';
}

/** What a run is called, and what it does with rows. */
function wordsOf(task: SavedReport['task']): { readonly run: string; readonly moved: string } {
  if (task === 'BACKUP') return { run: 'backup', moved: 'backed up from' };
  if (task === 'RESTORE') return { run: 'restore', moved: 'restored into' };
  if (task === 'SNAPSHOT') return { run: 'snapshot task', moved: 'restored into' };
  return { run: 'migration', moved: 'moved into' };
}

/** What a SNAPSHOT has done that has moved no rows. */
function snapshotHeadline({ snapshot }: SavedReport): string | undefined {
  if (!snapshot || snapshot.action === 'restore') return undefined;
  const { action, pruned, snapshot: one } = snapshot;
  const gone = pruned?.filter(({ dropped }) => dropped).length ?? 0;
  if (pruned) return `${plural(gone, 'snapshot')} ${gone === 1 ? 'was' : 'were'} dropped`;
  return `Snapshot ${action} done${one ? `: "${one.name}" of ${one.db}.${one.collection}` : ''}`;
}

/** The sentence at the top of the page. */
export function headline(saved: SavedReport): string {
  const snapshot = snapshotHeadline(saved);
  if (snapshot !== undefined) return snapshot;
  const { run, moved } = wordsOf(saved.task);
  const rows = saved.targets.reduce((sum, t) => sum + t.rows_written, 0);
  const thing =
    saved.task === 'BACKUP' || saved.task === 'RESTORE' || saved.task === 'SNAPSHOT' ? 'collection' : 'target';
  const where = saved.targets.length === 1 ? `one ${thing}` : `${formatCount(saved.targets.length)} ${thing}s`;
  switch (saved.status) {
    case 'skipped':
      return 'Nothing was written: the target was there already';
    case 'failed':
      return rows === 0
        ? `The ${run} failed before a row was written`
        : `The ${run} failed after ${formatCount(rows)} rows`;
    case 'interrupted':
      return `The ${run} was interrupted after ${formatCount(rows)} rows`;
    default:
      return `${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'} ${moved} ${where}`;
  }
}
