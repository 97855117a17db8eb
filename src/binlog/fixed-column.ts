import { fail } from '../util/errors.js';
import { type ColumnPages, type DataPage, PageReader } from './pages.js';
import type { Physical } from './parquet-meta.js';
import { decoding, OutOfBytes } from './source.js';

/** Bytes of a value of a physical type; booleans are given as one byte each. */
export function physicalBytes(type: Physical, length: number): number {
  switch (type) {
    case 'BOOLEAN':
      return 1;
    case 'INT32':
    case 'FLOAT':
      return 4;
    case 'INT64':
    case 'DOUBLE':
      return 8;
    case 'FIXED':
      return length;
    default:
      return 0;
  }
}

/** Rows that are passed over at a time. */
const SKIP_ROWS = 8192;

/** Reads the values of a column of fixed length, front to back. */
export class FixedColumn {
  /** Bytes of a value. */
  readonly width: number;
  private readonly reader: PageReader;
  private readonly boolean: boolean;
  private readonly name: string;
  private dictionary = new Uint8Array(0);
  private words = new Uint32Array(0);
  private codes = new Int32Array(0);
  private marks = new Uint8Array(0);
  private page: DataPage | undefined;

  /** @param width bytes of a value, as every file of the column must have it */
  constructor(all: readonly ColumnPages[], width: number, name: string) {
    this.width = width;
    this.name = name;
    this.boolean = all[0]?.column.type === 'BOOLEAN';
    this.reader = new PageReader(all, (values, bytes) => this.keepDictionary(values, bytes));
  }

  private keepDictionary(values: number, bytes: Uint8Array): void {
    const need = values * this.width;
    if (this.boolean || need > bytes.length) throw new RangeError(`${values} values in ${bytes.length} bytes`);
    this.dictionary = new Uint8Array(Math.ceil(need / 8) * 8);
    this.dictionary.set(bytes.subarray(0, need));
    this.words = new Uint32Array(this.dictionary.buffer);
    this.dictionary = this.dictionary.subarray(0, need);
  }

  /**
   * Writes the next `rows` values to the front of `out`, whose memory begins at a multiple of 8 bytes. Nulls become zeros, and 0
   * in `valid`, where that is given. Throws SRC_CORRUPT when there are fewer rows, or nulls where none may be.
   */
  async fill(out: Uint8Array, rows: number, valid?: Uint8Array): Promise<void> {
    const { width } = this;
    for (let done = 0; done < rows; ) {
      if (!this.page) {
        const next = await this.reader.next((values, bytes) => {
          const fits = !this.boolean && bytes === values * width && values <= rows - done;
          return fits ? out.subarray(done * width, (done + values) * width) : undefined;
        });
        if (!next) throw fail('SRC_CORRUPT', `${this.name} ends ${rows - done} rows early`);
        if ('direct' in next) {
          valid?.fill(1, done, done + next.direct);
          done += next.direct;
          continue;
        }
        this.page = next.page;
      }
      done += this.copy(this.page, Math.min(this.page.left, rows - done), out, done, valid);
      if (this.page.left === 0) this.page = undefined;
    }
  }

  /** Passes over `rows` values. */
  async skip(rows: number): Promise<void> {
    let left = this.page ? rows : rows - this.reader.skipGroups(rows);
    const scratch = new Uint8Array(Math.min(left, SKIP_ROWS) * this.width);
    const valid = new Uint8Array(SKIP_ROWS);
    while (left > 0) {
      const take = Math.min(left, SKIP_ROWS);
      await this.fill(scratch, take, valid);
      left -= take;
    }
  }

  private copy(page: DataPage, rows: number, out: Uint8Array, row: number, valid: Uint8Array | undefined): number {
    decoding(page.pages.window.source.name, 'a page', () => {
      const present = this.readLevels(page, rows, row, valid);
      this.packed(page, present, out, row);
      if (present < rows) this.spread(rows, present, out, row);
    });
    page.left -= rows;
    return rows;
  }

  private readLevels(page: DataPage, rows: number, row: number, valid: Uint8Array | undefined): number {
    if (!page.levels) {
      valid?.fill(1, row, row + rows);
      return rows;
    }
    if (this.marks.length < rows) this.marks = new Uint8Array(rows);
    const { marks } = this;
    page.levels.next(marks, 0, rows);
    let present = 0;
    for (let i = 0; i < rows; i++) present += marks[i]!;
    if (!valid && present < rows) throw new RangeError('a null in a field that has none');
    valid?.set(marks.subarray(0, rows), row);
    return present;
  }

  /** Writes the next values that are there, one behind the other. */
  private packed(page: DataPage, values: number, out: Uint8Array, row: number): void {
    if (values === 0) return;
    const { coded } = page;
    if (this.boolean) this.booleans(page, values, out, row);
    else if (coded) this.fromDictionary(page, values, out, row);
    else {
      const end = page.at + values * this.width;
      if (end > page.bytes.length) throw new OutOfBytes(`values end at byte ${end} of ${page.bytes.length}`);
      out.set(page.bytes.subarray(page.at, end), row * this.width);
      page.at = end;
    }
  }

  private booleans(page: DataPage, values: number, out: Uint8Array, row: number): void {
    if (page.encoding === 'dictionary') throw new RangeError('a dictionary of booleans');
    if (page.coded) {
      page.coded.next(out, row, values);
      return;
    }
    const end = page.at * 8 + page.bit + values;
    if (end > page.bytes.length * 8) throw new OutOfBytes(`booleans end at bit ${end} of ${page.bytes.length} bytes`);
    for (let i = 0; i < values; i++) {
      const bit = page.bit + i;
      out[row + i] = (page.bytes[page.at + (bit >> 3)]! >> (bit & 7)) & 1;
    }
    page.bit += values;
  }

  private fromDictionary(page: DataPage, values: number, out: Uint8Array, row: number): void {
    if (this.codes.length < values) this.codes = new Int32Array(values);
    const { codes, dictionary, width, words } = this;
    page.coded!.next(codes, 0, values);
    const size = width === 0 ? 0 : dictionary.length / width;
    for (let i = 0; i < values; i++) {
      if (codes[i]! >= size) throw new RangeError(`index ${codes[i]} of a dictionary of ${size}`);
    }
    if (width === 4 || width === 8) {
      const per = width / 4;
      const to = new Uint32Array(out.buffer, out.byteOffset + row * width, values * per);
      if (per === 1) for (let i = 0; i < values; i++) to[i] = words[codes[i]!]!;
      else
        for (let i = 0; i < values; i++) {
          const from = codes[i]! * 2;
          to[i * 2] = words[from]!;
          to[i * 2 + 1] = words[from + 1]!;
        }
      return;
    }
    for (let i = 0; i < values; i++) {
      const from = codes[i]! * width;
      out.set(dictionary.subarray(from, from + width), (row + i) * width);
    }
  }

  /** Gives every row its place: the values stand one behind the other, and move from the last to the first. */
  private spread(rows: number, present: number, out: Uint8Array, row: number): void {
    const { width, marks } = this;
    let from = row + present;
    for (let i = rows - 1; i >= 0; i--) {
      const to = (row + i) * width;
      if (marks[i]) {
        from--;
        if (from !== row + i) out.copyWithin(to, from * width, (from + 1) * width);
      } else out.fill(0, to, to + width);
    }
  }
}
