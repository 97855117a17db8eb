import { type ReadAt, readAddress, type Superblock } from './superblock.js';

/** Bit layout of a number, as its datatype message says it. */
export interface NumberLayout {
  readonly kind: 'integer' | 'float';
  readonly size: number;
  readonly bitOffset: number;
  readonly precision: number;
  /** Floats: where exponent and mantissa lie, in bits. */
  readonly exponentAt?: number;
  readonly exponentBits?: number;
  readonly mantissaAt?: number;
  readonly mantissaBits?: number;
  readonly bias?: number;
}

/** What h5wasm does not tell of a dataset. Absent parts could not be read. */
export interface ObjectHeader {
  readonly number?: NumberLayout;
  readonly layout?: 'compact' | 'contiguous' | 'chunked' | 'virtual';
  /** Contiguous storage, absolute; absent where nothing was ever written. */
  readonly data?: { readonly offset: number; readonly bytes: number };
  /** Contiguous or chunked: whether storage has been allocated. */
  readonly allocated: boolean;
  /** The raw data lie in other files. */
  readonly external: boolean;
}

interface Message {
  readonly type: number;
  readonly shared: boolean;
  readonly body: Uint8Array;
}

const DATATYPE = 0x03;
const EXTERNAL_FILES = 0x07;
const LAYOUT = 0x08;
const CONTINUATION = 0x10;
/** Bounds on a walk through a damaged header. */
const MAX_BLOCKS = 256;
const MAX_BLOCK_BYTES = 1 << 20;

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) + u16(bytes, at + 2) * 65536;
}

/** Header messages between `from` and `to` of one block. Version 1 has 8 bytes before each body, version 2 has 4 or 6. */
function blockMessages(block: Uint8Array, from: number, to: number, version: number, ordered: boolean): Message[] {
  const messages: Message[] = [];
  const prefix = version === 1 ? 8 : ordered ? 6 : 4;
  let at = from;
  while (at + prefix <= to) {
    const type = version === 1 ? u16(block, at) : (block[at] ?? 0);
    const size = version === 1 ? u16(block, at + 2) : u16(block, at + 1);
    const flags = (version === 1 ? block[at + 4] : block[at + 3]) ?? 0;
    const body = block.subarray(at + prefix, at + prefix + size);
    if (body.length < size) break;
    messages.push({ type, shared: (flags & 2) !== 0, body });
    at += prefix + size;
  }
  return messages;
}

interface HeaderStart {
  readonly version: number;
  readonly ordered: boolean;
  /** Of the first block's messages, from the start of the header. */
  readonly from: number;
  readonly bytes: number;
}

function headerStart(head: Uint8Array): HeaderStart | undefined {
  if (head[0] === 1) return { version: 1, ordered: false, from: 16, bytes: u32(head, 8) };
  const signed = head[0] === 0x4f && head[1] === 0x48 && head[2] === 0x44 && head[3] === 0x52; // OHDR
  if (!signed || head[4] !== 2) return undefined;
  const flags = head[5] ?? 0;
  const sizeAt = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
  const width = 1 << (flags & 3);
  const bytes = readAddress(head, sizeAt, width) ?? 0;
  return { version: 2, ordered: (flags & 4) !== 0, from: sizeAt + width, bytes };
}

/** All messages of the object header at `address` (relative to the superblock), continuation blocks included. */
function headerMessages(readAt: ReadAt, superblock: Superblock, address: number): Message[] | undefined {
  const at = superblock.base + address;
  const start = headerStart(readAt(at, 64));
  if (!start || start.bytes > MAX_BLOCK_BYTES) return undefined;
  const first = readAt(at, start.from + start.bytes);
  const messages = blockMessages(first, start.from, first.length, start.version, start.ordered);
  let blocks = 1;
  for (const message of messages) {
    if (message.type !== CONTINUATION || ++blocks > MAX_BLOCKS) continue;
    const offset = readAddress(message.body, 0, superblock.offsetSize);
    const length = readAddress(message.body, superblock.offsetSize, superblock.lengthSize);
    if (offset === undefined || length === undefined || length > MAX_BLOCK_BYTES) continue;
    const block = readAt(superblock.base + offset, length);
    // Version 2 blocks start with "OCHK" and end with a checksum of 4 bytes.
    const [from, to] = start.version === 1 ? [0, block.length] : [4, block.length - 4];
    messages.push(...blockMessages(block, from, to, start.version, start.ordered));
  }
  return messages;
}

