import { fail } from '../util/errors.js';
import { THRIFT, ThriftReader } from './thrift.js';

/** Encodings of Parquet by their numbers; those without a name here are not in use any more. */
const ENCODINGS: Readonly<Record<number, string>> = {
  0: 'PLAIN',
  2: 'PLAIN_DICTIONARY',
  3: 'RLE',
  4: 'BIT_PACKED',
  5: 'DELTA_BINARY_PACKED',
  6: 'DELTA_LENGTH_BYTE_ARRAY',
  7: 'DELTA_BYTE_ARRAY',
  8: 'RLE_DICTIONARY',
  9: 'BYTE_STREAM_SPLIT',
};

/** How values of a page are written, as far as they are read. */
export type Encoding = 'plain' | 'dictionary' | 'rle';

/** The header of a page; `bytes` is its own length. */
export interface PageHeader {
  readonly kind: 'data' | 'dictionary' | 'other';
  readonly bytes: number;
  /** Of what follows the header. */
  readonly compressed: number;
  readonly plain: number;
  readonly values: number;
  readonly encoding: Encoding;
  /** Version 2: definition levels stand before the values, never compressed. */
  readonly v2?: { readonly levelBytes: number; readonly compressed: boolean };
}

/** No page of Milvus comes near; a damaged header must not ask for more memory than this. */
const MAX_PAGE_BYTES = 64 << 20;

interface Raw {
  type: number;
  plain: number;
  compressed: number;
  values: number;
  encoding: number;
  levelEncoding: number;
  definitionBytes: number;
  repetitionBytes: number;
  isCompressed: boolean;
}

function readRaw(reader: ThriftReader): Raw {
  const raw: Raw = {
    type: -1,
    plain: 0,
    compressed: 0,
    values: 0,
    encoding: 0,
    levelEncoding: 3,
    definitionBytes: 0,
    repetitionBytes: 0,
    isCompressed: true,
  };
  const values = (r: ThriftReader): void => {
    raw.values = r.count();
  };
  const encoding = (r: ThriftReader): void => {
    raw.encoding = r.count();
  };
  reader.struct({
    1: (r) => {
      raw.type = r.count();
    },
    2: (r) => {
      raw.plain = r.count();
    },
    3: (r) => {
      raw.compressed = r.count();
    },
    5: (r) =>
      r.struct({
        1: values,
        2: encoding,
        3: (d) => {
          raw.levelEncoding = d.count();
        },
      }),
    7: (r) => r.struct({ 1: values, 2: encoding }),
    8: (r) =>
      r.struct({
        1: values,
        4: encoding,
        5: (d) => {
          raw.definitionBytes = d.count();
        },
        6: (d) => {
          raw.repetitionBytes = d.count();
        },
        7: (_, type) => {
          raw.isCompressed = type === THRIFT.true;
        },
      }),
  });
  return raw;
}

function encodingOf(number: number, dictionary: boolean, name: string): Encoding {
  const text = ENCODINGS[number] ?? `number ${number}`;
  // The values of a dictionary are plain, whatever the name.
  if (text === 'PLAIN' || (dictionary && text === 'PLAIN_DICTIONARY')) return 'plain';
  if (!dictionary && (text === 'PLAIN_DICTIONARY' || text === 'RLE_DICTIONARY')) return 'dictionary';
  if (!dictionary && text === 'RLE') return 'rle';
  throw fail('SRC_UNSUPPORTED', `${name} has a Parquet page with the encoding ${text}, which milvusdm does not read`);
}

/**
 * Reads a page header (parquet-format, PageHeader) at the front of `bytes`. Throws OutOfBytes where they end before it does,
 * RangeError for sizes that no page has, SRC_UNSUPPORTED for encodings that are not read.
 */
export function parsePageHeader(bytes: Uint8Array, name: string): PageHeader {
  const reader = new ThriftReader(bytes);
  const raw = readRaw(reader);
  if (raw.plain > MAX_PAGE_BYTES || raw.compressed > MAX_PAGE_BYTES) {
    throw new RangeError(`a page of ${Math.max(raw.plain, raw.compressed)} bytes, at most ${MAX_PAGE_BYTES} are read`);
  }
  const common = { bytes: reader.at, compressed: raw.compressed, plain: raw.plain, values: raw.values };
  if (raw.type === 2) return { ...common, kind: 'dictionary', encoding: encodingOf(raw.encoding, true, name) };
  if (raw.type !== 0 && raw.type !== 3) return { ...common, kind: 'other', encoding: 'plain' };
  const page = { ...common, kind: 'data' as const, encoding: encodingOf(raw.encoding, false, name) };
  if (raw.type === 0) {
    if (raw.levelEncoding !== 3)
      throw new RangeError(`levels with the encoding ${ENCODINGS[raw.levelEncoding] ?? raw.levelEncoding}`);
    return page;
  }
  if (raw.repetitionBytes > 0) throw new RangeError('repetition levels in a flat column');
  if (raw.definitionBytes > Math.min(raw.plain, raw.compressed)) {
    throw new RangeError(`levels of ${raw.definitionBytes} bytes in a page of ${raw.plain}`);
  }
  return { ...page, v2: { levelBytes: raw.definitionBytes, compressed: raw.isCompressed } };
}
