/** Writes write-ahead logs as SQLite does, in any shape that a death can leave. Layout: sqlite.org/fileformat2.html, section 4. */

export interface WalFrame {
  /** From 1 on. */
  readonly page: number;
  readonly content: Uint8Array;
  /** Pages of the database after the transaction that this frame ends; 0 within one. */
  readonly commit: number;
}

export interface WalShape {
  readonly pageSize: number;
  readonly frames: readonly WalFrame[];
  readonly bigEndian?: boolean;
  readonly salts?: readonly [number, number];
}

function sum(bytes: Buffer, bigEndian: boolean, from: readonly [number, number]): [number, number] {
  let [a, b] = from;
  for (let at = 0; at < bytes.length; at += 8) {
    const word = (offset: number): number => (bigEndian ? bytes.readUInt32BE(offset) : bytes.readUInt32LE(offset));
    a = (a + word(at) + b) >>> 0;
    b = (b + word(at + 4) + a) >>> 0;
  }
  return [a, b];
}

/** Offset of frame `n` (from 0 on) in a log. */
export function frameAt(n: number, pageSize: number): number {
  return 32 + n * (24 + pageSize);
}

export function writeWal({ pageSize, frames, bigEndian = false, salts = [0x01020304, 0x05060708] }: WalShape): Buffer {
  const header = Buffer.alloc(32);
  const words = [bigEndian ? 0x377f0683 : 0x377f0682, 3_007_000, pageSize, 0, ...salts];
  words.forEach((word, i) => {
    header.writeUInt32BE(word, i * 4);
  });
  let running = sum(header.subarray(0, 24), bigEndian, [0, 0]);
  header.writeUInt32BE(running[0], 24);
  header.writeUInt32BE(running[1], 28);
  const parts = frames.map(({ page, content, commit }) => {
    const head = Buffer.alloc(24);
    [page, commit, ...salts].forEach((word, i) => {
      head.writeUInt32BE(word, i * 4);
    });
    running = sum(Buffer.concat([head.subarray(0, 8), content]), bigEndian, running);
    head.writeUInt32BE(running[0], 16);
    head.writeUInt32BE(running[1], 20);
    return Buffer.concat([head, content]);
  });
  return Buffer.concat([header, ...parts]);
}

/** The pages in which `after` differs from `before`, as one transaction. */
export function transaction(before: Uint8Array, after: Uint8Array, pageSize: number): WalFrame[] {
  const frames: { page: number; content: Uint8Array; commit: number }[] = [];
  for (let at = 0; at < after.length; at += pageSize) {
    const content = after.subarray(at, at + pageSize);
    if (Buffer.from(content).equals(before.subarray(at, at + pageSize))) continue;
    frames.push({ page: at / pageSize + 1, content, commit: 0 });
  }
  frames.at(-1)!.commit = after.length / pageSize;
  return frames;
}
