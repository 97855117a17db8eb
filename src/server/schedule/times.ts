import { Cron } from 'croner';
import { fail } from '../../util/errors.js';

/** When something is due. */
export interface Timing {
  readonly cron: string;
  readonly time_zone: string;
}

/** The first time after another, or undefined when there is none. Throws SRV_REQUEST for what is no plan of times. */
export function nextTime({ cron, time_zone: timezone }: Timing, after: Date): Date | undefined {
  try {
    return new Cron(cron, { timezone, paused: true }).nextRun(after) ?? undefined;
  } catch (cause) {
    throw fail(
      'SRV_REQUEST',
      `"${cron}" in the time zone ${timezone} is no plan of times: ${(cause as Error).message}`,
      {
        hint: 'Use five or six fields, such as "0 3 * * *", and an IANA time zone, such as Europe/Berlin.',
        cause,
      },
    );
  }
}

const HOURS: Readonly<Record<string, number>> = { h: 1, d: 24, w: 168 };

/** 12h, 30d or 4w in milliseconds; the form has been checked. */
export function durationMs(text: string): number {
  return Number(text.slice(0, -1)) * (HOURS[text.slice(-1)] ?? 0) * 3_600_000;
}
