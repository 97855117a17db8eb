import { formatCount } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { FixedColumn } from './window.js';

/** Grows by doubling; keeps nothing when it grows. */
export function reusable<T>(make: (length: number) => T & { readonly length: number }): (length: number) => T {
  let array = make(0);
  return (length) => {
    if (array.length < length) array = make(Math.max(length, array.length * 2));
    return array;
  };
}

/** Starts of rows (or elements) within a dataset, as far as they have been read. */
export interface Starts {
  /** Reads those of `count` rows from `first` on, and the end of the last. Throws SRC_CORRUPT. */
  read(first: number, count: number): void;
  /** Start of the i-th of them; i = count gives the end. */
  at(i: number): number;
  /** The starts of the first `count` relative to that of the first, as a batch has them. */
  rebased(count: number): Int32Array;
}

export interface StartsOptions {
  readonly stream: FixedColumn;
  readonly name: string;
  readonly path: string;
  /** Rows (or elements) in all. */
  readonly total: number;
  /** Where the last of all must end. */
  readonly end: number;
}

/** Opens a dataset of starts. Memory is reused from call to call. */
export function openStarts({ stream, name, path, total, end }: StartsOptions): Starts {
  const raw = reusable((length) => new BigInt64Array(length));
  const starts = reusable((length) => new Float64Array(length));
  const offsets = reusable((length) => new Int32Array(length));
  let current = starts(1);
  const corrupt = (row: number): MilvusdmError =>
    fail('SRC_CORRUPT', `dataset "${name}" of ${path} contradicts itself at row ${formatCount(row)}`);
  return {
    read(first, count) {
      const values = raw(count + 1);
      stream.copy(first, count + 1, values);
      current = starts(count + 1);
      const low = new Uint32Array(values.buffer);
      const high = new Int32Array(values.buffer);
      for (let i = 0; i <= count; i++) {
        current[i] = high[2 * i + 1]! * 4294967296 + low[2 * i]!;
        if (i > 0 ? current[i]! < current[i - 1]! : current[i]! < 0) throw corrupt(first + i);
      }
      if (current[count]! > end) throw corrupt(first + count);
      if (first === 0 && current[0] !== 0) throw corrupt(0);
      if (first + count === total && current[count] !== end) throw corrupt(total);
    },
    at: (i) => current[i]!,
    rebased(count) {
      const out = offsets(count + 1).subarray(0, count + 1);
      for (let i = 0; i <= count; i++) out[i] = current[i]! - current[0]!;
      return out;
    },
  };
}
