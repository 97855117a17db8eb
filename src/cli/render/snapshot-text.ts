import type { Report } from '../../job/report.js';
import type {
  DescribedSnapshot,
  PrunedSnapshot,
  RestoreEntry,
  SnapshotEntry,
  SnapshotReport,
} from '../../job/snapshot/report.js';
import { formatBytes, formatCount, plural } from '../../util/bytes.js';
import { listed, type TextStyle, type Tone, table, tint } from './table.js';

const TONE: Readonly<Record<Report['status'], Tone>> = {
  done: 'green',
  skipped: 'yellow',
  partial: 'yellow',
  failed: 'red',
  interrupted: 'yellow',
};

const bytesText = (bytes: number | null): string => (bytes === null ? '-' : formatBytes(bytes));
const countText = (count: number | null): string => (count === null ? '-' : formatCount(count));
const timeText = (time: string | null): string => (time === null ? '-' : time.replace('T', ' ').replace(/\..*Z$/, 'Z'));
const collectionText = ({ db, collection }: { db: string; collection: string }): string => `${db}.${collection}`;

function snapshotTable(all: readonly SnapshotEntry[], style: TextStyle): string[] {
  const heading = ['collection', 'snapshot', 'created', 'rows', 'size', 'segments', 'description'];
  const rows = all.map((one) => [
    collectionText(one),
    one.name,
    timeText(one.created),
    countText(one.rows),
    bytesText(one.bytes),
    countText(one.segments),
    one.description || '-',
  ]);
  return table([heading, ...rows], style);
}

function oneText(snapshot: SnapshotEntry | DescribedSnapshot): string[] {
  const { rows, bytes, segments } = snapshot;
  const size = [
    ...(rows === null ? [] : [plural(rows, 'row')]),
    ...(bytes === null ? [] : [formatBytes(bytes)]),
    ...(segments === null ? [] : [plural(segments, 'segment')]),
  ];
  return [
    `  snapshot "${snapshot.name}" of ${collectionText(snapshot)}, created ${timeText(snapshot.created)}`,
    ...(snapshot.description === '' ? [] : [`  description: ${snapshot.description}`]),
    ...(snapshot.partitions.length === 0 ? [] : [`  partitions: ${snapshot.partitions.join(', ')}`]),
    ...(snapshot.location === '' ? [] : [`  location: ${snapshot.location}`]),
    ...(size.length === 0 ? [] : [`  size: ${size.join(', ')}`]),
    ...(snapshot.pins ? [`  pins: ${snapshot.pins}`] : []),
  ];
}

function shapeText(snapshot: SnapshotEntry | DescribedSnapshot, style: TextStyle): string[] {
  const shape = 'shape' in snapshot ? snapshot.shape : null;
  if (!shape) return [];
  const whose = shape.source === 'snapshot' ? '' : ' (of the collection as it is now)';
  const indexes = new Map(
    shape.indexes.map(({ field, type, metric }) => [field, [type, metric].filter(Boolean).join('/')]),
  );
  const rows = shape.fields.map(({ name, type, primaryKey }) => [
    name,
    type,
    primaryKey ? 'key' : '-',
    indexes.get(name) ?? '-',
  ]);
  const properties = Object.entries(shape.properties).map(([key, value]) => `${key} = ${value}`);
  return [
    `  schema${whose}: ${plural(shape.shards, 'shard')}${properties.length === 0 ? '' : `, ${properties.join(', ')}`}`,
    ...table([['field', 'type', 'key', 'index'], ...rows], style),
  ];
}

function jobTable(jobs: readonly RestoreEntry[], style: TextStyle): string[] {
  const heading = ['job', 'snapshot', 'to', 'state', 'progress', 'time', 'reason'];
  const rows = jobs.map((job) => [
    job.job_id,
    job.snapshot,
    collectionText(job),
    job.state,
    `${job.progress} %`,
    job.time_cost_ms === 0 ? '-' : `${formatCount(job.time_cost_ms)} ms`,
    job.reason || '-',
  ]);
  return table([heading, ...rows], style);
}

function prunedText(
  pruned: readonly PrunedSnapshot[],
  kept: NonNullable<SnapshotReport['kept']>,
  style: TextStyle,
): string[] {
  const done = pruned.some(({ dropped }) => dropped);
  const what = done ? 'dropped' : 'would drop';
  const known = pruned.every(({ frees }) => frees !== null);
  const frees = pruned.reduce((sum, one) => sum + (one.frees ?? 0), 0);
  const line = (one: PrunedSnapshot): string =>
    `"${one.name}" of ${collectionText(one)}, created ${timeText(one.created)}${one.frees === null ? '' : `, ${formatBytes(one.frees)}`}`;
  return [
    `  ${what} ${plural(pruned.length, 'snapshot')}${known && pruned.length > 0 ? `, which frees ${formatBytes(frees)}` : ''}; ${formatCount(kept.length)} stay`,
    ...listed(`${what}:`, pruned.map(line), style),
    ...listed(
      'kept:',
      kept.map((one) => `"${one.name}" of ${collectionText(one)}: ${one.why}`),
      style,
    ),
    ...(done || pruned.length === 0 ? [] : ['nothing was dropped: --yes (apply: true) does it']),
  ];
}

function foundText(found: SnapshotReport, style: TextStyle): string[] {
  const { action, snapshot, snapshots, job, jobs, pruned, kept = [] } = found;
  const lines: string[] = [];
  if (snapshot) lines.push(...oneText(snapshot), ...(action === 'describe' ? shapeText(snapshot, style) : []));
  if (snapshots) lines.push(...(snapshots.length === 0 ? ['  no snapshots'] : snapshotTable(snapshots, style)));
  if (job) lines.push(...jobTable([job], style));
  if (jobs) lines.push(...(jobs.length === 0 ? ['  no restores'] : jobTable(jobs, style)));
  if (pruned) lines.push(...prunedText(pruned, kept, style));
  return lines;
}

/** The report of a SNAPSHOT as text for a terminal. */
export function snapshotText(report: Report, style: TextStyle): string {
  const { snapshot, targets, warnings, error } = report;
  const what = snapshot ? ` ${snapshot.action} on ${snapshot.server} (${snapshot.keeper})` : '';
  const lines = [`SNAPSHOT${what} ${tint(style, TONE[report.status], report.status)} in ${report.seconds} s`];
  if (snapshot) lines.push(...foundText(snapshot, style));
  for (const target of targets) {
    const digest = target.digest === null ? '' : `, digest ${target.digest}`;
    lines.push(`  ${target.collection}: ${plural(target.rows_written, 'row')}, verified: ${target.verified}${digest}`);
  }
  lines.push(...listed('notes:', snapshot?.notes ?? [], style), ...listed('warnings:', warnings, style));
  if (error) lines.push(tint(style, 'red', `error ${error.code}: ${error.message}`), `hint: ${error.hint}`);
  return lines.join('\n');
}
