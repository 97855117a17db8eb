import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

/** The log of a job, of all its attempts, is cut when it is longer than this. */
const MOST_BYTES = 4 * 1024 * 1024;
/** So much of its end stays. */
const KEPT_BYTES = MOST_BYTES / 2;

export interface LogLimits {
  readonly most: number;
  readonly kept: number;
}

function endOf(path: string, size: number, bytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const end = Buffer.alloc(bytes);
    const read = readSync(file, end, 0, bytes, size - bytes);
    return end.subarray(end.indexOf(10) + 1, read);
  } finally {
    closeSync(file);
  }
}

/**
 * Keeps the log of a job in bounds: called behind every line, it cuts a log that has become too long down to its end.
 * @param fd the log, open for appending: whatever else is written there goes on behind what is left
 * @param path the same file
 */
export function boundLog(fd: number, path: string, limits: LogLimits = { most: MOST_BYTES, kept: KEPT_BYTES }): void {
  const { size } = fstatSync(fd);
  if (size <= limits.most) return;
  const end = endOf(path, size, limits.kept);
  const time = new Date().toISOString();
  const msg = `the log was longer than ${limits.most} bytes: what came before was removed`;
  ftruncateSync(fd, 0);
  writeSync(fd, `${JSON.stringify({ level: 'info', time, msg })}\n`);
  writeSync(fd, end);
}
