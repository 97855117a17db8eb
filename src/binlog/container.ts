import { fail, type MilvusdmError } from '../util/errors.js';
import { decoding, OutOfBytes, truncated } from './source.js';
import type { Window } from './window.js';

/** Magic number at the front of a binlog file: 0x00FFFABC, little-endian. */
const MAGIC = 0x00fffabc;
/** Fixed part of a descriptor's data: five ids, two timestamps, the type of the payload. */
const DESCRIPTOR_FIX = 52;
/** Two timestamps before the payload of every data event. */
const EVENT_FIX = 16;
const HEAD_BYTES = 4096;
/** One byte per type of event stands in the descriptor, how many is not said. Milvus writes 8. */
const MOST_TYPES = 64;

const EVENT_NAMES = [
  'descriptor',
  'insert',
  'delete',
  'create collection',
  'drop collection',
  'create partition',
  'drop partition',
  'index file',
];
const INSERT = 1;
const DELETE = 2;

/** A Parquet file within a binlog file. */
export interface Payload {
  readonly from: number;
  readonly to: number;
}

/** A binlog file (storage v1), as far as its headers say. */
export interface Container {
  readonly kind: 'insert' | 'delete';
  readonly fieldId: bigint;
  /** Milvus's number of the payload's type. */
  readonly dataType: number;
  /** What stands in the descriptor as JSON. */
  readonly extra: Readonly<Record<string, unknown>>;
  readonly payloads: readonly Payload[];
}

interface Descriptor {
  /** Bytes of an event's header: 17, or 21 in files of before 2.0. */
  readonly header: number;
  readonly end: number;
  readonly fieldId: bigint;
  readonly dataType: number;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** Whether the first bytes of a file are those of a binlog file. */
export function isContainer(head: Uint8Array): boolean {
  return head.length >= 4 && new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true) === MAGIC;
}

/** Header length: the form with 17 bytes says where the next event begins, right behind the length of this one. */
function headerBytes(view: DataView): number {
  if (view.byteLength < 4 + 21) throw new OutOfBytes('the descriptor is cut');
  if (view.getInt32(17, true) === view.getInt32(13, true) + 4) return 17;
  if (view.getInt32(21, true) === view.getInt32(17, true) + 4) return 21;
  throw new RangeError('the first event does not say where the next one begins');
}

function parseExtra(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  if (bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The JSON behind the lengths per event type, whose number follows from the length of the event. */
function findExtra(bytes: Uint8Array, from: number, end: number): Readonly<Record<string, unknown>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (const types of [8, ...Array.from({ length: MOST_TYPES }, (_, i) => i)]) {
    const at = from + types;
    if (at + 4 > end || view.getInt32(at, true) !== end - at - 4) continue;
    const extra = parseExtra(bytes.subarray(at + 4, end));
    if (extra) return extra;
  }
  throw new RangeError('the descriptor has no place for its JSON');
}

function parseDescriptor(bytes: Uint8Array): Descriptor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = headerBytes(view);
  const type = view.getInt8(12);
  if (type !== 0) throw new RangeError(`the first event is no descriptor but of type ${type}`);
  const length = view.getInt32(4 + header - 8, true);
  if (length < header + DESCRIPTOR_FIX + 4) throw new RangeError(`a descriptor of ${length} bytes`);
  const end = 4 + length;
  if (end > bytes.length) throw new NeedBytes(end);
  const at = 4 + header;
  const extra = findExtra(bytes, at + DESCRIPTOR_FIX, end);
  return { header, end, fieldId: view.getBigInt64(at + 24, true), dataType: view.getInt32(at + 48, true), extra };
}

/** The descriptor is longer than what was read. */
class NeedBytes extends RangeError {
  readonly need: number;
  constructor(need: number) {
    super(`${need} bytes are needed`);
    this.need = need;
  }
}

async function readDescriptor(window: Window): Promise<Descriptor> {
  const { source } = window;
  const read = async (bytes: number): Promise<Uint8Array> => window.bytes(0, Math.min(bytes, source.size));
  const parse = (bytes: Uint8Array): Descriptor | number =>
    decoding(source.name, 'the descriptor', () => {
      try {
        return parseDescriptor(bytes);
      } catch (thrown) {
        if (thrown instanceof NeedBytes) return thrown.need;
        throw thrown;
      }
    });
  const first = parse(await read(HEAD_BYTES));
  if (typeof first !== 'number') return first;
  if (first > source.size) throw truncated(source, first);
  return parse(await read(first)) as Descriptor;
}

function assertPlain(name: string, { extra }: Descriptor): void {
  if (extra.edek === undefined && extra.encryption_zone === undefined) return;
  throw fail('SRC_UNSUPPORTED', `${name} is encrypted by its Milvus (CMEK)`, {
    hint: 'Read the collection from the running server instead; milvusdm has no key.',
  });
}

function strangeEvent(name: string, type: number, at: number): MilvusdmError {
  const text = EVENT_NAMES[type] ?? `type ${type}`;
  return fail(
    'SRC_UNSUPPORTED',
    `${name} holds an event of kind "${text}" at byte ${at}, which milvusdm does not read`,
  );
}

/**
 * Reads the headers of a binlog file: the descriptor, and where each event's Parquet data lies. Events follow each other by
 * their lengths; what newer writers leave in `next_position` is not looked at.
 * Throws SRC_TRUNCATED, SRC_CORRUPT, and SRC_UNSUPPORTED for encrypted files and other events than inserts and deletes.
 */
export async function readContainer(window: Window): Promise<Container> {
  const { source } = window;
  const descriptor = await readDescriptor(window);
  assertPlain(source.name, descriptor);
  const { header, fieldId, dataType, extra } = descriptor;
  const payloads: Payload[] = [];
  let kind: Container['kind'] | undefined;
  for (let at = descriptor.end; at < source.size; ) {
    const bytes = await window.bytes(at, Math.min(at + header + EVENT_FIX, source.size));
    if (bytes.length < header + EVENT_FIX) throw truncated(source, at + header + EVENT_FIX);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const type = view.getInt8(8);
    if (type !== INSERT && type !== DELETE) throw strangeEvent(source.name, type, at);
    const length = view.getInt32(header - 8, true);
    if (length < header + EVENT_FIX)
      throw fail('SRC_CORRUPT', `${source.name}: an event of ${length} bytes at byte ${at}`);
    if (at + length > source.size) throw truncated(source, at + length);
    const found = type === INSERT ? 'insert' : 'delete';
    if (kind && kind !== found) throw fail('SRC_CORRUPT', `${source.name} holds inserts and deletes`);
    kind = found;
    payloads.push({ from: at + header + EVENT_FIX, to: at + length });
    at += length;
  }
  if (!kind) throw fail('SRC_TRUNCATED', `${source.name} ends early: no event follows the descriptor`);
  return { kind, fieldId, dataType, extra, payloads };
}
