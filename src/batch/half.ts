/**
 * Half precision (IEEE 754 binary16: 5 bits of exponent, 10 of fraction) and bfloat16 (the upper half of a float32).
 * Encoding rounds to the nearest value, ties to the even one. Bits are little-endian, as everywhere in this program.
 */

let halves: Float32Array | undefined;

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Every half as float32, by its bits: 256 KiB, made on first use. */
export function halfTable(): Float32Array {
  halves ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfToFloat(bits));
  return halves;
}

function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
}

/**
 * Writes `floats[from..to)` as halves. NaN stays NaN and infinity infinity.
 * @returns index of the first finite value beyond the range (65,504 once rounded), which stops the work; -1 when all fit
 */
export function encodeFloat16(floats: Float32Array, out: Uint16Array, from: number, to: number): number {
  const bits = bitsOf(floats);
  for (let i = from; i < to; i++) {
    const b = bits[i]!;
    const sign = (b >>> 16) & 0x8000;
    const abs = b & 0x7fffffff;
    let half: number;
    if (abs >= 0x38800000) {
      if (abs >= 0x7f800000) half = abs > 0x7f800000 ? 0x7e00 : 0x7c00;
      else if (abs >= 0x477ff000) return i;
      // Bit 13 is the last that stays: half a unit less one, plus that bit, rounds ties to even.
      else half = (abs + 0xfff + ((abs >>> 13) & 1) - 0x38000000) >>> 13;
    } else {
      // Below 2^-14 halves are multiples of 2^-24: the sum with 0.5 has just that unit as float32, and rounds to it.
      half = Math.round((Math.fround(Math.abs(floats[i]!) + 0.5) - 0.5) * 0x1000000);
    }
    out[i] = sign | half;
  }
  return -1;
}

/** Writes `floats[from..to)` as bfloat16; see {@link encodeFloat16} for NaN, infinity and the result. */
export function encodeBfloat16(floats: Float32Array, out: Uint16Array, from: number, to: number): number {
  const bits = bitsOf(floats);
  for (let i = from; i < to; i++) {
    const b = bits[i]!;
    const abs = b & 0x7fffffff;
    if (abs >= 0x7f7f8000) {
      if (abs < 0x7f800000) return i;
      // A NaN whose fraction lies in the lower half only would become infinity.
      out[i] = abs > 0x7f800000 ? (b >>> 16) | 0x40 : b >>> 16;
    } else {
      out[i] = (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
    }
  }
  return -1;
}

/** Halves as float32, exactly. */
export function decodeFloat16(halvesIn: Uint16Array): Float32Array {
  const table = halfTable();
  const out = new Float32Array(halvesIn.length);
  for (let i = 0; i < out.length; i++) out[i] = table[halvesIn[i]!]!;
  return out;
}

/** bfloat16 as float32, exactly. */
export function decodeBfloat16(values: Uint16Array): Float32Array {
  const out = new Float32Array(values.length);
  const bits = bitsOf(out);
  for (let i = 0; i < out.length; i++) bits[i] = values[i]! << 16;
  return out;
}