function parseDatatype(body: Uint8Array): NumberLayout | undefined {
  const kind = (body[0] ?? 0xff) & 0x0f;
  const size = u32(body, 4);
  const bitOffset = u16(body, 8);
  const precision = u16(body, 10);
  if (kind === 0 && body.length >= 12) return { kind: 'integer', size, bitOffset, precision };
  if (kind !== 1 || body.length < 20) return undefined;
  return {
    kind: 'float',
    size,
    bitOffset,
    precision,
    exponentAt: body[12] ?? 0,
    exponentBits: body[13] ?? 0,
    mantissaAt: body[14] ?? 0,
    mantissaBits: body[15] ?? 0,
    bias: u32(body, 16),
  };
}

/** A committed datatype lies in an object header of its own; a shared message holds that address. */
function sharedDatatype(readAt: ReadAt, superblock: Superblock, body: Uint8Array): NumberLayout | undefined {
  const version = body[0] ?? 0;
  // Version 3 may also point into the heap of shared messages (type 1), which is not followed.
  if (version === 3 && body[1] !== 2) return undefined;
  const address = readAddress(body, version === 1 ? 8 : 2, superblock.offsetSize);
  const messages = address === undefined ? undefined : headerMessages(readAt, superblock, address);
  const message = messages?.find((m) => m.type === DATATYPE && !m.shared);
  return message && parseDatatype(message.body);
}

/** Bytes before the address in a chunked layout of version 4 or 5: flags, dimensions, and what each kind of index adds. */
function chunkAddressAt(body: Uint8Array): number | undefined {
  const flags = body[2] ?? 0;
  const at = 5 + (body[3] ?? 0) * (body[4] ?? 0);
  const extra = { 1: flags & 2 ? 12 : 0, 2: 0, 3: 1, 4: 5, 5: 6 }[body[at] ?? 0];
  return extra === undefined ? undefined : at + 1 + extra;
}

function parseLayout(body: Uint8Array, superblock: Superblock): Omit<ObjectHeader, 'number' | 'external'> {
  const version = body[0] ?? 0;
  const old = version < 3;
  const layout = (['compact', 'contiguous', 'chunked', 'virtual'] as const)[body[old ? 2 : 1] ?? 255];
  const { offsetSize, lengthSize, base } = superblock;
  if (layout === undefined) return { allocated: true };
  if (layout === 'compact' || layout === 'virtual') return { layout, allocated: true };
  if (layout === 'chunked') {
    const at = old ? 8 : version === 3 ? 3 : chunkAddressAt(body);
    return { layout, allocated: at === undefined || readAddress(body, at, offsetSize) !== undefined };
  }
  const at = old ? 8 : 2;
  const address = readAddress(body, at, offsetSize);
  if (address === undefined) return { layout, allocated: false };
  const bytes = old ? undefined : readAddress(body, at + offsetSize, lengthSize);
  return { layout, allocated: true, ...(bytes === undefined ? {} : { data: { offset: base + address, bytes } }) };
}

/**
 * Parses the object header of a dataset (HDF5 file format specification, "Data Object Headers", versions 1 and 2).
 * `address` is relative to the superblock, as in an object reference. Undefined where the header is of an unknown form.
 */
export function parseObjectHeader(readAt: ReadAt, superblock: Superblock, address: number): ObjectHeader | undefined {
  const messages = headerMessages(readAt, superblock, address);
  if (!messages) return undefined;
  const datatype = messages.find((m) => m.type === DATATYPE);
  const layout = messages.find((m) => m.type === LAYOUT && !m.shared);
  const number =
    datatype && (datatype.shared ? sharedDatatype(readAt, superblock, datatype.body) : parseDatatype(datatype.body));
  return {
    ...(layout ? parseLayout(layout.body, superblock) : { allocated: true }),
    ...(number ? { number } : {}),
    external: messages.some((m) => m.type === EXTERNAL_FILES),
  };
}
