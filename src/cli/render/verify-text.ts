import type { VerifyReport } from '../../job/verify-report/verify-report.js';
import { formatCount } from '../../util/bytes.js';
import { type TextStyle, table, tint } from './text.js';

/** What `verify` found, as text. */
export function verifyText(report: VerifyReport, style: TextStyle): string {
  const heading = ['target', 'rows', 'rows of the run', 'digest', 'digest of the run', ''];
  const body = report.targets.map((t) => [
    t.partition === null ? t.collection : `${t.collection}/${t.partition}`,
    t.rows === null ? '-' : formatCount(t.rows),
    formatCount(t.expected_rows),
    t.digest ?? '-',
    t.expected_digest ?? '-',
    t.status,
  ]);
  const tone = report.status === 'equal' ? 'green' : 'red';
  return [
    `verify ${tint(style, tone, report.status)} in ${report.seconds} s: the targets beside the run that ended at ${report.finished}`,
    ...table([heading, ...body], style),
    ...report.targets.flatMap((t) => (t.detail === null ? [] : [`${t.collection}: ${t.detail}`])),
  ].join('\n');
}
