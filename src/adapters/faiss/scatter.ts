import { readInto, type SourceFile } from './source-file.js';

/**
 * Reads many small pieces of a file with few calls. Pieces that follow each other closely are read together and copied
 * apart; a large piece goes straight to where it belongs. Pieces have arrived after `flush`.
 */
export interface ScatterReader {
  /** Whether the piece can wait with those before it; if not, `flush` first. */
  fits(at: number, length: number): boolean;
  /** Asks for `length` bytes of the file at `at`, to be put into `into` at `offset`. */
  add(at: number, length: number, into: Uint8Array, offset: number): void;
  flush(): Promise<void>;
}

// A read call costs about as much as copying some 256 KiB, and the kernel reads pages of 4 KiB anyway.
const SPAN = 1024 * 1024;
const LARGE = 256 * 1024;
const GAP = 4096;

/** A scatter reader with a buffer of 1 MiB of its own. */
export function scatterReader(file: SourceFile): ScatterReader {
  let span: Uint8Array | undefined;
  const at: number[] = [];
  const lengths: number[] = [];
  const into: Uint8Array[] = [];
  const offsets: number[] = [];
  let end = 0;

  return {
    fits(from, length) {
      if (at.length === 0) return true;
      if (length >= LARGE || lengths[0]! >= LARGE) return false;
      return from >= end && from - end <= GAP && from + length - at[0]! <= SPAN;
    },
    add(from, length, target, offset) {
      at.push(from);
      lengths.push(length);
      into.push(target);
      offsets.push(offset);
      end = from + length;
    },
    async flush() {
      const first = at[0];
      if (first === undefined) return;
      if (at.length === 1) {
        await readInto(file, first, into[0]!.subarray(offsets[0]!, offsets[0]! + lengths[0]!));
      } else {
        span ??= new Uint8Array(SPAN);
        await readInto(file, first, span.subarray(0, end - first));
        for (let i = 0; i < at.length; i++) {
          const from = at[i]! - first;
          into[i]!.set(span.subarray(from, from + lengths[i]!), offsets[i]!);
        }
      }
      at.length = lengths.length = into.length = offsets.length = 0;
    },
  };
}
