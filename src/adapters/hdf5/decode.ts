import { asBytes } from '../../util/bytes.js';
import type { NumberName } from './element.js';

/** Typed arrays that a batch is made of. */
export type OutputArray =
  | BigInt64Array
  | Float32Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/**
 * Copies `count` elements from the heap at `pointer` to `out` from element `at` on. Returns the index (from 0) of the
 * first element that `out` cannot hold, or -1.
 */
export type Decode = (heap: Uint8Array, pointer: number, count: number, out: OutputArray, at: number) => number;

const VIEWS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** Same representation on both sides: bytes only, so that NaN keeps its payload. */
const copy: Decode = (heap, pointer, count, out, at) => {
  const size = out.BYTES_PER_ELEMENT;
  asBytes(out).set(heap.subarray(pointer, pointer + count * size), at * size);
  return -1;
};

/** Numbers of at most 53 bits into another type; float64 to float32 rounds to nearest, beyond its range to infinity. */
function widen(name: keyof typeof VIEWS): Decode {
  const View = VIEWS[name];
  return (heap, pointer, count, out, at) => {
    (out as Float32Array).set(new View(heap.buffer as ArrayBuffer, pointer, count), at);
    return -1;
  };
}

let halves: Float32Array | undefined;

/** All 65,536 IEEE half-precision values. */
function halfTable(): Float32Array {
  if (halves) return halves;
  const table = new Float32Array(65536);
  const bits = new Uint32Array(table.buffer);
  for (let i = 0; i < 65536; i++) {
    const sign = (i & 0x8000) << 16;
    const exponent = (i >> 10) & 31;
    const mantissa = i & 1023;
    if (exponent === 0) table[i] = (sign === 0 ? 1 : -1) * mantissa * 2 ** -24;
    else bits[i] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (mantissa << 13);
  }
  halves = table;
  return table;
}

const fromHalf: Decode = (heap, pointer, count, out, at) => {
  // By bits: a NaN may change when it passes through a number.
  const table = new Uint32Array(halfTable().buffer);
  const source = new Uint16Array(heap.buffer, pointer, count);
  const target = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < count; i++) target[at + i] = table[source[i]!]!;
  return -1;
};

const fromBrainFloat: Decode = (heap, pointer, count, out, at) => {
  const source = new Uint16Array(heap.buffer, pointer, count);
  const target = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < count; i++) target[at + i] = source[i]! << 16;
  return -1;
};

/**
 * A 64-bit integer as float32, rounded once. A double holds 53 bits, so for larger ones the lost low bits are kept as one
 * sticky bit, which decides ties rightly.
 */
function roundLarge(value: bigint): number {
  const size = value < 0n ? -value : value;
  const sticky = (size & ~0x7ffn) | ((size & 0x7ffn) === 0n ? 0n : 0x800n);
  const rounded = Math.fround(Number(sticky));
  return value < 0n ? -rounded : rounded;
}

function fromLong(signed: boolean): Decode {
  return (heap, pointer, count, out, at) => {
    const words = new Uint32Array(heap.buffer, pointer, count * 2);
    const highs = new Int32Array(heap.buffer, pointer, count * 2);
    const whole = signed
      ? new BigInt64Array(heap.buffer, pointer, count)
      : new BigUint64Array(heap.buffer, pointer, count);
    for (let i = 0; i < count; i++) {
      const high = signed ? highs[2 * i + 1]! : words[2 * i + 1]!;
      const small = high < 0x200000 && high >= -0x200000;
      out[at + i] = small ? high * 4294967296 + words[2 * i]! : roundLarge(whole[i]!);
    }
    return -1;
  };
}

/** Small integers to int64, by 32-bit halves: a BigInt per element would be ten times slower. */
function toLong(name: 'int8' | 'int16' | 'int32' | 'uint8' | 'uint16' | 'uint32'): Decode {
  const View = VIEWS[name];
  const signed = name.startsWith('int');
  return (heap, pointer, count, out, at) => {
    const source = new View(heap.buffer as ArrayBuffer, pointer, count);
    const halves = new Int32Array(out.buffer, out.byteOffset, out.length * 2);
    for (let i = 0, j = at * 2; i < count; i++, j += 2) {
      const value = source[i]!;
      halves[j] = value;
      halves[j + 1] = signed && value < 0 ? -1 : 0;
    }
    return -1;
  };
}

const unsignedToLong: Decode = (heap, pointer, count, out, at) => {
  const highs = new Int32Array(heap.buffer, pointer, count * 2);
  for (let i = 0; i < count; i++) if (highs[2 * i + 1]! < 0) return i;
  return copy(heap, pointer, count, out, at);
};

const toBool: Decode = (heap, pointer, count, out, at) => {
  for (let i = 0; i < count; i++) out[at + i] = heap[pointer + i] === 0 ? 0 : 1;
  return -1;
};

/** Decoder of any number to float32. */
export function decodeToFloat32(name: NumberName): Decode {
  if (name === 'float32') return copy;
  if (name === 'float16') return fromHalf;
  if (name === 'bfloat16') return fromBrainFloat;
  if (name === 'int64' || name === 'uint64') return fromLong(name === 'int64');
  return widen(name);
}

/** Decoder of any integer to int64; undefined for floats. Unsigned values beyond 2^63-1 are reported. */
export function decodeToInt64(name: NumberName): Decode | undefined {
  if (name === 'int64') return copy;
  if (name === 'uint64') return unsignedToLong;
  if (name === 'float16' || name === 'bfloat16' || name === 'float32' || name === 'float64') return undefined;
  return toLong(name);
}

/** Decoder that copies bytes: for equal types on both sides. */
export const decodeSame: Decode = copy;

/** Decoder of h5py's booleans to one byte, 0 or 1. */
export const decodeBool: Decode = toBool;

/** Decoder of small unsigned integers to the next larger signed type (uint8 -> int16, uint16 -> int32). */
export function decodeWider(name: 'uint8' | 'uint16'): Decode {
  return widen(name);
}
