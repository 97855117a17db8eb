import type { DiffReport, PartDiff } from '../../job/diff/diff.js';
import { formatCount, plural } from '../../util/bytes.js';
import { listed, type TextStyle, table, tint } from './text.js';

function differenceText({ differences }: PartDiff): string[] {
  return differences
    .filter((d) => d.id !== null)
    .map(({ id, kind, fields }) => {
      const what = { missing: 'only in A', extra: 'only in B', different: 'differs' }[kind] ?? kind;
      return `id ${id} ${what}${fields.length > 0 ? `: ${fields.join(', ')}` : ''}`;
    });
}

function summary(part: PartDiff): string[] {
  const { missing, extra, different, hidden } = part;
  const counts = [
    ...(missing > 0 ? [`${plural(missing, 'row')} only in A`] : []),
    ...(extra > 0 ? [`${plural(extra, 'row')} only in B`] : []),
    ...(different > 0 ? [`${plural(different, 'row')} with other values`] : []),
  ];
  const name = part.partition === null ? '' : `${part.partition}: `;
  return [
    ...(counts.length > 0 ? [`${name}${part.complete ? '' : 'at least '}${counts.join(', ')}`] : []),
    ...differenceText(part).map((line) => `  ${line}`),
    ...(hidden > 0 ? [`${name}${plural(hidden, 'row')} that a Milvus does not show left out`] : []),
  ];
}

/** What `diff` found, as text. */
export function diffText(report: DiffReport, style: TextStyle): string {
  const tone = report.status === 'equal' ? 'green' : 'red';
  const lines = [
    `diff ${tint(style, tone, report.status)} in ${report.seconds} s`,
    `  A ${report.a.place} (${report.a.what})`,
    `  B ${report.b.place} (${report.b.what})`,
    ...table(
      [
        ['partition', 'rows A', 'rows B', 'digest A', 'digest B', ''],
        ...report.parts.map((p) => [
          p.partition ?? '-',
          formatCount(p.rows_a),
          formatCount(p.rows_b),
          p.digest_a,
          p.digest_b,
          p.equal ? 'equal' : 'different',
        ]),
      ],
      style,
    ),
    ...listed(
      'fields that differ, left out of the digests:',
      report.fields.map((f) => `${f.name}: ${f.a ?? 'none'} in A, ${f.b ?? 'none'} in B`),
      style,
    ),
    ...report.parts.flatMap(summary),
    ...listed('warnings:', report.warnings, style),
  ];
  return lines.join('\n');
}
