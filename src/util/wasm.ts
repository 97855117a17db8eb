/**
 * As much of WebAssembly's binary format (core specification 2.0, chapter 5) as a loop over numbers needs: functions are written
 * as lists of instructions and compiled where they run. Two float64 are worked on at once, which JavaScript cannot do; each is
 * rounded as in JavaScript.
 */
export type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;
const NO_RESULT = 0x40;
const SIMD = 0xfd;
/** "\0asm" and version 1. */
const HEAD: Code = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const PAGE_BYTES = 64 << 10;
/** Addresses of vectors are said to be multiples of 2^3 bytes; others would be slower, not wrong. */
const ALIGNMENT = 3;

/** LEB128 without sign. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128 with sign, of a number that has none: bit 6 of the last byte would be it. */
function constant(value: number): Code {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...constant(value >>> 7)];
}

const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (code: Code): Code => [...unsigned(code.length), ...code];
const section = (id: number, items: readonly Code[]): Code => [id, ...sized(list(items))];
const name = (text: string): Code => sized([...Buffer.from(text)]);

/** Locals count from the parameters on. */
export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number): Code => [0x21, ...unsigned(local)];
/** local += value, an address of its own. */
export const advance = (local: number, value: number): Code => [
  ...get(local),
  0x41,
  ...constant(value),
  0x6a,
  ...set(local),
];
/** Runs `body` once and again as long as the address in `local` is below that in `end`. */
export const loopBelow = (local: number, end: number, body: readonly Code[]): Code => [
  0x03,
  NO_RESULT,
  ...body.flat(),
  ...get(local),
  ...get(end),
  0x49,
  0x0d,
  0,
  0x0b,
];

const at = (offset: number): Code => [...unsigned(ALIGNMENT), ...unsigned(offset)];

/** Vectors of two float64. Addresses and values come from the stack, `offset` bytes are added to the address. */
export const f64x2 = {
  load: (offset: number): Code => [SIMD, 0, ...at(offset)],
  /** One float64, twice. */
  splat: (offset: number): Code => [SIMD, 10, ...at(offset)],
  store: (offset: number): Code => [SIMD, 11, ...at(offset)],
  add: [SIMD, ...unsigned(0xf0)] as Code,
  mul: [SIMD, ...unsigned(0xf2)] as Code,
};

/** A compiled function and the memory that it works on; addresses are offsets into that. */
export interface Kernel {
  readonly memory: ArrayBuffer;
  readonly run: (...addresses: number[]) => void;
}

interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly run: Kernel['run'] } };
}

// The types of Node 20 lack it.
const engine = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;

/** Compiles a function without result of `parameters` addresses and `vectors` further locals, over memory of at least `bytes`. */
export function compileKernel(
  parameters: number,
  vectors: number,
  bytes: number,
  instructions: readonly Code[],
): Kernel {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const body: Code = [...list([[...unsigned(vectors), V128]]), ...instructions.flat(), 0x0b];
  const module = new Uint8Array([
    ...HEAD,
    ...section(1, [[0x60, ...list(Array.from({ length: parameters }, () => [I32])), ...list([])]]),
    ...section(3, [[0]]),
    ...section(5, [[1, ...unsigned(pages), ...unsigned(pages)]]),
    ...section(7, [
      [...name('run'), 0, 0],
      [...name('memory'), 2, 0],
    ]),
    ...section(10, [sized(body)]),
  ]);
  const { exports } = new engine.Instance(new engine.Module(module));
  return { memory: exports.memory.buffer, run: exports.run };
}
