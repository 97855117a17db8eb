import type { BackupContents } from '../../job/backup/manage/contents.js';
import type { BackupEntry } from '../../job/backup/manage/entries.js';
import type { PruneResult, RemovedBackup } from '../../job/backup/manage/remove.js';
import type { BackupCheck } from '../../job/backup/manage/verify.js';
import { formatBytes, formatCount, plural } from '../../util/bytes.js';
import { listed, type TextStyle, table, tint } from './text.js';

const MOST_LISTED = 100;
const bytesText = (bytes: number | null): string => (bytes === null ? '-' : formatBytes(bytes));
const timeText = (time: string | null): string => (time === null ? '-' : time.replace('T', ' ').replace(/\..*Z$/, 'Z'));

function some(items: readonly string[]): string[] {
  const more = items.length - MOST_LISTED;
  return more > 0 ? [...items.slice(0, MOST_LISTED), `and ${formatCount(more)} more`] : [...items];
}

/** `backup list`. */
export function listText(
  { store, backups }: { readonly store: string; readonly backups: readonly BackupEntry[] },
  style: TextStyle,
): string {
  if (backups.length === 0) return `no backups in ${store}`;
  const rows = backups.map(({ name, state, strategy, created, bytes, milvus_version, base }) => [
    name,
    state,
    strategy,
    timeText(created),
    bytesText(bytes),
    milvus_version ?? '-',
    base ?? '-',
  ]);
  const heading = ['name', 'state', 'strategy', 'created', 'size', 'milvus', 'base'];
  const errors = backups.filter(({ error }) => error !== null).map(({ name, error }) => `${name}: ${error}`);
  return [
    `${plural(backups.length, 'backup')} in ${store}`,
    ...table([heading, ...rows], style),
    ...listed('unreadable:', errors, style),
  ].join('\n');
}

/** `backup get`. */
export function contentsText(backup: BackupContents, style: TextStyle): string {
  const { collections } = backup;
  const lines = [
    tint(style, 'bold', `backup "${backup.name}" in ${backup.store}`),
    `  ${backup.strategy}, ${formatBytes(backup.bytes)}, of Milvus ${backup.milvus_version}, created ${timeText(backup.created)}`,
    `  databases: ${backup.databases.join(', ') || '-'}${backup.users === null ? '' : `; ${plural(backup.users, 'user')}`}`,
  ];
  const rows = collections.map((c) => [
    `${c.db}.${c.name}`,
    formatCount(c.rows),
    formatBytes(c.bytes),
    formatCount(c.segments),
    c.partitions.map(({ name }) => name).join(', '),
    c.indexes.map(({ field, type, metric }) => `${field} ${type}${metric === '' ? '' : `/${metric}`}`).join(', ') ||
      '-',
    c.aliases.join(', ') || '-',
    c.load_state,
  ]);
  const heading = ['collection', 'rows', 'size', 'segments', 'partitions', 'indexes', 'aliases', 'load state'];
  if (rows.length > 0) lines.push(...table([heading, ...rows], style));
  lines.push(
    ...listed(
      'left out:',
      backup.left_out.map(({ key, reason }) => `${key}: ${reason}`),
      style,
    ),
  );
  return lines.join('\n');
}

/** `backup verify`. */
export function checkText(check: BackupCheck, style: TextStyle): string {
  const tone = check.status === 'whole' ? 'green' : 'red';
  const how =
    check.checksums > 0
      ? `sizes of all, checksums of ${formatCount(check.checksums)} compared`
      : 'sizes compared; --full compares checksums, too';
  const none = check.without_checksum > 0 ? `, ${formatCount(check.without_checksum)} without a checksum` : '';
  const problems = check.problems.map(({ key, problem, detail }) => `${problem}: ${key} (${detail})`);
  return [
    `backup "${check.name}" in ${check.store} is ${tint(style, tone, check.status)}: ${plural(check.files, 'file')}, ${formatBytes(check.bytes)} (${how}${none})`,
    ...listed(`${plural(problems.length, 'problem')}:`, some(problems), style),
    ...listed('files that are not of the backup:', some(check.extra), style),
  ].join('\n');
}

function removedLine({ name, state, created, files, bytes }: RemovedBackup): string {
  return `${name} (${state}, created ${timeText(created)}, ${plural(files, 'file')}, ${formatBytes(bytes)})`;
}

/** `backup delete`. */
export function deletedText(
  { store, backup }: { readonly store: string; readonly backup: RemovedBackup },
  style: TextStyle,
): string {
  const line = `${removedLine(backup)} in ${store}`;
  if (backup.removed) return `${tint(style, 'green', 'removed')} ${line}`;
  return `would remove ${line}\nnothing was removed: --yes does it`;
}

/** `backup prune`. */
export function prunedText(
  { store, pruned, kept }: PruneResult & { readonly store: string },
  style: TextStyle,
): string {
  const done = pruned.some(({ removed }) => removed);
  const what = done ? 'removed' : 'would remove';
  const lines = [`${what} ${plural(pruned.length, 'backup')} in ${store}, ${formatCount(kept.length)} stay`];
  lines.push(...listed(`${what}:`, pruned.map(removedLine), style));
  lines.push(
    ...listed(
      'kept:',
      kept.map(({ name, why }) => `${name}: ${why}`),
      style,
    ),
  );
  if (!done && pruned.length > 0) lines.push('nothing was removed: --yes does it');
  return lines.join('\n');
}
