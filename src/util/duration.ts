const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * A number and a unit, such as 30s, 12h or 4w, in milliseconds; undefined for anything else.
 * @param units those that are taken: s, m, h, d, w
 */
export function parseDuration(text: string, units: string): number | undefined {
  const [, amount = '', unit = ''] = /^([0-9]{1,6})([smhdw])$/.exec(text) ?? [];
  const seconds = units.includes(unit) ? SECONDS[unit] : undefined;
  return seconds === undefined ? undefined : Number(amount) * seconds * 1000;
}
