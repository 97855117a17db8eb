import { formatBytes, formatCount } from '../../util/bytes.js';
import type { SavedReport } from '../saved-report.js';
import { throughputChart } from './chart.js';
import { html, Markup } from './markup.js';
import { STYLE } from './style.js';
import { durationText, headline, proofText, STATUS, timeText, VERIFIED } from './words.js';

type Target = SavedReport['targets'][number];

function tile(value: string, label: string): Markup {
  return html`<div class="tile"><b>${value}</b><span>${label}</span></div>`;
}

function tiles(saved: SavedReport): Markup {
  const written = saved.targets.reduce((sum, t) => sum + t.rows_written, 0);
  const write = saved.run.phases.find((p) => p.phase === 'write')?.seconds ?? 0;
  const rate = write > 0 && written > 0 ? formatCount(Math.round(written / write)) : '-';
  return html`<div class="tiles">${[
    tile(formatCount(written), 'rows written'),
    tile(formatBytes(saved.bytes), 'of values'),
    tile(durationText(saved.seconds), 'from start to end'),
    tile(rate, 'rows per second while writing'),
    tile(formatCount(saved.warnings.length), saved.warnings.length === 1 ? 'warning' : 'warnings'),
  ]}</div>`;
}

const COLUMNS = ['Target', 'Read', 'Written', 'Left out', 'In target', 'Verified', 'Content digest', 'Source'] as const;
const NUMBERS: readonly string[] = ['Read', 'Written', 'Left out', 'In target'];

function targetRow(t: Target): Markup {
  const cells: Readonly<Record<(typeof COLUMNS)[number], string>> = {
    Target: t.partition === null ? t.collection : `${t.collection} / ${t.partition}`,
    Read: formatCount(t.rows_read),
    Written: formatCount(t.rows_written),
    'Left out': formatCount(t.rows_skipped),
    'In target': t.target_rows === null ? '-' : formatCount(t.target_rows),
    Verified: VERIFIED[t.verified] ?? t.verified,
    'Content digest': t.digest ?? '-',
    Source: t.source,
  };
  const tone = (name: string): string => {
    if (NUMBERS.includes(name)) return 'n';
    return { Target: 'name', 'Content digest': 'digest', Source: 'path' }[name] ?? '';
  };
  return html`<tr>${COLUMNS.map((name) => html`<td class="${tone(name)}" data-of="${name}">${cells[name]}</td>`)}</tr>`;
}

function targetTable(saved: SavedReport): Markup {
  if (saved.targets.length === 0)
    return html`<section><h2>What moved</h2><p class="soft">Nothing was read or written.</p></section>`;
  const heads = COLUMNS.map((name) => html`<th class="${NUMBERS.includes(name) ? 'n' : ''}">${name}</th>`);
  return html`<section><h2>What moved</h2><div class="scroll"><table class="cards"><thead><tr>${heads}</tr></thead><tbody>${saved.targets.map(targetRow)}</tbody></table></div></section>`;
}

const tallyText = ({ files, bytes }: { readonly files: number; readonly bytes: number }): string =>
  `${formatCount(files)} files, ${formatBytes(bytes)}`;

/** The files of a backup: where they came from, and what was left out. */
function backupBox({ backup }: SavedReport): Markup | undefined {
  if (!backup) return undefined;
  const pairs: readonly (readonly [string, string])[] = [
    ['Name', backup.name],
    ['Kind', `${backup.type}, ${backup.strategy}${backup.linked ? ', hard links' : ''}`],
    ['Files', tallyText(backup)],
    ['From the server', tallyText(backup.copied)],
    ...(backup.base === null ? [] : [[`From "${backup.base}"`, tallyText(backup.from_base)] as const]),
    ...(backup.reused.files === 0 ? [] : [['From a run that was cut short', tallyText(backup.reused)] as const]),
    ['Left out', backup.left_out.length === 0 ? 'nothing' : `${formatCount(backup.left_out.length)} files`],
  ];
  return html`<section><h2>The backup</h2><dl>${pairs.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>`;
}

