import { fail } from '../util/errors.js';
import { decoding } from './source.js';
import { THRIFT, ThriftReader } from './thrift.js';

/** Physical types of Parquet by their numbers. */
export const PHYSICAL = ['BOOLEAN', 'INT32', 'INT64', 'INT96', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY', 'FIXED'] as const;
export type Physical = (typeof PHYSICAL)[number];

/** Codecs of Parquet by their numbers. */
const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW'] as const;
const CODECS_READ = ['UNCOMPRESSED', 'SNAPPY', 'ZSTD'] as const;
export type Codec = (typeof CODECS_READ)[number];

/** A flat column of a file. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: Physical;
  /** Bytes of a FIXED value. */
  readonly length: number;
  readonly optional: boolean;
}

/** Where the pages of a column lie, within one row group. */
export interface ChunkPlace {
  readonly codec: Codec;
  /** Values, nulls included. */
  readonly values: number;
  /** Of the pages, as they lie in the file, headers included. */
  readonly from: number;
  readonly to: number;
  /** Bytes of the pages before compression. */
  readonly plainBytes: number;
}

export interface RowGroup {
  readonly rows: number;
  /** One per column. */
  readonly chunks: readonly ChunkPlace[];
}

/** What a Parquet footer says; offsets count from the start of the Parquet file. */
export interface ParquetMeta {
  readonly rows: number;
  readonly columns: readonly ParquetColumn[];
  readonly groups: readonly RowGroup[];
  readonly createdBy: string;
}

/** Bytes at the end of a Parquet file: the length of the footer, and PAR1. */
export const TAIL_BYTES = 8;
export const PARQUET_MAGIC = 'PAR1';
const MAGIC_ENCRYPTED = 'PARE';

interface Element {
  type: number | undefined;
  length: number;
  repetition: number;
  name: string;
  children: number;
}

interface RawChunk {
  elsewhere: boolean;
  encrypted: boolean;
  codec: number;
  values: number;
  compressed: number;
  plain: number;
  data: number;
  dictionary: number | undefined;
}

/** Length of the footer, by the last 8 bytes of a file. Throws SRC_TRUNCATED where they are not those of a Parquet file. */
export function footerLength(tail: Uint8Array, name: string, size: number): number {
  const magic = Buffer.from(tail.subarray(4, 8)).toString('latin1');
  if (magic === MAGIC_ENCRYPTED) throw fail('SRC_UNSUPPORTED', `${name} holds encrypted Parquet data`);
  if (magic !== PARQUET_MAGIC) {
    throw fail('SRC_TRUNCATED', `${name} ends early: the Parquet data in it does not end with ${PARQUET_MAGIC}`);
  }
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (length > size - TAIL_BYTES) {
    throw fail('SRC_CORRUPT', `${name}: a Parquet footer of ${length} bytes in ${size} bytes of data`);
  }
  return length;
}

function readElement(reader: ThriftReader): Element {
  const element: Element = { type: undefined, length: 0, repetition: 0, name: '', children: 0 };
  reader.struct({
    1: (r) => {
      element.type = r.count();
    },
    2: (r) => {
      element.length = r.count();
    },
    3: (r) => {
      element.repetition = r.count();
    },
    4: (r) => {
      element.name = r.text();
    },
    5: (r) => {
      element.children = r.count();
    },
  });
  return element;
}

function readChunk(reader: ThriftReader): RawChunk {
  const chunk: RawChunk = {
    elsewhere: false,
    encrypted: false,
    codec: 0,
    values: 0,
    compressed: 0,
    plain: 0,
    data: 0,
    dictionary: undefined,
  };
  reader.struct({
    1: (r) => {
      chunk.elsewhere = r.text() !== '';
    },
    3: (r) =>
      r.struct({
        4: (m) => {
          chunk.codec = m.count();
        },
        5: (m) => {
          chunk.values = m.count();
        },
        6: (m) => {
          chunk.plain = m.count();
        },
        7: (m) => {
          chunk.compressed = m.count();
        },
        9: (m) => {
          chunk.data = m.count();
        },
        11: (m) => {
          chunk.dictionary = m.integer();
        },
      }),
    8: (r, type) => {
      if (type !== THRIFT.struct) throw new RangeError('the encryption of a column is no struct');
      r.struct({});
      chunk.encrypted = true;
    },
  });
  return chunk;
}

