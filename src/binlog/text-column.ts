import type { TextColumn } from '../batch/columns.js';
import { fail } from '../util/errors.js';
import { type ColumnPages, type DataPage, PageReader } from './pages.js';
import { decoding, OutOfBytes } from './source.js';

/** Rows whose marks and indexes are decoded at a time. */
const BLOCK = 1024;
/** Bytes that are passed over at a time. */
const SKIP_BYTES = 1 << 20;

/**
 * Reads the values of a column of variable length, front to back. What was read and not yet taken stays: how many rows go
 * into a batch is known only when all columns have been looked at.
 */
export class VariableColumn {
  private readonly reader: PageReader;
  private readonly nullable: boolean;
  private readonly name: string;
  private page: DataPage | undefined;
  private dictionary: TextColumn = { bytes: new Uint8Array(0), offsets: new Int32Array(1) };
  private readonly marks = new Uint8Array(BLOCK);
  private readonly codes = new Int32Array(BLOCK);
  private block = { rows: 0, at: 0, code: 0 };
  private bytes = new Uint8Array(1024);
  private offsets = new Int32Array(BLOCK + 1);
  private valid = new Uint8Array(BLOCK);
  private held = 0;

  constructor(all: readonly ColumnPages[], nullable: boolean, name: string) {
    this.nullable = nullable;
    this.name = name;
    this.reader = new PageReader(all, (values, bytes) => this.keepDictionary(values, bytes));
  }

  private keepDictionary(values: number, bytes: Uint8Array): void {
    // A value takes four bytes at least, which bounds the memory.
    if (values * 4 > bytes.length) throw new RangeError(`${values} values in ${bytes.length} bytes`);
    const offsets = new Int32Array(values + 1);
    const out = new Uint8Array(bytes.length - values * 4);
    let at = 0;
    let to = 0;
    for (let i = 0; i < values; i++) {
      const end = valueEnd(bytes, at);
      const length = end - at - 4;
      if (to + length > out.length) throw new RangeError(`value ${i} of ${values} ends behind the last`);
      out.set(bytes.subarray(at + 4, end), to);
      to += length;
      offsets[i + 1] = to;
      at = end;
    }
    this.dictionary = { bytes: out, offsets };
  }

  /**
   * Reads on until `rows` are held, or their bytes exceed `maxBytes`; at least one row. Gives how many are held, at most `rows`.
   * Throws SRC_CORRUPT when the column ends before.
   */
  async hold(rows: number, maxBytes: number): Promise<number> {
    while (this.held < rows && (this.held === 0 || this.offsets[this.held]! < maxBytes)) {
      if (!this.page) {
        const next = await this.reader.next(() => undefined);
        if (!next || 'direct' in next) throw fail('SRC_CORRUPT', `${this.name} ends ${rows - this.held} rows early`);
        this.page = next.page;
        this.block = { rows: 0, at: 0, code: 0 };
      }
      const { page } = this;
      decoding(page.pages.window.source.name, 'a page', () => this.append(page, rows, maxBytes));
      if (page.left === 0) this.page = undefined;
    }
    return Math.min(this.held, rows);
  }

  /** The first `rows` rows that are held; valid until more are asked for. */
  view(rows: number): { readonly values: TextColumn; readonly valid?: Uint8Array } {
    const values = { bytes: this.bytes.subarray(0, this.offsets[rows]!), offsets: this.offsets.subarray(0, rows + 1) };
    return this.nullable ? { values, valid: this.valid.subarray(0, rows) } : { values };
  }

  /** Forgets the first `rows` rows that are held. */
  drop(rows: number): void {
    const from = this.offsets[rows]!;
    const left = this.held - rows;
    if (left > 0) {
      this.bytes.copyWithin(0, from, this.offsets[this.held]!);
      for (let i = 0; i <= left; i++) this.offsets[i] = this.offsets[rows + i]! - from;
      this.valid.copyWithin(0, rows, this.held);
    }
    this.held = left;
  }

  /** Passes over `rows` rows. */
  async skip(rows: number): Promise<void> {
    let left = rows;
    if (!this.page && this.held === 0) left -= this.reader.skipGroups(left);
    while (left > 0) {
      const take = await this.hold(Math.min(left, BLOCK), SKIP_BYTES);
      this.drop(take);
      left -= take;
    }
  }

  private append(page: DataPage, rows: number, maxBytes: number): void {
    if (this.block.at === this.block.rows) this.nextBlock(page);
    const { block } = this;
    const room = Math.min(block.rows - block.at, rows - this.held);
    this.grow(this.held + room);
    for (let i = 0; i < room; i++) {
      if (this.held > 0 && this.offsets[this.held]! >= maxBytes) return;
      this.appendRow(page, this.marks[block.at]!);
      block.at++;
      page.left--;
    }
  }

  private nextBlock(page: DataPage): void {
    const rows = Math.min(BLOCK, page.left);
    const { marks } = this;
    if (page.levels) page.levels.next(marks, 0, rows);
    else marks.fill(1, 0, rows);
    let present = 0;
    for (let i = 0; i < rows; i++) present += marks[i]!;
    if (!this.nullable && present < rows) throw new RangeError('a null in a field that has none');
    page.coded?.next(this.codes, 0, present);
    this.block = { rows, at: 0, code: 0 };
  }

  private appendRow(page: DataPage, mark: number): void {
    const row = this.held++;
    let end = this.offsets[row]!;
    this.valid[row] = mark;
    if (mark) {
      let source = page.bytes;
      let [from, to] = [0, 0];
      if (page.coded) {
        const code = this.codes[this.block.code++]!;
        const { bytes, offsets } = this.dictionary;
        if (code >= offsets.length - 1) throw new RangeError(`index ${code} of a dictionary of ${offsets.length - 1}`);
        source = bytes;
        from = offsets[code]!;
        to = offsets[code + 1]!;
      } else {
        from = page.at + 4;
        to = valueEnd(page.bytes, page.at);
        page.at = to;
      }
      this.reserve(end + to - from);
      copyBytes(source, from, to, this.bytes, end);
      end += to - from;
    }
    this.offsets[row + 1] = end;
  }

  private grow(rows: number): void {
    if (this.valid.length >= rows) return;
    const size = Math.max(rows, this.valid.length * 2);
    const offsets = new Int32Array(size + 1);
    offsets.set(this.offsets);
    this.offsets = offsets;
    const valid = new Uint8Array(size);
    valid.set(this.valid);
    this.valid = valid;
  }

  private reserve(bytes: number): void {
    if (this.bytes.length >= bytes) return;
    const grown = new Uint8Array(Math.max(bytes, this.bytes.length * 2));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** A call per value costs more than copying a short one. */
const SHORT = 32;

function copyBytes(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  if (to - from > SHORT) target.set(source.subarray(from, to), at);
  else for (let i = from, j = at; i < to; i++, j++) target[j] = source[i]!;
}

/** End of a plain value, whose length stands in the four bytes before it. */
function valueEnd(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw new OutOfBytes(`a length at byte ${at} of ${bytes.length}`);
  const length = bytes[at]! + bytes[at + 1]! * 0x100 + bytes[at + 2]! * 0x10000 + bytes[at + 3]! * 0x1000000;
  const end = at + 4 + length;
  if (end > bytes.length) throw new OutOfBytes(`a value ends at byte ${end} of ${bytes.length}`);
  return end;
}
