import type { RateLimit } from './types.js';

const FACTORS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

function bytesOf(amount: string, unit: string): number | undefined {
  const factor = FACTORS[unit.toLowerCase()];
  return factor === undefined ? undefined : Number(amount) * factor;
}

/** `8MiB` (1024 x 1024) or `8 MB` (1000 x 1000) in whole bytes; a number stays; undefined for anything else. */
export function parseBytes(size: number | string): number | undefined {
  if (typeof size === 'number') return size;
  const [, amount = '', unit = ''] = /^([0-9]+(?:\.[0-9]+)?) ?([kmg]?i?b)$/i.exec(size) ?? [];
  const bytes = bytesOf(amount, unit);
  return bytes === undefined ? undefined : Math.floor(bytes);
}

/** A number or `5000 rows/s` as rows, `20 MB/s` as bytes per second; undefined for anything else and for 0. */
export function parseRate(rate: number | string): RateLimit | undefined {
  if (typeof rate === 'number') return rate > 0 ? { rowsPerSecond: rate } : undefined;
  const [, amount = '', unit = ''] = /^([0-9]+(?:\.[0-9]+)?) ?(rows?|[kmg]?i?b)\/s$/i.exec(rate) ?? [];
  if (!(Number(amount) > 0)) return undefined;
  if (unit.startsWith('row')) return { rowsPerSecond: Number(amount) };
  const bytesPerSecond = bytesOf(amount, unit);
  return bytesPerSecond === undefined ? undefined : { bytesPerSecond };
}
