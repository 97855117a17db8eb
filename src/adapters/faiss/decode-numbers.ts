import { halfTable } from '../../batch/half.js';
import { NUMBER_BYTES, type NumberForm, type NumberType } from './stored-form.js';

/**
 * Makes float32 of the codes of `count` rows, which begin at the front of `codes`. The memory of `codes` begins on an address
 * that any number may begin on, and may be written to.
 */
export type DecodeRows = (codes: Uint8Array, count: number, out: Float32Array) => void;

type Numbers = Exclude<NumberType, 'float16' | 'bfloat16' | 'uint8-128' | 'int64' | 'uint64'>;

const VIEWS = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
} as const satisfies Record<Numbers, unknown>;

function swap(codes: Uint8Array, bytes: number, width: number): void {
  const buffer = Buffer.from(codes.buffer, codes.byteOffset, bytes);
  if (width === 2) buffer.swap16();
  if (width === 4) buffer.swap32();
  if (width === 8) buffer.swap64();
}

/** Two halves at a time. Through the bits, because a number may change those of a NaN. */
function fromHalves(codes: Uint8Array, values: number, out: Float32Array): void {
  const table = new Uint32Array(halfTable().buffer);
  const pairs = new Uint32Array(codes.buffer, codes.byteOffset, values >> 1);
  const bits = new Uint32Array(out.buffer, out.byteOffset, values);
  for (let i = 0, to = 0; i < pairs.length; i++, to += 2) {
    const pair = pairs[i]!;
    bits[to] = table[pair & 0xffff]!;
    bits[to + 1] = table[pair >>> 16]!;
  }
  if (values & 1) bits[values - 1] = table[codes[values * 2 - 2]! | (codes[values * 2 - 1]! << 8)]!;
}

function fromBfloats(codes: Uint8Array, values: number, out: Float32Array): void {
  const upper = new Uint16Array(codes.buffer, codes.byteOffset, values);
  const bits = new Uint32Array(out.buffer, out.byteOffset, values);
  for (let i = 0; i < values; i++) bits[i] = upper[i]! << 16;
}

/** 64-bit integers: high * 2^32 + low is rounded once to float64 and once to float32, so both halves go through one number. */
function fromInt64(codes: Uint8Array, values: number, out: Float32Array, signed: boolean): void {
  const low = new Uint32Array(codes.buffer, codes.byteOffset, values * 2);
  const high = signed ? new Int32Array(codes.buffer, codes.byteOffset, values * 2) : low;
  for (let i = 0; i < values; i++) out[i] = high[i * 2 + 1]! * 2 ** 32 + low[i * 2]!;
}

/** The decoder of rows of `dim` plain numbers: exact but for integers beyond 2^24 and float64, which are rounded. */
export function numberDecoder({ type, bigEndian = false }: NumberForm, dim: number): DecodeRows {
  const width = NUMBER_BYTES[type];
  return (codes, count, out) => {
    const values = count * dim;
    if (bigEndian) swap(codes, values * width, width);
    switch (type) {
      case 'float16':
        return fromHalves(codes, values, out);
      case 'bfloat16':
        return fromBfloats(codes, values, out);
      case 'int64':
      case 'uint64':
        return fromInt64(codes, values, out, type === 'int64');
      case 'uint8-128':
        for (let i = 0; i < values; i++) out[i] = codes[i]! - 128;
        return;
      default:
        out.set(new VIEWS[type](codes.buffer as ArrayBuffer, codes.byteOffset, values));
    }
  };
}
