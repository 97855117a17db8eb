import type { Slices } from './layout.js';
import { readInto, type SourceFile } from './source-file.js';

/** Reads rows `first` to `first + count - 1` of the run of batches at `at` into the front of `into`. */
export type ReadSlices = (at: number, first: number, count: number, into: Uint8Array) => Promise<void>;

const SPAN = 1024 * 1024;

/**
 * Puts rows together that lie in slices of dimensions: whole batches are read where they are small, else each slice of the
 * rows asked for. It keeps a buffer of 1 MiB.
 */
export function sliceReader(file: SourceFile, slices: Slices, rowBytes: number): ReadSlices {
  const { batchRows, widths } = slices;
  const batchBytes = batchRows * rowBytes;
  const whole = batchBytes <= SPAN;
  let span: Uint8Array | undefined;

  /** Copies slices of `rows` rows out of `from`, where row `skip` of each slice is the first one. */
  const join = (from: Uint8Array, skip: number, stride: number, rows: number, into: Uint8Array): void => {
    let slice = 0;
    let column = 0;
    for (const width of widths) {
      for (let row = 0; row < rows; row++) {
        const at = slice + (skip + row) * width;
        into.set(from.subarray(at, at + width), row * rowBytes + column);
      }
      slice += stride * width;
      column += width;
    }
  };

  const oneBatch = async (at: number, skip: number, rows: number, into: Uint8Array): Promise<void> => {
    let slice = 0;
    let column = 0;
    for (const width of widths) {
      const most = Math.max(1, Math.floor(SPAN / width));
      for (let done = 0; done < rows; done += most) {
        const part = Math.min(most, rows - done);
        const bytes = span!.subarray(0, part * width);
        await readInto(file, at + slice + (skip + done) * width, bytes);
        for (let row = 0; row < part; row++) {
          into.set(bytes.subarray(row * width, (row + 1) * width), (done + row) * rowBytes + column);
        }
      }
      slice += batchRows * width;
      column += width;
    }
  };

  return async (at, first, count, into) => {
    span ??= new Uint8Array(Math.max(SPAN, widths[0] ?? 0));
    for (let done = 0; done < count; ) {
      const batch = Math.floor((first + done) / batchRows);
      const skip = first + done - batch * batchRows;
      const rows = Math.min(batchRows - skip, count - done);
      const target = into.subarray(done * rowBytes, (done + rows) * rowBytes);
      if (whole) {
        const bytes = span.subarray(0, batchBytes);
        await readInto(file, at + batch * batchBytes, bytes);
        join(bytes, skip, batchRows, rows, target);
      } else await oneBatch(at + batch * batchBytes, skip, rows, target);
      done += rows;
    }
  };
}
