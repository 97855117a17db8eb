import type { DoctorReport } from '../../job/doctor/doctor.js';
import { plural } from '../../util/bytes.js';
import { type TextStyle, tint } from './text.js';

const TONES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** What `doctor` found: a line for each check, with the next step below those that are not well. */
export function doctorText(report: DoctorReport, style: TextStyle): string {
  const width = Math.max(...report.checks.map((c) => `${c.of} ${c.name}`.length));
  const count = (status: 'ok' | 'warn' | 'fail'): number => report.checks.filter((c) => c.status === status).length;
  return [
    ...report.checks.flatMap((c) => [
      `${tint(style, TONES[c.status], c.status.padEnd(4))}  ${`${c.of} ${c.name}`.padEnd(width)}  ${c.code ? `${c.code}: ` : ''}${c.detail}`,
      ...(c.hint === null ? [] : [`      ${' '.repeat(width)}  -> ${c.hint}`]),
    ]),
    `${report.task} doctor: ${count('ok')} ok, ${plural(count('warn'), 'warning')}, ${count('fail')} failed in ${report.seconds} s`,
  ].join('\n');
}
