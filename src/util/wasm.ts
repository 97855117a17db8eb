/**
 * As much of WebAssembly's binary format (core specification 2.0, chapter 5) as a loop over numbers needs: functions are written
 * as lists of instructions and compiled where they run. Two float64 or four integers are worked on at once, and integers of 64 bits,
 * which JavaScript cannot do; floats are rounded as in JavaScript.
 */
export type Code = readonly number[];

const I32 = 0x7f;
const I64 = 0x7e;
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

/** LEB128 with sign. */
function signed(value: bigint): Code {
  const bits = Number(value & 0x7fn);
  const rest = value >> 7n;
  const last = (rest === 0n && bits < 0x40) || (rest === -1n && bits >= 0x40);
  return last ? [bits] : [bits | 0x80, ...signed(rest)];
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
  ...i32.of(value),
  ...i32.add,
  ...set(local),
];
/** Takes a condition from the stack. */
export const when = (then: readonly Code[], otherwise: readonly Code[] = []): Code => [
  0x04,
  NO_RESULT,
  ...then.flat(),
  ...(otherwise.length > 0 ? [0x05, ...otherwise.flat()] : []),
  0x0b,
];
/** Runs `body` once and again as long as it leaves a condition that holds. */
export const loopWhile = (body: readonly Code[]): Code => [0x03, NO_RESULT, ...body.flat(), 0x0d, 0, 0x0b];
/** Runs `body` once and again as long as the address in `local` is below that in `end`. */
export const loopBelow = (local: number, end: number, body: readonly Code[]): Code =>
  loopWhile([...body, get(local), get(end), i32.below]);

/** Addresses at any byte. */
const anywhere = (offset: number): Code => [0, ...unsigned(offset)];

/** Addresses and numbers of 32 bits, without sign. */
export const i32 = {
  of: (value: number): Code => [0x41, ...constant(value)],
  load: (offset: number): Code => [0x28, ...anywhere(offset)],
  store: (offset: number): Code => [0x36, ...anywhere(offset)],
  below: [0x49] as Code,
  atMost: [0x4d] as Code,
  add: [0x6a] as Code,
  sub: [0x6b] as Code,
};

/** Numbers of 64 bits; products and sums modulo 2^64. */
export const i64 = {
  of: (value: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, value))],
  /** Of a number of 32 bits without sign. */
  from32: [0xad] as Code,
  load: (offset: number): Code => [0x29, ...anywhere(offset)],
  load32: (offset: number): Code => [0x35, ...anywhere(offset)],
  load8: (offset: number): Code => [0x31, ...anywhere(offset)],
  store: (offset: number): Code => [0x37, ...anywhere(offset)],
  add: [0x7c] as Code,
  mul: [0x7e] as Code,
  xor: [0x85] as Code,
  /** The number and the bits stand on the stack. */
  shiftRight: [0x88] as Code,
  rotateLeft: [0x89] as Code,
};

/** Copies within the memory: where to, where from and the number of bytes stand on the stack. */
export const copyBytes: Code = [0xfc, 10, 0, 0];

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

/** Vectors of four numbers of 32 bits. */
export const i32x4 = {
  load: (offset: number): Code => [SIMD, 0, ...anywhere(offset)],
  store: (offset: number): Code => [SIMD, 11, ...anywhere(offset)],
  and: [SIMD, 78] as Code,
  or: [SIMD, 80] as Code,
  add: [SIMD, ...unsigned(174)] as Code,
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

/** Numbers of further locals of each type, which follow the parameters in this order. */
export interface Locals {
  readonly i32?: number;
  readonly i64?: number;
  readonly vectors?: number;
}

/** Compiles a function without result of `parameters` addresses and further locals, over memory of at least `bytes`. */
export function compileKernel(
  parameters: number,
  locals: Locals,
  bytes: number,
  instructions: readonly Code[],
): Kernel {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const types = [
    [locals.i32 ?? 0, I32],
    [locals.i64 ?? 0, I64],
    [locals.vectors ?? 0, V128],
  ] as const;
  const declared = types.filter(([count]) => count > 0).map(([count, type]) => [...unsigned(count), type]);
  const body: Code = [...list(declared), ...instructions.flat(), 0x0b];
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
