const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 123456789 -> "117.7 MiB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** 1234567 -> "1,234,567". */
export function formatCount(count: number | bigint): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "1 row", "2 rows". */
export function plural(count: number | bigint, noun: string): string {
  return `${formatCount(count)} ${noun}${BigInt(count) === 1n ? '' : 's'}`;
}

/** A view of the bytes behind any typed array; shares memory. */
export function asBytes(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
