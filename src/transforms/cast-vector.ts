import type { FlatValues } from '../batch/columns.js';
import type { MilvusType } from '../batch/fields.js';
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from '../batch/half.js';
import { asBytes } from '../util/bytes.js';
import type { ErrorMeter } from './error-meter.js';
import { addErrors } from './error-meter.js';
import type { Column } from './step.js';
import { vectorFloats } from './vectors.js';

/** Refuses the row, with what is wrong. */
export type RefuseRow = (row: number, message: string, hint: string) => Error;

const LARGEST: Readonly<Partial<Record<MilvusType, string>>> = {
  FLOAT16_VECTOR: 'beyond 65504, the largest of float16',
  BFLOAT16_VECTOR: 'beyond 3.3895e38, the largest of bfloat16',
  INT8_VECTOR: 'outside -128 to 127, the range of int8',
};

const RANGE_HINT = 'Leave such rows out by a where step on another field, cast to another type, or normalize before.';

/** Adding and taking away 1.5 x 2^52 rounds to a whole number, ties to even. */
const ROUNDER = 6_755_399_441_055_744;

function encodeInt8(floats: Float32Array, out: Int8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const whole = floats[i]! + ROUNDER - ROUNDER;
    // Also false for NaN.
    if (!(whole >= -128 && whole <= 127)) return i;
    out[i] = whole;
  }
  return -1;
}

interface Encoder {
  readonly out: FlatValues | Uint16Array;
  encode(from: number, to: number): number;
  decoded(): Float32Array;
}

function encoderFor(type: MilvusType, floats: Float32Array): Encoder {
  const count = floats.length;
  if (type === 'INT8_VECTOR') {
    const out = new Int8Array(count);
    return { out, encode: (from, to) => encodeInt8(floats, out, from, to), decoded: () => Float32Array.from(out) };
  }
  const out = new Uint16Array(count);
  if (type === 'FLOAT16_VECTOR') {
    return { out, encode: (from, to) => encodeFloat16(floats, out, from, to), decoded: () => decodeFloat16(out) };
  }
  return { out, encode: (from, to) => encodeBfloat16(floats, out, from, to), decoded: () => decodeBfloat16(out) };
}

/** Stretches of rows that are not null, as pairs of first row and row behind the last. */
function presentRuns(valid: Uint8Array | undefined, rows: number): [number, number][] {
  if (!valid) return rows === 0 ? [] : [[0, rows]];
  const runs: [number, number][] = [];
  for (let row = 0; row < rows; row++) {
    if (valid[row] === 0) continue;
    const last = runs.at(-1);
    if (last && last[1] === row) last[1] = row + 1;
    else runs.push([row, row + 1]);
  }
  return runs;
}

export interface VectorCast {
  readonly from: MilvusType;
  readonly to: MilvusType;
  readonly dim: number;
  /** Refuse a row with a value that would change. */
  readonly exact: boolean;
  readonly meter: ErrorMeter;
}

function refuseInexact(
  before: Float32Array,
  after: Float32Array,
  cast: VectorCast,
  runs: [number, number][],
  refuse: RefuseRow,
): void {
  const { dim } = cast;
  for (const [first, last] of runs) {
    for (let i = first * dim; i < last * dim; i++) {
      if (before[i] === after[i] || Number.isNaN(before[i])) continue;
      const row = Math.floor(i / dim);
      throw refuse(
        row,
        `the value ${before[i]} of dimension ${i - row * dim} is not exact as ${cast.to}`,
        'Set on_loss: report to write the nearest value.',
      );
    }
  }
}

/**
 * Vectors of numbers as another type of such vectors: to FLOAT_VECTOR exactly, to the others rounded to the nearest value
 * (ties to even), with the error measured. NaN and infinity stay what they are, but for INT8_VECTOR, which has neither.
 * Refuses rows with values beyond the range of the target.
 */
export function castVectors(column: Column, rows: number, cast: VectorCast, refuse: RefuseRow): Column {
  const { from, to, dim, meter } = cast;
  const floats = vectorFloats(from, column);
  const runs = presentRuns(column.valid, rows);
  if (to === 'FLOAT_VECTOR') return { ...column, values: floats, width: dim };
  const encoder = encoderFor(to, floats);
  for (const [first, last] of runs) {
    const bad = encoder.encode(first * dim, last * dim);
    if (bad < 0) continue;
    const row = Math.floor(bad / dim);
    throw refuse(row, `the value ${floats[bad]} of dimension ${bad - row * dim} lies ${LARGEST[to]}`, RANGE_HINT);
  }
  const after = encoder.decoded();
  if (cast.exact) refuseInexact(floats, after, cast, runs, refuse);
  for (const [first, last] of runs) addErrors(meter, floats, after, first * dim, last * dim);
  const bytes = asBytes(encoder.out);
  return { ...column, values: bytes, width: dim * encoder.out.BYTES_PER_ELEMENT };
}
