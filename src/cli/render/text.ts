import type { Inspection } from '../../job/inspect.js';
import type { CatalogInspection } from '../../job/inspect-catalog.js';
import type { ProfileReport } from '../../job/profile.js';
import type { BackupReport, PlanReport, PreparedReport, Report } from '../../job/report.js';
import { formatBytes, formatCount, plural } from '../../util/bytes.js';
import { snapshotText } from './snapshot-text.js';
import { listed, type TextStyle, type Tone, table, tint } from './table.js';

export { listed, type TextStyle, table, tint } from './table.js';

const TONE: Readonly<Record<Report['status'], Tone>> = {
  done: 'green',
  skipped: 'yellow',
  partial: 'yellow',
  failed: 'red',
  interrupted: 'yellow',
};

/** What a BACKUP has made, below the head of its report. */
function backupReportText(report: BackupReport, style: TextStyle): string[] {
  const parts = [
    `copied ${plural(report.copied.files, 'file')} (${formatBytes(report.copied.bytes)})`,
    ...(report.from_base.files > 0 ? [`${plural(report.from_base.files, 'file')} from "${report.base}"`] : []),
    ...(report.reused.files > 0 ? [`${plural(report.reused.files, 'file')} of the run before`] : []),
    `${formatCount(report.checksums)} with a checksum`,
  ];
  return [
    `${tint(style, 'bold', `backup "${report.name}"`)} in ${report.store}: ${report.type.toLowerCase()}, ${report.strategy}${report.linked ? ', hard links' : ''}, ${plural(report.collections, 'collection')}, ${plural(report.files, 'file')}, ${formatBytes(report.bytes)}`,
    `  ${parts.join(', ')}`,
  ];
}

/** The shards of a job that is prepared, below the head of its report. */
function preparedText(report: Report, prepared: PreparedReport, style: TextStyle): string[] {
  const { collections, set_aside: aside, shards } = prepared;
  const when = prepared.again ? 'before; nothing was done now' : `in ${report.seconds} s`;
  const body = shards.map((s) => [String(s.shard), formatCount(s.parts), formatCount(s.rows)]);
  return [
    `${report.task} ${tint(style, TONE[report.status], 'prepared')} ${when}: ${plural(shards.length, 'shard')} of "${collections.join('", "')}", shared in ${prepared.work}`,
    ...(aside > 0 ? [`  ${plural(aside, 'row')} set aside`] : []),
    ...table([['shard', 'parts', 'rows'], ...body], style),
    ...listed('warnings:', report.warnings, style),
  ];
}

/** Where the time went. */
function profileText(profile: ProfileReport, style: TextStyle): string[] {
  const { phases, stages, batches, batch_bytes: bytes, ack_ms: ack, ack_ms_longest: longest } = profile;
  const seconds = (value: number): string => `${value.toFixed(3)} s`;
  const rows = [
    ...phases.map(({ phase, seconds: s }) => [phase, '', seconds(s)]),
    ...stages.map(({ stage, seconds: s }) => ['write', stage, seconds(s)]),
  ];
  return [
    ...table([['phase', 'stage', 'time'], ...rows], style),
    `  batches: ${formatCount(batches)}, of ${formatBytes(bytes)} on the average, acknowledged after ${formatCount(ack)} ms (longest ${formatCount(longest)} ms)`,
    ...profile.tuned.map(
      (t) =>
        `  requests to "${t.collection}" in the end: up to ${t.in_flight} in flight, of up to ${formatBytes(t.request_bytes)}, acknowledged after ${formatCount(t.ack_ms)} ms (median)`,
    ),
  ];
}

