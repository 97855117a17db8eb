import type { RawColumn } from '../../../../batch/columns.js';
import { PARQUET_MAGIC, TAIL_BYTES } from '../../../../binlog/parquet-meta.js';
import type { GrowingObject } from '../../../../store/types.js';
import { type Chunk, footer, type Group } from './footer.js';
import type { ParquetField } from './leaf.js';
import { type Page, pageOf } from './page.js';

/** Bytes of a Parquet file before its first page. */
export const MAGIC_BYTES = 4;
/**
 * Bytes of a row group. Milvus 2.3.5 takes 32 MiB of memory for every column of every group (parquet_parser.go, BufferSize):
 * an import of 18 columns took 1.3 times as long with groups of 4 MiB, and with larger ones than this no less.
 */
const GROUP_BYTES = 16 << 20;

/** A Parquet file that batches are appended to: PLAIN, not compressed, no nulls, a page a batch and column. */
export interface ParquetFile {
  /** Bytes so far, without the footer. */
  readonly bytes: number;
  /** Bytes of them in memory: the row group that is not full yet. */
  readonly held: number;
  /** Appends rows, one column for each field; the memory of the columns is free when it resolves. */
  append(columns: readonly RawColumn[]): Promise<void>;
  /** Completes the file. */
  finish(): Promise<void>;
}

const MAGIC = Buffer.from(PARQUET_MAGIC, 'latin1');

function sizeOf(pages: readonly Page[]): number {
  return pages.reduce((sum, { head, values }) => sum + head.length + values.length, 0);
}

/** Memory for values that outlive their batch, used again and again: fresh memory costs more than the copy. */
class Keeper {
  private free: ArrayBuffer[] = [];
  private lent: ArrayBuffer[] = [];

  /** The page with values of its own. */
  keep(page: Page): Page {
    if (!page.shared) return page;
    const { length } = page.values;
    const at = this.free.findIndex(({ byteLength }) => byteLength >= length && byteLength <= 2 * length);
    const buffer = at < 0 ? new ArrayBuffer(length) : this.free.splice(at, 1)[0]!;
    this.lent.push(buffer);
    const values = new Uint8Array(buffer, 0, length);
    values.set(page.values);
    return { ...page, values, shared: false };
  }

  /** What was kept has gone out. */
  reuse(): void {
    this.free.push(...this.lent);
    this.lent = [];
  }

  /** Nothing will be kept any more. */
  release(): void {
    this.free = [];
    this.lent = [];
  }
}

/** A file of these fields, into an object that was begun with {@link MAGIC_BYTES}. The caller disposes of the object. */
export function parquetFile(
  fields: readonly ParquetField[],
  object: GrowingObject,
  groupBytes: number = GROUP_BYTES,
): ParquetFile {
  const groups: Group[] = [];
  const keeper = new Keeper();
  /** The pages of the open row group, by column. */
  let open: Page[][] = fields.map(() => []);
  let [rows, held, at] = [0, 0, MAGIC_BYTES];

  async function writeGroup(): Promise<void> {
    if (rows === 0) return;
    const chunks: Chunk[] = [];
    for (const pages of open) {
      const bytes = sizeOf(pages);
      chunks.push({ at, bytes, count: pages.reduce((sum, { count }) => sum + count, 0) });
      for (const { head, values } of pages) {
        await object.append(head);
        await object.append(values);
      }
      at += bytes;
    }
    groups.push({ rows, chunks });
    open = fields.map(() => []);
    [rows, held] = [0, 0];
    keeper.reuse();
  }

  return {
    get bytes() {
      return at + held;
    },
    get held() {
      return held;
    },
    async append(columns) {
      const more = columns[0]?.rows ?? 0;
      if (more === 0) return;
      const pages = columns.map((column, i) => pageOf(fields[i]!, column));
      rows += more;
      held += sizeOf(pages);
      const full = held >= groupBytes;
      for (const [i, page] of pages.entries()) open[i]!.push(full ? page : keeper.keep(page));
      if (full) await writeGroup();
    },
    async finish() {
      await writeGroup();
      keeper.release();
      const meta = footer(fields, groups);
      const tail = new Uint8Array(TAIL_BYTES);
      new DataView(tail.buffer).setUint32(0, meta.length, true);
      tail.set(MAGIC, TAIL_BYTES - MAGIC_BYTES);
      await object.append(meta);
      await object.append(tail);
      await object.finish(MAGIC);
    },
  };
}
