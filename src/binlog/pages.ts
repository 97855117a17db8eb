import { fail } from '../util/errors.js';
import { loadZstd, type Zstd } from '../util/zstd.js';
import { HybridReader } from './hybrid.js';
import { type Encoding, type PageHeader, parsePageHeader } from './page-header.js';
import type { ChunkPlace, Codec, ParquetColumn } from './parquet-meta.js';
import { unsnappy } from './snappy.js';
import { decoding, OutOfBytes } from './source.js';
import type { Window } from './window.js';

/** The pages of one column within one row group of a file. */
export interface ColumnPages {
  readonly window: Window;
  readonly column: ParquetColumn;
  /** Offsets count from the start of the window's source. */
  readonly place: ChunkPlace;
  /** Up to where reading ahead is worth while. */
  readonly ahead: number;
}

/** A data page on its way: `left` values, nulls included, are still to be read. */
export interface DataPage {
  left: number;
  /** 1 = a value follows, 0 = null; absent where every row has one. */
  readonly levels: HybridReader | undefined;
  /** Plain values from `at` on; the bit `bit` for booleans. */
  readonly bytes: Uint8Array;
  at: number;
  bit: number;
  readonly encoding: Encoding;
  /** Dictionary indexes, or booleans in runs; absent where values are plain. */
  readonly coded: HybridReader | undefined;
  readonly pages: ColumnPages;
}

/** Room for the values of a page where it can be read straight to where they belong. */
export type DirectRoom = (values: number, bytes: number) => Uint8Array | undefined;

/** What reading on gives: a page, or that the page's values lie in the room that was offered. */
export type NextPage = { readonly page: DataPage } | { readonly direct: number } | undefined;

/** Enough for a header without statistics; with them, those before say how long the next one is. */
const HEADER_GUESS = 512;
const HEADER_MOST = 4 << 20;

/**
 * Reads the pages of a column, row group by row group. The bytes of a page are valid until the next one is read: those of the
 * window are, because nobody else asks it for more, or it is a shared one.
 */
export class PageReader {
  private readonly all: readonly ColumnPages[];
  private readonly onDictionary: (values: number, bytes: Uint8Array, name: string) => void;
  private index = 0;
  private at = -1;
  /** Values of the current row group that no page has given yet. */
  private missing = 0;
  private hasDictionary = false;
  private buffer = new Uint8Array(0);
  private headerGuess = HEADER_GUESS;
  private zstd: Zstd | undefined;

  constructor(all: readonly ColumnPages[], onDictionary: (values: number, bytes: Uint8Array, name: string) => void) {
    this.all = all;
    this.onDictionary = onDictionary;
  }

  /** Passes over whole row groups that have no more than `values`; gives how many values that were. */
  skipGroups(values: number): number {
    let skipped = 0;
    for (;;) {
      const pages = this.all[this.index];
      if (this.at >= 0 || !pages || skipped + pages.place.values > values) return skipped;
      skipped += pages.place.values;
      this.index++;
    }
  }

  private room(bytes: number): Uint8Array {
    if (this.buffer.length < bytes) this.buffer = new Uint8Array(bytes);
    return this.buffer.subarray(0, bytes);
  }

  private async header(pages: ColumnPages): Promise<PageHeader> {
    const { window, place, ahead } = pages;
    const { name } = window.source;
    for (let guess = this.headerGuess; ; guess *= 8) {
      const end = Math.min(place.to, this.at + guess);
      const bytes = await window.bytes(this.at, end, ahead);
      try {
        return decoding(name, 'a page header', () => {
          try {
            const header = parsePageHeader(bytes, name);
            this.headerGuess = Math.min(HEADER_MOST, Math.max(HEADER_GUESS, header.bytes * 2));
            return header;
          } catch (thrown) {
            // Statistics make a header long: it is read again with more bytes, unless there are none.
            if (thrown instanceof OutOfBytes && end < place.to && guess < HEADER_MOST) throw new NeedMore();
            throw thrown;
          }
        });
      } catch (thrown) {
        if (!(thrown instanceof NeedMore)) throw thrown;
      }
    }
  }

  private async inflate(codec: Codec, data: Uint8Array, out: Uint8Array): Promise<void> {
    if (codec === 'UNCOMPRESSED') {
      if (data.length !== out.length) throw new RangeError(`${data.length} bytes where ${out.length} are announced`);
      out.set(data);
    } else if (codec === 'SNAPPY') unsnappy(data, out);
    else {
      this.zstd ??= await loadZstd();
      this.zstd.decompress(data, out);
    }
  }