/** How what the run has made can be compared later on. */
function footer({ task, run }: SavedReport): Markup {
  const made = html`Made by milvusdm ${run.milvusdm}.`;
  if (task === 'BACKUP')
    return html`${made} <code>milvusdm backup verify --full</code> reads all files of the backup again and compares their checksums.`;
  if (task === 'RESTORE' || task === 'SNAPSHOT')
    return html`${made} <code>milvusdm diff</code> compares a restored collection with ${task === 'RESTORE' ? 'its backup, or with any other' : 'any other'}.`;
  return html`${made} The digest of a target changes when any bit of any of its rows changes; <code>milvusdm verify --report</code> with the JSON file beside this page compares it again.`;
}

function errorBox({ error }: SavedReport): Markup | undefined {
  if (!error) return undefined;
  return html`<section><h2><span class="badge bad">${error.code}</span></h2><p>${error.message}</p><p class="soft">${error.hint}</p></section>`;
}

function warningBox({ warnings }: SavedReport): Markup | undefined {
  if (warnings.length === 0) return undefined;
  return html`<section><h2>Warnings</h2><ul>${warnings.map((w) => html`<li>${w}</li>`)}</ul></section>`;
}

function chartBox(saved: SavedReport): Markup | undefined {
  const chart = throughputChart(saved.run.throughput);
  if (!chart) return undefined;
  return html`<section><h2>Rows per second</h2><figure>${chart}<figcaption>Acknowledged by the target, over the time since the start of the run.</figcaption></figure></section>`;
}

function phaseTable({ run }: SavedReport): Markup | undefined {
  if (run.phases.length === 0) return undefined;
  const longest = Math.max(...run.phases.map((p) => p.seconds), 0.001);
  const rows = run.phases.map(
    ({ phase, seconds }) =>
      html`<tr><td>${phase}</td><td class="n">${durationText(seconds)}</td><td><div class="bar" style="width:${((seconds / longest) * 100).toFixed(1)}%"></div></td></tr>`,
  );
  return html`<section><h2>Where the time went</h2><table class="phases"><tbody>${rows}</tbody></table></section>`;
}

function facts({ run, task, job_id }: SavedReport): Markup {
  const servers = [...new Set(run.collections.map((c) => c.server))];
  const pairs: readonly (readonly [string, string])[] = [
    ['From', run.from],
    ['To', run.to],
    ...(servers.length > 0 ? [['Written to', servers.join(', ')] as const] : []),
    ['Task', run.mode === null ? `${task}` : `${task ?? '-'}, mode ${run.mode}, verify ${run.verify}`],
    ['Started', timeText(run.started)],
    ['Finished', timeText(run.finished)],
    ['Job', job_id ?? '-'],
    ...(run.yaml ? [['Settings', `${run.yaml.path} (sha256 ${run.yaml.sha256})`] as const] : []),
    ...(run.limit === null ? [] : [['Rehearsal', `only the first ${formatCount(run.limit)} rows`] as const]),
    ['Versions', `milvusdm ${run.milvusdm}, Node ${run.node}`],
  ];
  return html`<section><h2>The run</h2><dl>${pairs.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>`;
}

/**
 * A report as one page that needs nothing else: no script, no picture, nothing from the network. Every text of the report
 * is escaped.
 */
export function reportPage(saved: SavedReport): string {
  const { word, tone } = STATUS[saved.status];
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${saved.task ?? 'milvusdm'} ${saved.status}, ${timeText(saved.run.started)}</title><style>${new Markup(STYLE)}</style></head>
<body><main><header><span class="badge ${tone}">${word}</span><h1>${headline(saved)}</h1><p class="soft">From ${saved.run.from} to ${saved.run.to}. ${proofText(saved)}</p></header>
${tiles(saved)}
${errorBox(saved)}${backupBox(saved)}${targetTable(saved)}${warningBox(saved)}${chartBox(saved)}${phaseTable(saved)}${facts(saved)}
<footer>${footer(saved)}</footer>
</main></body></html>
`;
  return page.text;
}
