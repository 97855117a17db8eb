import { isUtf8 } from 'node:buffer';

/** Whether a byte goes on with a character that began before it. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/**
 * Index of the first of `rows` texts that is not UTF-8, or -1. All bytes are judged at once; two broken texts side by
 * side could make a valid one, so that no text may begin within a character.
 */
export function findInvalidText(bytes: Uint8Array, offsets: Int32Array, rows: number): number {
  if (isUtf8(bytes)) {
    let whole = true;
    for (let i = 0; i < rows && whole; i++) whole = !isContinuation(bytes[offsets[i]!]);
    if (whole) return -1;
  }
  for (let i = 0; i < rows; i++) if (!isUtf8(bytes.subarray(offsets[i]!, offsets[i + 1]!))) return i;
  return -1;
}
