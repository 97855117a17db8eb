import { requestMemory } from './framing.js';

/**
 * Request buffers for as many requests as may be in flight. Taking one waits while all are in use, which is the back
 * pressure of a run. Buffers grow to what is asked and are reused.
 */
export interface BufferPool {
  /** Waits for a free place; the lease must be released. */
  take(): Promise<BufferLease>;
  readonly size: number;
}

export interface BufferLease {
  /** A buffer of at least that many bytes, whose content is undefined; its memory is that of {@link requestMemory}. */
  acquire(bytes: number): Uint8Array;
  /** @param abandon the buffer may be read still: the place is free, its next holder gets another buffer */
  release(abandon?: boolean): void;
}

export function createBufferPool(size: number): BufferPool {
  const free: (Uint8Array | undefined)[] = new Array(size).fill(undefined);
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
        const next = waiting.shift();
        if (next) next(buffer);
        else free.push(buffer);
      },
    };
  };
  return {
    size,
    async take() {
      if (free.length > 0) return lease(free.pop());
      return lease(await new Promise<Uint8Array | undefined>((resolve) => waiting.push(resolve)));
    },
  };
}
