import { isAscii, isUtf8 } from 'node:buffer';
import type { TextColumn } from '../../batch/columns.js';
import type { Padding } from './element.js';

/** Collects the texts of a batch; its memory is reused from batch to batch. */
export interface TextBuilder {
  readonly rows: number;
  /** Bytes of all texts. */
  readonly size: number;
  append(source: Uint8Array, from: number, to: number): void;
  clear(): void;
  /** Index of the first text that is not UTF-8, or -1. */
  findInvalid(): number;
  /** The column so far; valid until the next append or clear. */
  column(): TextColumn;
}

/** Makes an empty builder. */
export function textBuilder(): TextBuilder {
  let bytes = new Uint8Array(4096);
  let offsets = new Int32Array(257);
  let rows = 0;
  let size = 0;
  return {
    get rows() {
      return rows;
    },
    get size() {
      return size;
    },
    append(source, from, to) {
      const length = to - from;
      if (size + length > bytes.length) {
        const grown = new Uint8Array(Math.max(bytes.length * 2, size + length));
        grown.set(bytes.subarray(0, size));
        bytes = grown;
      }
      if (rows + 2 > offsets.length) {
        const grown = new Int32Array(offsets.length * 2);
        grown.set(offsets);
        offsets = grown;
      }
      bytes.set(source.subarray(from, to), size);
      size += length;
      offsets[++rows] = size;
    },
    clear() {
      rows = 0;
      size = 0;
    },
    findInvalid() {
      if (isAscii(bytes.subarray(0, size))) return -1;
      // Not the whole at once: two broken texts side by side can make a valid one.
      for (let i = 0; i < rows; i++) if (!isUtf8(bytes.subarray(offsets[i]!, offsets[i + 1]!))) return i;
      return -1;
    },
    column() {
      return { bytes: bytes.subarray(0, size), offsets: offsets.subarray(0, rows + 1) };
    },
  };
}

/** End of a fixed-length text that starts at `from` and has room for `width` bytes. */
export function fixedTextEnd(heap: Uint8Array, from: number, width: number, padding: Padding): number {
  let end = from + width;
  if (padding === 'terminated') {
    for (let i = from; i < end; i++) if (heap[i] === 0) return i;
    return end;
  }
  const fill = padding === 'spaces' ? 0x20 : 0;
  while (end > from && heap[end - 1] === fill) end--;
  return end;
}

/** Appends `count` fixed-length texts that lie side by side on the heap. */
export function appendFixedTexts(
  out: TextBuilder,
  heap: Uint8Array,
  pointer: number,
  count: number,
  width: number,
  padding: Padding,
): void {
  for (let i = 0; i < count; i++) {
    const from = pointer + i * width;
    out.append(heap, from, fixedTextEnd(heap, from, width, padding));
  }
}

/**
 * Appends `count` texts to which the heap holds 4-byte pointers at `pointer`, each ended by a NUL. A null pointer is an
 * element that was never written: an empty text. Returns the index of the first pointer that leads nowhere, or -1.
 */
export function appendPointedTexts(out: TextBuilder, heap: Uint8Array, pointer: number, count: number): number {
  const pointers = new Uint32Array(heap.buffer, pointer, count);
  for (let i = 0; i < count; i++) {
    const from = pointers[i]!;
    const to = from === 0 ? 0 : heap.indexOf(0, from);
    if (to < from || from >= heap.length) return i;
    out.append(heap, from, to);
  }
  return -1;
}
