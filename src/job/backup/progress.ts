import { formatBytes, formatCount } from '../../util/bytes.js';
import type { Emit } from '../open-job.js';

interface Tally {
  files: number;
  bytes: number;
}

/** Counts files while they are put in their place, and tells of them. */
export interface CopyProgress {
  /** Files that are wanted, so far. */
  expect(files: number): void;
  done(size: number, how: 'copied' | 'base'): void;
  /** A file that was there. */
  reused(size: number): void;
  readonly copied: Readonly<Tally>;
  readonly fromBase: Readonly<Tally>;
  readonly reusedFiles: Readonly<Tally>;
}

const EVERY_MS = 100;

export function copyProgress(emit: Emit): CopyProgress {
  const copied: Tally = { files: 0, bytes: 0 };
  const fromBase: Tally = { files: 0, bytes: 0 };
  const reused: Tally = { files: 0, bytes: 0 };
  const all = [copied, fromBase, reused];
  let total = 0;
  let told = 0;
  const tell = (): void => {
    const done = all.reduce((sum, { files }) => sum + files, 0);
    if (done < total && performance.now() - told < EVERY_MS) return;
    told = performance.now();
    emit({ type: 'progress', phase: 'copy', done, total, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) });
  };
  const count = (tally: Tally, size: number): void => {
    tally.files++;
    tally.bytes += size;
    tell();
  };
  return {
    expect(files) {
      total = Math.max(total, files);
    },
    done: (size, how) => count(how === 'base' ? fromBase : copied, size),
    reused: (size) => count(reused, size),
    copied,
    fromBase,
    reusedFiles: reused,
  };
}

/** "12 files (3.4 MiB)". */
export function tallyText({ files, bytes }: Readonly<Tally>): string {
  return `${formatCount(files)} ${files === 1 ? 'file' : 'files'} (${formatBytes(bytes)})`;
}
