import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from '../../../src/batch/half.js';

type Encode = typeof encodeFloat16;
type Decode = typeof decodeFloat16;

function fromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

/** All values of a format that are numbers, in order, each with its bits: what rounding is checked against. */
function numbers(decode: Decode): { value: number; bits: number }[] {
  const all = decode(Uint16Array.from({ length: 65_536 }, (_, i) => i));
  const list = [...all]
    .map((value, bits) => ({ value, bits }))
    .filter((n) => Number.isFinite(n.value) && n.bits < 0x8000);
  return list.sort((a, b) => a.value - b.value);
}

/** The nearest value by looking at both neighbours; ties go to even bits. Beyond half a step after the last: undefined. */
function nearest(list: readonly { value: number; bits: number }[], x: number): number | undefined {
  let [low, high] = [0, list.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle]!.value <= x) low = middle;
    else high = middle - 1;
  }
  const below = list[low]!;
  const step = low + 1 < list.length ? list[low + 1]!.value : 2 * below.value - list[low - 1]!.value;
  const middle = (below.value + step) / 2;
  const up = x > middle || (x === middle && (below.bits & 1) === 1);
  if (!up) return below.bits;
  return low + 1 < list.length ? list[low + 1]!.bits : undefined;
}

describe.each([
  ['float16', encodeFloat16, decodeFloat16, 65504, fromBits(0x477fefff), 65520],
  ['bfloat16', encodeBfloat16, decodeBfloat16, 3.3895313892515355e38, fromBits(0x7f7f7fff), fromBits(0x7f7f8000)],
] as [string, Encode, Decode, number, number, number][])('%s', (_, encode, decode, largest, last, first) => {
  const list = numbers(decode);
  const one = (x: number): number | undefined => {
    const out = new Uint16Array(1);
    return encode(Float32Array.of(x), out, 0, 1) < 0 ? out[0] : undefined;
  };

  it('every value decodes and encodes to its own bits', () => {
    const bits = Uint16Array.from({ length: 65_536 }, (__, i) => i);
    const floats = decode(bits);
    const back = new Uint16Array(65_536);
    expect(encode(floats, back, 0, 65_536)).toBe(-1);
    const wrong = [...bits].filter((b, i) => back[i] !== b && !Number.isNaN(floats[i]));
    expect(wrong).toEqual([]);
    expect([...decode(back)].filter(Number.isNaN).length).toBe([...floats].filter(Number.isNaN).length);
    expect(list.at(-1)!.value).toBe(largest);
  });

  it('rounds to the nearest, ties to even, like a search among all values', () => {
    const near = fc.nat({ max: list.length - 2 }).chain((i) => {
      const [a, b] = [list[i]!.value, list[i + 1]!.value];
      return fc.constantFrom(a, b, (a + b) / 2, (a + b) / 2 + (b - a) * 1e-4, (a + b) / 2 - (b - a) * 1e-4);
    });
    const any = fc.float({ noNaN: true, noDefaultInfinity: true, min: 0 });
    fc.assert(
      fc.property(fc.oneof(near, any), fc.boolean(), (given, negative) => {
        const x = Math.fround(given);
        const wanted = nearest(list, x);
        expect(one(negative ? -x : x)).toBe(wanted === undefined ? undefined : wanted | (negative ? 0x8000 : 0));
      }),
      { numRuns: 2000 },
    );
  });

  it('says where a value is too large, and keeps infinity and NaN', () => {
    expect(one(last)).toBe(list.at(-1)!.bits);
    expect(one(first)).toBeUndefined();
    const floats = Float32Array.of(1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -first, 2);
    const out = new Uint16Array(6);
    expect(encode(floats, out, 0, 6)).toBe(4);
    expect([...decode(out)].slice(0, 4)).toEqual([1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);
    const quiet = new Float32Array(Uint32Array.of(0x7f800001).buffer);
    expect(encode(quiet, out, 0, 1)).toBe(-1);
    expect(decode(out)[0]).toBeNaN();
  });

  it('works on a part and leaves the rest', () => {
    const out = new Uint16Array(3).fill(7);
    expect(encode(Float32Array.of(first, 1, first), out, 1, 2)).toBe(-1);
    expect([out[0], decode(out.subarray(1, 2))[0], out[2]]).toEqual([7, 1, 7]);
  });
});
