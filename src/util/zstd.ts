import { createRequire } from 'node:module';

/** Zstandard as WebAssembly. Its memory is kept from call to call and grows to the largest that was asked for. */
export interface Zstd {
  /** Decompresses one frame into `out`, which must have exactly its length. Throws RangeError for bytes that are none. */
  decompress(frame: Uint8Array, out: Uint8Array): void;
  /** Compresses into one frame, in memory of its own. `level` 1 to 19. */
  compress(bytes: Uint8Array, level: number): Uint8Array;
}

interface Wasm {
  readonly ready: Promise<unknown>;
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(at: number): void;
  _compressBound(bytes: number): number;
  /** -1 for an error. */
  _compress(to: number, room: number, from: number, bytes: number, level: number): number;
  _decompress(to: number, room: number, from: number, bytes: number): number;
}

const MAGIC = 0xfd2fb528;
const RAW_BLOCK = 0;
const RUN_BLOCK = 1;

/**
 * Length of what a frame holds, as its header says (RFC 8878, section 3.1.1.1.4); undefined where it does not say.
 * Throws RangeError for what is no frame.
 */
export function contentSize(frame: Uint8Array): number | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== MAGIC) throw new RangeError('a zstd frame that is none');
  const flags = frame[4]!;
  const single = (flags & 0x20) !== 0;
  const at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][flags & 3]!;
  switch (flags >> 6) {
    case 0:
      return single ? view.getUint8(at) : undefined;
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default:
      return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x100000000;
  }
}

/** Bytes of a frame's header (RFC 8878, section 3.1.1.1); 0 for one that is no frame, needs a dictionary or has a checksum. */
function headerBytes(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== MAGIC) return 0;
  const flags = frame[4]!;
  const single = (flags & 0x20) !== 0;
  if ((flags & 0x0f) !== 0) return 0;
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6]!;
  return 5 + (single ? 0 : 1) + sizeBytes;
}

interface Block {
  readonly type: number;
  readonly from: number;
  readonly size: number;
}

/** The blocks of a frame whose blocks are all stored as they are; undefined for every other frame. */
function storedBlocks(frame: Uint8Array, need: number): Block[] | undefined {
  let at = headerBytes(frame);
  if (at === 0) return undefined;
  const blocks: Block[] = [];
  let total = 0;
  for (let last = false; !last; ) {
    if (at + 3 > frame.length) return undefined;
    const head = frame[at]! + frame[at + 1]! * 0x100 + frame[at + 2]! * 0x10000;
    const type = (head >> 1) & 3;
    const size = head >> 3;
    if (type !== RAW_BLOCK && type !== RUN_BLOCK) return undefined;
    last = (head & 1) === 1;
    blocks.push({ type, from: at + 3, size });
    total += size;
    at += 3 + (type === RAW_BLOCK ? size : 1);
    if (at > frame.length || total > need) return undefined;
  }
  return total === need && at === frame.length ? blocks : undefined;
}

/** What cannot be compressed lies in a frame as it is: copied straight, a third of the time. */
function copyStored(frame: Uint8Array, out: Uint8Array): boolean {
  const blocks = storedBlocks(frame, out.length);
  if (!blocks) return false;
  let to = 0;
  for (const { type, from, size } of blocks) {
    if (type === RAW_BLOCK) out.set(frame.subarray(from, from + size), to);
    else out.fill(frame[from]!, to, to + size);
    to += size;
  }
  return true;
}

/** A piece of the module's memory. */
interface Room {
  at: number;
  bytes: number;
}

function reserve(wasm: Wasm, room: Room, bytes: number): number {
  if (room.bytes >= bytes && room.at !== 0) return room.at;
  wasm._free(room.at);
  room.bytes = Math.max(bytes, 64 << 10);
  room.at = wasm._malloc(room.bytes);
  if (room.at === 0) {
    room.bytes = 0;
    throw new RangeError(`there is no memory for ${bytes} bytes`);
  }
  return room.at;
}

function zstdOf(wasm: Wasm): Zstd {
  const [input, output] = [
    { at: 0, bytes: 0 },
    { at: 0, bytes: 0 },
  ];
  return {
    decompress(frame, out) {
      if (copyStored(frame, out)) return;
      const from = reserve(wasm, input, frame.length);
      const to = reserve(wasm, output, Math.max(1, out.length));
      wasm.HEAPU8.set(frame, from);
      const bytes = wasm._decompress(to, out.length, from, frame.length);
      if (bytes !== out.length) {
        const found = bytes < 0 ? 'does not fit its bytes' : `gives ${bytes} bytes`;
        throw new RangeError(`a zstd frame of ${out.length} bytes ${found}`);
      }
      out.set(wasm.HEAPU8.subarray(to, to + bytes));
    },
    compress(bytes, level) {
      const room = wasm._compressBound(bytes.length);
      const from = reserve(wasm, input, Math.max(1, bytes.length));
      const to = reserve(wasm, output, room);
      wasm.HEAPU8.set(bytes, from);
      const size = wasm._compress(to, room, from, bytes.length, level);
      if (size < 0) throw new RangeError(`${bytes.length} bytes cannot be compressed`);
      return wasm.HEAPU8.slice(to, to + size);
    },
  };
}

let loaded: Promise<Zstd> | undefined;

/** Loads the library, once in a process. */
export function loadZstd(): Promise<Zstd> {
  loaded ??= (async () => {
    // The package's own functions allocate for every call and do not look whether there was memory.
    const make = createRequire(import.meta.url)('@foxglove/wasm-zstd/dist/wasm-zstd.js') as () => Promise<Wasm>;
    const wasm = await make();
    await wasm.ready;
    return zstdOf(wasm);
  })();
  return loaded;
}
