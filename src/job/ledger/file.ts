import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { createLineQueue } from './line-queue.js';
import { type LedgerLine, parseLine } from './lines.js';

/** A refusal of the file system for a file of milvusdm's own state. */
export function stateError(path: string, thrown: unknown): MilvusdmError {
  const { code, message } = thrown as NodeJS.ErrnoException;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return fail('ENV_STATE', `${path} cannot be written: ${full ? `the disk is full (${code})` : (code ?? message)}`, {
    cause: thrown,
  });
}

/** Appends lines to a ledger. */
export interface LedgerFile extends AsyncDisposable {
  /** Resolves when the line is on the disk; lines given meanwhile share one sync. Throws ENV_STATE, and then ever after. */
  append(line: LedgerLine): Promise<void>;
}

interface Handles {
  readonly lines: FileHandle;
  /** Length of the lines that are on the disk, in digits: a ledger that is shorter has lost some. */
  readonly length: FileHandle;
}

/** Beside a ledger, see {@link Handles}. */
export function lengthPath(path: string): string {
  return `${path}.length`;
}

const DIGITS = 15;

async function noteLength(file: FileHandle, bytes: number): Promise<void> {
  await file.write(String(bytes).padStart(DIGITS, '0'), 0);
}

async function openForAppending(path: string, keepBytes: number): Promise<Handles> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const lines = await open(path, 'a', 0o600);
    await lines.truncate(keepBytes);
    const length = await open(lengthPath(path), 'w', 0o600);
    await noteLength(length, keepBytes);
    return { lines, length };
  } catch (thrown) {
    throw stateError(path, thrown);
  }
}

/** @param keepBytes length of what is there and sound; anything behind it is cut off. The caller disposes of it. */
export async function openLedgerFile(path: string, keepBytes: number): Promise<LedgerFile> {
  const { lines, length } = await openForAppending(path, keepBytes);
  let bytes = keepBytes;
  const queue = createLineQueue(async (text) => {
    try {
      await lines.appendFile(text);
      await lines.datasync();
      bytes += Buffer.byteLength(text);
      await noteLength(length, bytes);
    } catch (thrown) {
      throw stateError(path, thrown);
    }
  });
  return {
    append: queue.append,
    async [Symbol.asyncDispose]() {
      await queue.idle();
      await lines.close();
      await length.close();
    },
  };
}

/** What every ledger begins with. */
const FIRST_LINE = '{"t":"job",';

/**
 * Reads a ledger. A last line that is cut short or damaged is left out: its writer died before it was on the disk. Throws
 * JOB_DAMAGED when any other line is not as it was written, where there is no line at all that was ever one, and when lines are
 * gone that were on the disk.
 */
export async function readLedger(path: string, take: (line: LedgerLine) => void): Promise<{ bytes: number }> {
  // Before the lines: of a ledger that grows meanwhile, those that it counts are among them.
  const held = Number(await readFile(lengthPath(path), 'latin1').catch(() => '0'));
  let bytes = 0;
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  let torn: number | undefined;
  let head: string | undefined;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      const line = parseLine(rest.toString('utf8', start, end));
      number++;
      if (torn !== undefined) throw damaged(path, `line ${torn} is not as it was written`);
      if (line) {
        take(line);
        bytes += end + 1 - start;
      } else torn = number;
      start = end + 1;
    }
    head ??= chunk.toString('latin1', 0, FIRST_LINE.length);
    rest = rest.subarray(start);
  }
  // A first line that was cut short means that nothing was begun. Anything else, such as zeros, was a ledger once.
  if (bytes === 0 && head !== undefined && !FIRST_LINE.startsWith(head)) throw damaged(path, 'it has no first line');
  if (held > bytes) throw damaged(path, `it has ${bytes} bytes of the ${held} that were on the disk`);
  return { bytes };
}

export function damaged(path: string, why: string): MilvusdmError {
  return fail('JOB_DAMAGED', `the ledger ${path} cannot be used: ${why}`);
}