  /** The values of a page, not compressed; those of an uncompressed page are not copied. */
  private async body(pages: ColumnPages, data: Uint8Array, codec: Codec, bytes: number): Promise<Uint8Array> {
    if (codec === 'UNCOMPRESSED' && data.length === bytes) return data;
    const out = this.room(bytes);
    await this.guard(pages, () => this.inflate(codec, data, out));
    return out;
  }

  private async guard(pages: ColumnPages, act: () => Promise<void>): Promise<void> {
    const { name } = pages.window.source;
    await act().catch((thrown: unknown) =>
      decoding(name, 'a page', () => {
        throw thrown;
      }),
    );
  }

  /**
   * The next data page; undefined behind the last. `direct` is asked where the page holds plain values and no nulls: when it
   * gives room, the values are put there.
   */
  async next(direct: DirectRoom): Promise<NextPage> {
    for (;;) {
      const pages = this.all[this.index];
      if (!pages) return undefined;
      if (this.at < 0) {
        this.at = pages.place.from;
        this.missing = pages.place.values;
        this.hasDictionary = false;
      }
      if (this.missing === 0) {
        this.index++;
        this.at = -1;
        continue;
      }
      const found = await this.page(pages, direct);
      if (found) return found;
    }
  }

  private async page(pages: ColumnPages, direct: DirectRoom): Promise<NextPage> {
    const { window, place, ahead, column } = pages;
    const { name } = window.source;
    if (this.at >= place.to) {
      throw fail('SRC_CORRUPT', `${name}: the pages of a column end ${this.missing} values early`);
    }
    const header = await this.header(pages);
    const start = this.at + header.bytes;
    this.at = start + header.compressed;
    if (this.at > place.to)
      throw fail('SRC_CORRUPT', `${name}: a page ends at byte ${this.at}, its column at ${place.to}`);
    if (header.kind === 'other') return undefined;
    const data = await window.bytes(start, this.at, ahead);
    if (header.kind === 'dictionary') {
      const bytes = await this.body(pages, data, place.codec, header.plain);
      // The buffer is that of the next page, too.
      decoding(name, 'a dictionary', () => this.onDictionary(header.values, bytes, name));
      this.hasDictionary = true;
      return undefined;
    }
    if (header.values > this.missing) {
      throw fail('SRC_CORRUPT', `${name}: a page has ${header.values} values where ${this.missing} are left`);
    }
    this.missing -= header.values;
    if (header.values === 0) return undefined;
    if (header.encoding === 'dictionary' && !this.hasDictionary) {
      throw fail('SRC_CORRUPT', `${name}: a page refers to a dictionary that is not there`);
    }
    const plain = header.encoding === 'plain' && !column.optional && !header.v2;
    const room = plain ? direct(header.values, header.plain) : undefined;
    if (room) {
      await this.guard(pages, () => this.inflate(place.codec, data, room));
      return { direct: header.values };
    }
    return { page: await this.dataPage(pages, header, data) };
  }

  private async dataPage(pages: ColumnPages, header: PageHeader, data: Uint8Array): Promise<DataPage> {
    const { column, place, window } = pages;
    const { v2 } = header;
    const levelBytes = v2?.levelBytes ?? 0;
    const codec = v2 && !v2.compressed ? 'UNCOMPRESSED' : place.codec;
    const bytes = await this.body(pages, data.subarray(levelBytes), codec, header.plain - levelBytes);
    return decoding(window.source.name, 'a page', () => {
      let at = 0;
      let levels: HybridReader | undefined;
      if (column.optional) {
        if (v2) levels = new HybridReader(data, 1, 0, levelBytes);
        else {
          const length = lengthAt(bytes, 0);
          levels = new HybridReader(bytes, 1, 4, 4 + length);
          at = 4 + length;
        }
      }
      const { encoding } = header;
      if (encoding === 'rle' && column.type !== 'BOOLEAN') throw new RangeError(`${column.type} values in runs`);
      return { left: header.values, levels, bytes, bit: 0, pages, encoding, at, coded: coded(header, bytes, at) };
    });
  }
}

class NeedMore extends Error {}

function lengthAt(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw new OutOfBytes(`a length at byte ${at} of ${bytes.length}`);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

/** The decoder of values that are not plain. */
function coded({ encoding }: PageHeader, bytes: Uint8Array, at: number): HybridReader | undefined {
  if (encoding === 'plain') return undefined;
  // Runs of booleans have their length before them.
  if (encoding === 'rle') return new HybridReader(bytes, 1, at + 4, at + 4 + lengthAt(bytes, at));
  // A page of nulls alone may have no indexes, not even their width.
  const width = at < bytes.length ? bytes[at]! : 0;
  return new HybridReader(bytes, width, Math.min(at + 1, bytes.length), bytes.length);
}