/** The report of a run as text for a terminal. */
export function reportText(report: Report, style: TextStyle): string {
  if (report.task === 'SNAPSHOT') return snapshotText(report, style);
  const rows = report.targets.reduce((sum, t) => sum + t.rows_written, 0);
  const rate = report.seconds > 0 ? `, ${formatCount(Math.round(rows / report.seconds))} rows/s overall` : '';
  const shard = report.shard ? ` shard ${report.shard.index} of ${report.shard.of}` : '';
  const head = `${report.task ?? 'milvusdm'}${shard} ${tint(style, TONE[report.status], report.status)}: ${plural(rows, 'row')} (${formatBytes(report.bytes)}) written in ${report.seconds} s${rows > 0 && !report.backup ? rate : ''}`;
  if (report.prepared) return preparedText(report, report.prepared, style).join('\n');
  const lines = [head];
  if (report.backup) lines.push(...backupReportText(report.backup, style));
  else if (report.targets.length > 0) {
    const heading = ['target', 'read', 'written', 'skipped', 'in target', 'verified', 'digest', 'source'];
    const body = report.targets.map((t) => [
      t.partition === null ? t.collection : `${t.collection}/${t.partition}`,
      formatCount(t.rows_read),
      formatCount(t.rows_written),
      formatCount(t.rows_skipped),
      t.target_rows === null ? '-' : formatCount(t.target_rows),
      t.verified,
      t.digest ?? '-',
      t.source,
    ]);
    lines.push(...table([heading, ...body], style));
  }
  if (report.profile) lines.push(...profileText(report.profile, style));
  lines.push(...listed('warnings:', report.warnings, style));
  if (report.error) {
    lines.push(tint(style, 'red', `error ${report.error.code}: ${report.error.message}`), `hint: ${report.error.hint}`);
  }
  return lines.join('\n');
}

/** A plan as text. */
export function planText(plan: PlanReport, style: TextStyle): string {
  const lines = [
    plan.task === 'SNAPSHOT'
      ? `SNAPSHOT ${tint(style, 'bold', 'plan')} on ${plan.server}`
      : plan.task === 'BACKUP'
        ? `BACKUP ${tint(style, 'bold', 'plan')}: ${plural(plan.collections.length, 'collection')}, ${plural(plan.rows, 'row')} (${formatBytes(plan.bytes)}) of ${plan.server}`
        : `${plan.task} ${tint(style, 'bold', 'plan')}: ${plural(plan.rows, 'row')} (${formatBytes(plan.bytes)}) into "${plan.collections.join('", "')}" on ${plan.server}, metric ${plan.metric}`,
  ];
  const heading = ['source', 'kind', 'rows', 'vectors', 'ids'];
  const body = plan.sources.map((s) => [s.path, s.kind, formatCount(s.rows), `${s.vectorType}(${s.dim})`, s.ids]);
  if (body.length > 0) lines.push(...table([heading, ...body], style));
  lines.push(tint(style, 'bold', 'actions:'));
  for (const action of plan.actions) {
    const tone = action.kind === 'drop' || action.kind === 'empty' ? 'red' : 'green';
    lines.push(`  ${tint(style, tone, action.kind)} ${action.target}: ${action.detail}`);
  }
  lines.push(...listed('warnings:', plan.warnings, style));
  return lines.join('\n');
}

/** What `inspect` found, as text. */
export function inspectionText(info: Inspection, style: TextStyle): string {
  const lines = [
    tint(style, 'bold', info.path),
    `  ${info.format}: ${info.kind}`,
    `  ${plural(info.rows, 'row')}, ${info.vectorType}(${info.dim}), metric ${info.metric ?? 'not stated'}, ids ${info.ids}, ${formatBytes(info.bytes)}`,
    ...info.details.map((d) => `  ${d}`),
  ];
  if (info.firstRows.length > 0) lines.push('  first rows:');
  for (const row of info.firstRows) {
    lines.push(
      `    ${Object.entries(row)
        .map(([name, value]) => `${name}=${value}`)
        .join('  ')}`,
    );
  }
  return lines.join('\n');
}

/** What `inspect` found in the folder of a backup, as text. */
export function catalogInspectionText(found: CatalogInspection, style: TextStyle): string {
  const parts = found.collections.map((one) => {
    const { settings } = one;
    const indexes = (settings.indexes ?? []).map(
      ({ field, type, metric }) => `${field}: ${[type, metric].filter(Boolean).join(' ')}`,
    );
    const more = [
      ...(indexes.length > 0 ? [`indexes: ${indexes.join(', ')}`] : []),
      ...(settings.aliases?.length ? [`aliases: ${settings.aliases.join(', ')}`] : []),
    ];
    return inspectionText({ ...one, details: [...one.details, ...more] }, style);
  });
  const count = plural(found.collections.length, 'collection');
  return [
    tint(style, 'bold', `${found.path.startsWith(found.format) ? '' : `${found.format} `}${found.path}: ${count}`),
    ...parts,
    ...listed('warnings:', found.warnings, style),
  ].join('\n\n');
}
