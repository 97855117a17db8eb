import { requestMemory } from './framing.js';

/**
 * Request buffers for as many requests as may be in flight. Taking one waits while all are in use, which is the back
 * pressure of a run. Buffers grow to what is asked and are reused.
 */
export interface BufferPool {
  /** Waits for a free place; the lease must be released. */
  take(): Promise<BufferLease>;
  /** Places that it began with, and the most that it can have. */
  readonly size: number;
  /** So many places from now on, 1 to `size`; buffers beyond them are let go as they come back. */
  resize(places: number): void;
}

export interface BufferLease {
  /** A buffer of at least that many bytes, whose content is undefined; its memory is that of {@link requestMemory}. */
  acquire(bytes: number): Uint8Array;
  /** @param abandon the buffer may be read still: the place is free, its next holder gets another buffer */
  release(abandon?: boolean): void;
}

export function createBufferPool(size: number): BufferPool {
  const free: Uint8Array[] = [];
  let places = size;
  let taken = 0;
  const waiting: ((buffer: Uint8Array | undefined) => void)[] = [];
  const lease = (initial: Uint8Array | undefined): BufferLease => {
    let buffer = initial;
    let released = false;
    return {
      acquire(bytes) {
        if (!buffer || buffer.length < bytes) buffer = requestMemory(bytes);
        return buffer;
      },
      release(abandon = false) {
        if (released) return;
        released = true;
        if (abandon) buffer = undefined;
        taken--;
        if (buffer && taken + free.length < places) free.push(buffer);
        serve();
      },
    };
  };
  function serve(): void {
    while (taken < places) {
      const next = waiting.shift();
      if (!next) return;
      taken++;
      next(free.pop());
    }
  }
  return {
    size,
    async take() {
      const first = new Promise<Uint8Array | undefined>((resolve) => waiting.push(resolve));
      serve();
      return lease(await first);
    },
    resize(to) {
      places = Math.max(1, Math.min(to, size));
      free.length = Math.max(0, Math.min(free.length, places - taken));
      serve();
    },
  };
}
