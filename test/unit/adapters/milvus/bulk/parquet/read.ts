import { HybridReader } from '../../../../../../src/binlog/hybrid.js';
import { parsePageHeader } from '../../../../../../src/binlog/page-header.js';
import { footerLength, PHYSICAL, TAIL_BYTES } from '../../../../../../src/binlog/parquet-meta.js';
import { type FieldHandler, ThriftReader } from '../../../../../../src/binlog/thrift.js';

/** A column as a reader of nested Parquet sees it: lists as arrays, bytes as latin1. */
export type Row = bigint | number | string | boolean | readonly Row[];

interface Element {
  type?: number;
  repetition?: number;
  name: string;
  children: number;
  converted?: number;
}

interface Chunk {
  path: string[];
  type: number;
  count: number;
  bytes: number;
  at: number;
}

export interface Group {
  rows: number;
  bytes: number;
  chunks: Chunk[];
}

export interface Shown {
  readonly rows: number;
  /** `name: physical converted` and for lists the three levels. */
  readonly schema: readonly Element[];
  readonly groups: readonly Group[];
  readonly columns: Readonly<Record<string, readonly Row[]>>;
  /** Values of each page, by column. */
  readonly pages: Readonly<Record<string, readonly number[]>>;
}

/** Puts a number of a struct into its place. */
function number<K extends string>(out: { [key in K]?: number }, key: K): FieldHandler {
  return (reader) => {
    out[key] = reader.count();
  };
}

function element(reader: ThriftReader): Element {
  const out: Element = { name: '', children: 0 };
  reader.struct({
    1: number(out, 'type'),
    3: number(out, 'repetition'),
    4: (r) => {
      out.name = r.text();
    },
    5: number(out, 'children'),
    6: number(out, 'converted'),
  });
  return out;
}

function chunk(reader: ThriftReader): Chunk {
  const out: Chunk = { path: [], type: -1, count: 0, bytes: 0, at: 0 };
  reader.struct({
    3: (r) =>
      r.struct({
        1: number(out, 'type'),
        3: (m) => {
          out.path = m.list((e) => e.text());
        },
        5: number(out, 'count'),
        7: number(out, 'bytes'),
        9: number(out, 'at'),
      }),
  });
  return out;
}

function group(reader: ThriftReader): Group {
  const out: Group = { rows: 0, bytes: 0, chunks: [] };
  reader.struct({
    1: (r) => {
      out.chunks = r.list(chunk);
    },
    2: number(out, 'bytes'),
    3: number(out, 'rows'),
  });
  return out;
}

/** PLAIN values of a page, read one by one. */
function plain(view: DataView, type: number, count: number): Row[] {
  let at = 0;
  const step = (size: number): number => {
    at += size;
    return at - size;
  };
  const bytes = (): string => {
    const length = view.getUint32(step(4), true);
    return Buffer.from(view.buffer, view.byteOffset + step(length), length).toString('latin1');
  };
  const readers: Readonly<Record<string, (i: number) => Row>> = {
    BOOLEAN: (i) => ((view.getUint8(i >> 3) >> (i & 7)) & 1) === 1,
    INT32: () => view.getInt32(step(4), true),
    INT64: () => view.getBigInt64(step(8), true),
    FLOAT: () => view.getFloat32(step(4), true),
    DOUBLE: () => view.getFloat64(step(8), true),
    BYTE_ARRAY: bytes,
  };
  const read = readers[PHYSICAL[type]!]!;
  const out = Array.from({ length: count }, (_, i) => read(i));
  const used = PHYSICAL[type] === 'BOOLEAN' ? Math.ceil(count / 8) : at;
  if (used !== view.byteLength) throw new Error(`${view.byteLength} bytes of values, ${used} used`);
  return out;
}

/** Lists out of levels, as parquet-format describes them: repetition 0 begins a row, definition 0 is an empty list. */
function lists(file: Uint8Array, from: number, to: number, type: number, count: number): Row[][] {
  const view = new DataView(file.buffer, file.byteOffset);
  let at = from;
  const levels = (): Uint8Array => {
    const length = view.getUint32(at, true);
    const out = new Uint8Array(count);
    new HybridReader(file, 1, at + 4, at + 4 + length).next(out, 0, count);
    at += 4 + length;
    return out;
  };
  const [repetition, definition] = [levels(), levels()];
  const present = definition.reduce((sum, one) => sum + one, 0);
  const values = plain(new DataView(file.buffer, file.byteOffset + at, to - at), type, present);
  const out: Row[][] = [];
  for (let i = 0, next = 0; i < count; i++) {
    if (repetition[i] === 0) out.push([]);
    if (definition[i] === 1) out.at(-1)!.push(values[next++]!);
  }
  return out;
}

/** Reads a file of PLAIN pages value by value, by nothing that the writer is made of. */
export function readParquet(file: Uint8Array): Shown {
  if (Buffer.from(file.subarray(0, 4)).toString('latin1') !== 'PAR1') throw new Error('no PAR1 at the front');
  const length = footerLength(file.subarray(-TAIL_BYTES), 'file', file.length);
  let [rows, schema, groups]: [number, Element[], Group[]] = [0, [], []];
  new ThriftReader(file.subarray(file.length - TAIL_BYTES - length)).struct({
    2: (r) => {
      schema = r.list(element);
    },
    3: (r) => {
      rows = r.count();
    },
    4: (r) => {
      groups = r.list(group);
    },
  });
  const columns: Record<string, Row[]> = {};
  const pages: Record<string, number[]> = {};
  for (const { chunks } of groups) {
    for (const { path, type, at, bytes, count } of chunks) {
      const name = path[0]!;
      columns[name] ??= [];
      pages[name] ??= [];
      const [column, counts] = [columns[name], pages[name]];
      let read = 0;
      for (let from = at; from < at + bytes; ) {
        const header = parsePageHeader(file.subarray(from), name);
        const [begin, end] = [from + header.bytes, from + header.bytes + header.plain];
        const nested = path.length > 1;
        const values = nested
          ? lists(file, begin, end, type, header.values)
          : plain(new DataView(file.buffer, file.byteOffset + begin, end - begin), type, header.values);
        for (const value of values) column.push(value);
        counts.push(header.values);
        read += header.values;
        from = end;
      }
      if (read !== count) throw new Error(`${name}: ${read} values in the pages, ${count} in the footer`);
    }
  }
  return { rows, schema, groups, columns, pages };
}
