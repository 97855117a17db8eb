import { fail } from '../util/errors.js';
import { type Container, isContainer, type Payload, readContainer } from './container.js';
import type { ColumnPages } from './pages.js';
import { footerLength, type ParquetMeta, parseFooter, TAIL_BYTES } from './parquet-meta.js';
import { truncated } from './source.js';
import type { Window } from './window.js';

/** A log file of a segment, of either form, as far as its headers say. */
export interface Log {
  readonly name: string;
  /** Binlog file (storage v1), or Parquet with columns named by field ids (storage v2); by the first bytes. */
  readonly form: 'binlog' | 'parquet';
  readonly container?: Container;
  readonly rows: number;
  /** Pages of every column, by its name, in the order of the file. */
  readonly columns: ReadonlyMap<string, readonly ColumnPages[]>;
}

/** PAR1 */
const PARQUET_START = '50415231';
/** A footer of a file that is not huge comes with its tail. */
const TAIL_GUESS = 64 << 10;
/** Far more than any file of Milvus has; a damaged length must not ask for more memory. */
const MAX_FOOTER = 64 << 20;

async function readMeta(window: Window, { from, to }: Payload): Promise<ParquetMeta> {
  const { source } = window;
  const size = to - from;
  if (size < TAIL_BYTES + 4) throw truncated(source, from + TAIL_BYTES + 4);
  const tail = await window.bytes(Math.max(from, to - TAIL_GUESS), to);
  const length = footerLength(tail.subarray(tail.length - TAIL_BYTES), source.name, size);
  if (length > MAX_FOOTER) throw fail('SRC_UNSUPPORTED', `${source.name} has a Parquet footer of ${length} bytes`);
  const whole = length + TAIL_BYTES <= tail.length ? tail : await window.bytes(to - TAIL_BYTES - length, to);
  const footer = whole.subarray(whole.length - TAIL_BYTES - length, whole.length - TAIL_BYTES);
  return parseFooter(footer, source.name, size);
}

function addColumns(columns: Map<string, ColumnPages[]>, window: Window, base: number, meta: ParquetMeta): void {
  for (const group of meta.groups) {
    const end = base + Math.max(...group.chunks.map((c) => c.to), 0);
    for (const [i, column] of meta.columns.entries()) {
      const { from, to, ...rest } = group.chunks[i]!;
      const place = { ...rest, from: base + from, to: base + to };
      const pages = columns.get(column.name) ?? [];
      pages.push({ window, column, place, ahead: end });
      columns.set(column.name, pages);
    }
  }
}

/** Every file of a column must hold the same kind of values. */
function assertAlike(name: string, columns: ReadonlyMap<string, readonly ColumnPages[]>): void {
  for (const [column, pages] of columns) {
    const [first, ...others] = pages.map((p) => p.column);
    const odd = others.find((c) => c.type !== first!.type || c.length !== first!.length);
    if (odd) throw fail('SRC_CORRUPT', `${name}: the column "${column}" holds ${first!.type} and ${odd.type}`);
  }
}

/**
 * Opens a log file: reads its headers and footers, no data. Throws SRC_TRUNCATED, SRC_CORRUPT, and SRC_UNSUPPORTED for
 * encrypted files and for files that are neither a binlog nor Parquet.
 */
export async function openLog(window: Window): Promise<Log> {
  const { source } = window;
  const { name } = source;
  const head = await window.bytes(0, Math.min(source.size, 4), Math.min(source.size, TAIL_GUESS));
  // Looked at before anything else is read: the window's memory is one.
  const start = Buffer.from(head).toString('hex');
  const parquet = start === PARQUET_START;
  const container = isContainer(head) ? await readContainer(window) : undefined;
  if (!container && !parquet) {
    if (source.size < 4) throw truncated(source, 4);
    throw fail('SRC_UNSUPPORTED', `${name} is neither a binlog nor Parquet (it starts with 0x${start})`);
  }
  const payloads = container?.payloads ?? [{ from: 0, to: source.size }];
  const columns = new Map<string, ColumnPages[]>();
  let rows = 0;
  for (const payload of payloads) {
    const meta = await readMeta(window, payload);
    rows += meta.rows;
    addColumns(columns, window, payload.from, meta);
  }
  window.shared = columns.size > 1;
  assertAlike(name, columns);
  return { name, form: container ? 'binlog' : 'parquet', rows, columns, ...(container ? { container } : {}) };
}
