import { describe, expect, it } from 'vitest';
import { type ByteSource, memorySource } from '../../../src/binlog/source.js';
import { Window, WindowMemory } from '../../../src/binlog/window.js';
import { randomOf } from '../../support/faiss-fuzz.js';

const PIECE = 64;
const CONTENT = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 251);

interface Asked {
  readonly from: number;
  readonly to: number;
}

/** A source as files are: bytes come later, and into the memory that is given. Keeps what was asked for. */
function fileSource(content = CONTENT): ByteSource & { readonly asked: Asked[]; hold?: Promise<void> } {
  const asked: Asked[] = [];
  return {
    name: 'a.log',
    size: content.length,
    asked,
    async read(from, to, into) {
      asked.push({ from, to });
      await this.hold;
      await new Promise((resolve) => setImmediate(resolve));
      const bytes = content.subarray(from, to);
      if (!into || into.length < bytes.length) return bytes.slice();
      into.set(bytes);
      return into.subarray(0, bytes.length);
    },
  };
}

/** Reads "pages" of the given lengths as a column is read: a header, then what follows it. */
async function readPages(window: Window, lengths: readonly number[], end: number): Promise<Uint8Array> {
  const out: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    const header = await window.bytes(at, Math.min(end, at + 8), end);
    out.push(header.slice(0, Math.min(4, length)));
    if (length > 4) out.push((await window.bytes(at + 4, at + length, end)).slice());
    at += length;
  }
  return Buffer.concat(out);
}

function pagesOf(seed: number, most: number): number[] {
  const random = randomOf(seed);
  const lengths: number[] = [];
  let left = CONTENT.length;
  while (left > 0) {
    const length = Math.min(left, 1 + random(most));
    lengths.push(length);
    left -= length;
  }
  return lengths;
}

const same = (bytes: Uint8Array): void => expect(Buffer.compare(bytes, CONTENT)).toBe(0);

describe('a window', () => {
  it.each([3, 10, 24, 25, 63, 64, 65, 100, 300])('gives every byte of pages of up to %i bytes', async (most) => {
    for (let seed = 0; seed < 20; seed++) {
      const lengths = pagesOf(seed, most);
      const memory = new WindowMemory(PIECE);
      same(await readPages(new Window(fileSource(), PIECE, memory), lengths, CONTENT.length));
      // A store that has no use for the memory, in memory that was used before; and none.
      same(await readPages(new Window(memorySource('b.log', CONTENT), PIECE, memory), lengths, CONTENT.length));
      same(await readPages(new Window(fileSource(), PIECE), lengths, CONTENT.length));
    }
  });

  it('reads the next piece while one is in use, and no byte twice', async () => {
    const source = fileSource();
    const window = new Window(source, PIECE, new WindowMemory(PIECE));
    await window.bytes(0, 8, 1000);
    expect(source.asked).toEqual([{ from: 0, to: 64 }]);
    await window.bytes(8, 20, 1000);
    expect(source.asked.at(-1)).toEqual({ from: 64, to: 104 });
    same(
      await readPages(
        window,
        Array.from({ length: 50 }, () => 20),
        1000,
      ),
    );
    const inOrder = source.asked.every(({ from }, i) => i === 0 || from === source.asked[i - 1]!.to);
    expect([inOrder, source.asked.at(-1)!.to]).toEqual([true, 1000]);
  });

  it('reads nothing beyond what it is told of, nor for columns that share it', async () => {
    const source = fileSource();
    const window = new Window(source, PIECE, new WindowMemory(PIECE));
    await readPages(window, [20, 20, 20], 60);
    expect(source.asked).toEqual([{ from: 0, to: 60 }]);
    const other = fileSource();
    const shared = new Window(other, PIECE, new WindowMemory(PIECE));
    shared.shared = true;
    const first = await shared.bytes(0, 30, 1000);
    await shared.bytes(10, 30, 1000);
    expect(other.asked).toHaveLength(1);
    await shared.bytes(500, 520, 1000);
    expect(Buffer.compare(first, CONTENT.subarray(0, 30))).toBe(0);
  });

  it('is not disturbed by what another one was reading when it was given up', async () => {
    const memory = new WindowMemory(PIECE);
    const left = fileSource(CONTENT.slice().fill(255));
    let release = (): void => {};
    const window = new Window(left, PIECE, memory);
    await window.bytes(0, 8, 1000);
    left.hold = new Promise((resolve) => {
      release = resolve;
    });
    await window.bytes(8, 16, 1000);
    expect(left.asked).toHaveLength(2);
    const next = new Window(fileSource(), PIECE, memory);
    await next.bytes(0, 8, 1000);
    await next.bytes(8, 60, 1000);
    // Had the second read gone ahead of the first one, it would be here, and be written over.
    await new Promise((resolve) => setTimeout(resolve, 5));
    release();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(Buffer.compare(await next.bytes(60, 90, 1000), CONTENT.subarray(60, 90))).toBe(0);
  });

  it('tells what went wrong ahead only when that is asked for', async () => {
    const source = fileSource();
    const window = new Window(source, PIECE, new WindowMemory(PIECE));
    await window.bytes(0, 8, 1000);
    source.hold = Promise.reject(new Error('the disk is gone'));
    await window.bytes(8, 60, 1000);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await window.bytes(20, 60, 1000);
    await expect(window.bytes(60, 70, 1000)).rejects.toThrow('the disk is gone');
    await expect(new Window(fileSource(), PIECE).bytes(990, 1001)).rejects.toMatchObject({ code: 'SRC_TRUNCATED' });
  });

  it('finds that a source became shorter', async () => {
    const short = { ...memorySource('b.log', CONTENT.subarray(0, 70)), size: 1000 };
    const window = new Window(short, PIECE, new WindowMemory(PIECE));
    await window.bytes(0, 8, 1000);
    await window.bytes(8, 16, 1000);
    await expect(window.bytes(60, 80, 1000)).rejects.toMatchObject({ code: 'SRC_TRUNCATED' });
  });
});
