import { advance, type Code, compileKernel, get, i32x4, type Kernel, loopBelow, set } from '../util/wasm.js';

/**
 * How to find an exponent of all ones (NaN or infinity) in a 32-bit word, which holds one value, two of 16 bits, or a half of
 * a double: the exponent bits plus `carry`, their lowest one, reach the bits of `sign` just then.
 */
export interface Exponent {
  readonly exponent: number;
  readonly carry: number;
  readonly sign: number;
  /** 0: no value has its exponent there. By the number of the word, even or odd. */
  readonly used: readonly [number, number];
}

/** Values that are looked at at a time: they stay in the processor's second cache. */
const BLOCK_BYTES = 64 << 10;
/** Looked at in one turn of the loop; a block is filled up to a multiple with zeros, which are finite. */
const TURN_BYTES = 64;
const VECTOR_BYTES = 16;

/** Places in the kernel's memory: the bits of the exponent, the carry, what has been found, the values. */
const CARRY_AT = VECTOR_BYTES;
const FOUND_AT = 2 * VECTOR_BYTES;
const VALUES_AT = TURN_BYTES;

/** Gathers in FOUND_AT the bits that the words from AT to END have in common with none that is finite. */
function exponentKernel(): Kernel {
  const [at, end, zero, exponent, carry, found] = [0, 1, 2, 3, 4, 5];
  const vectors = [0, 1, 2, 3];
  const carried = (number: number): Code => [
    ...get(at),
    ...i32x4.load(number * VECTOR_BYTES),
    ...get(exponent),
    ...i32x4.and,
    ...get(carry),
    ...i32x4.add,
  ];
  return compileKernel(3, { vectors: 3 }, VALUES_AT + BLOCK_BYTES, [
    [...get(zero), ...i32x4.load(0), ...set(exponent)],
    [...get(zero), ...i32x4.load(CARRY_AT), ...set(carry)],
    loopBelow(at, end, [
      [...get(found), ...vectors.flatMap((i) => [...carried(i), ...i32x4.or]), ...set(found)],
      advance(at, TURN_BYTES),
    ]),
    [...get(zero), ...get(found), ...i32x4.store(FOUND_AT)],
  ]);
}

let opened: ReturnType<typeof open> | undefined;

/** One for all, because nothing waits while its memory is in use. */
function open() {
  const { memory, run } = exponentKernel();
  return { run, bytes: new Uint8Array(memory), words: new Uint32Array(memory, 0, VALUES_AT / 4) };
}

/** Whether a value of a column has such an exponent, at any address. */
export function hasExponent(values: ArrayBufferView, { exponent, carry, sign, used }: Exponent): boolean {
  opened ??= open();
  const { run, bytes, words } = opened;
  words.fill(exponent, 0, 4);
  words.fill(carry, 4, 8);
  const column = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let bits = 0;
  for (let at = 0; at < column.length; at += BLOCK_BYTES) {
    const block = column.subarray(at, at + BLOCK_BYTES);
    bytes.set(block, VALUES_AT);
    const end = VALUES_AT + Math.ceil(block.length / TURN_BYTES) * TURN_BYTES;
    bytes.fill(0, VALUES_AT + block.length, end);
    run(VALUES_AT, end, 0);
    for (let i = 0; i < 4; i++) bits |= words[FOUND_AT / 4 + i]! & (sign * used[(i & 1) as 0 | 1]);
  }
  return bits !== 0;
}
