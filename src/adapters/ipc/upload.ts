import type { ObjectStore } from '../../store/types.js';

/** An object that is written piece by piece. It appears in its store when `finish` has resolved, or never. */
export interface Upload {
  /** Resolves when the next piece may come and the memory of this one is free. Rejects when the store has failed. */
  push(piece: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  /** Gives it up; nothing of it stays. */
  abandon(): Promise<void>;
}

class Abandoned extends Error {}

/** Turns the pushing of pieces around: stores take them as they want them. One piece at a time is on its way. */
export function openUpload(store: ObjectStore, key: string): Upload {
  let piece: Uint8Array | undefined;
  let ended: 'finished' | 'abandoned' | undefined;
  let wake = (): void => {};
  /** Told when a piece was taken, or the store has given up. */
  let taken = (): void => {};

  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (piece) {
        const next = piece;
        piece = undefined;
        yield next;
        taken();
      } else if (ended === 'finished') return;
      else if (ended === 'abandoned') throw new Abandoned();
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  let failure: unknown;
  const written = store.write(key, pieces()).catch((thrown: unknown) => {
    failure = thrown;
    taken();
  });
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  return {
    async push(next) {
      check();
      piece = next;
      const free = new Promise<void>((resolve) => (taken = resolve));
      wake();
      await free;
      check();
    },
    async finish() {
      ended ??= 'finished';
      wake();
      await written;
      check();
    },
    async abandon() {
      ended ??= 'abandoned';
      wake();
      await written;
    },
  };
}
