const COUNT = new Intl.NumberFormat('en');
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export function count(value: number): string {
  return COUNT.format(value);
}

export function short(value: number): string {
  return SHORT.format(value);
}

/** A point in time in the zone of the browser; "not yet" without one. */
export function time(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return 'not yet';
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? String(value) : TIME.format(date);
}

/** `1 h 02 min`, `3 min 04 s` or `5.2 s`. */
export function duration(seconds: number): string {
  if (!(seconds >= 0)) return 'unknown';
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${unit === 0 ? rest : rest.toFixed(1)} ${UNITS[unit]}`;
}

/** Whole percent of what is done, never 100 before the end; null where the total is unknown. */
export function percent(done: number, total: number): number | null {
  if (!(total > 0)) return null;
  return done >= total ? 100 : Math.min(99, Math.floor((done / total) * 100));
}

/** A value of a JSON document in words. */
export function words(value: unknown): string {
  if (value === null || value === undefined || value === '') return 'none';
  if (typeof value === 'number') return count(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  return JSON.stringify(value);
}
