import { formatLine, type LedgerLine } from './lines.js';

/** Lines on their way to where a ledger is kept. */
export interface LineQueue {
  /** Resolves when the line has been written; lines given meanwhile share the next write. Once a write has failed, all lines fail. */
  append(line: LedgerLine): Promise<void>;
  /** Resolves when nothing is being written any more, however that ended. */
  idle(): Promise<void>;
}

/** @param write one call at a time, with the text of at least one line */
export function createLineQueue(write: (text: string) => Promise<void>): LineQueue {
  let waiting: string[] = [];
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;

  function flush(): Promise<void> {
    next = undefined;
    const text = waiting.join('');
    waiting = [];
    return write(text);
  }

  return {
    append(line) {
      waiting.push(formatLine(line));
      if (!next) {
        next = running.then(flush);
        running = next;
        // Whoever appended is told; the chain itself has nobody who listens.
        running.catch(() => {});
      }
      return next;
    },
    idle: () => running.catch(() => {}),
  };
}