function readGroup(reader: ThriftReader): { rows: number; chunks: RawChunk[] } {
  const group = { rows: 0, chunks: [] as RawChunk[] };
  reader.struct({
    1: (r) => {
      group.chunks = r.list(readChunk);
    },
    3: (r) => {
      group.rows = r.count();
    },
  });
  return group;
}

/** The columns below the root, whose own repetition means nothing (arrow-go writes REPEATED there). */
function flatColumns(elements: readonly Element[], name: string): ParquetColumn[] {
  const [root, ...rest] = elements;
  if (!root || root.children !== rest.length) {
    throw fail('SRC_UNSUPPORTED', `${name} holds nested Parquet columns, which milvusdm does not read`);
  }
  return rest.map((element): ParquetColumn => {
    const type = PHYSICAL[element.type ?? -1];
    if (!type || element.children > 0 || element.repetition > 1) {
      throw fail(
        'SRC_UNSUPPORTED',
        `${name}: the Parquet column "${element.name}" is nested, which milvusdm does not read`,
      );
    }
    return { name: element.name, type, length: element.length, optional: element.repetition === 1 };
  });
}

function placeOf(chunk: RawChunk, name: string, size: number): ChunkPlace {
  if (chunk.encrypted) throw fail('SRC_UNSUPPORTED', `${name} holds encrypted Parquet columns`);
  if (chunk.elsewhere) throw fail('SRC_UNSUPPORTED', `${name}: the data of a Parquet column is in another file`);
  const codecName = CODECS[chunk.codec] ?? `number ${chunk.codec}`;
  const codec = CODECS_READ.find((known) => known === codecName);
  if (!codec) {
    throw fail('SRC_UNSUPPORTED', `${name} is compressed by ${codecName}; milvusdm reads ${CODECS_READ.join(', ')}`);
  }
  // Some writers give 0 where there is no dictionary; no page begins there.
  const dictionary = chunk.dictionary && chunk.dictionary > 0 ? chunk.dictionary : chunk.data;
  const from = Math.min(chunk.data, dictionary);
  const to = from + chunk.compressed;
  if (to > size) throw fail('SRC_CORRUPT', `${name}: a Parquet column ends at byte ${to} of ${size}`);
  return { codec, values: chunk.values, from, to, plainBytes: chunk.plain };
}

/**
 * Reads a footer (parquet-format, FileMetaData). `size` is the length of the whole Parquet file. Throws SRC_CORRUPT, and
 * SRC_UNSUPPORTED for nested or encrypted columns and for codecs other than zstd, snappy and none.
 */
export function parseFooter(footer: Uint8Array, name: string, size: number): ParquetMeta {
  let rows = 0;
  let elements: Element[] = [];
  let groups: { rows: number; chunks: RawChunk[] }[] = [];
  let createdBy = '';
  let encrypted = false;
  decoding(name, 'the Parquet footer', () =>
    new ThriftReader(footer).struct({
      2: (r) => {
        elements = r.list(readElement);
      },
      3: (r) => {
        rows = r.count();
      },
      4: (r) => {
        groups = r.list(readGroup);
      },
      6: (r) => {
        createdBy = r.text();
      },
      8: (r) => {
        r.struct({});
        encrypted = true;
      },
    }),
  );
  if (encrypted) throw fail('SRC_UNSUPPORTED', `${name} holds encrypted Parquet data`);
  const columns = flatColumns(elements, name);
  const placed = groups.map((group): RowGroup => {
    if (group.chunks.length !== columns.length || group.chunks.some((c) => c.values !== group.rows)) {
      throw fail('SRC_CORRUPT', `${name}: a Parquet row group does not have ${group.rows} values of each column`);
    }
    return { rows: group.rows, chunks: group.chunks.map((chunk) => placeOf(chunk, name, size)) };
  });
  const sum = placed.reduce((total, group) => total + group.rows, 0);
  if (sum !== rows) throw fail('SRC_CORRUPT', `${name}: the Parquet row groups have ${sum} rows, the file ${rows}`);
  return { rows, columns, groups: placed, createdBy };
}
