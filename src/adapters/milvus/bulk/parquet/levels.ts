/** Levels of lists: 1 bit each, since neither lists nor their elements are ever null. */
export interface Levels {
  /** Both streams, each with its length before it, as a data page of version 1 begins. */
  readonly bytes: Uint8Array;
  /** Elements, and one for each empty list. */
  readonly count: number;
}

const LENGTH_BYTES = 4;

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
  return out;
}

/** A run of the hybrid encoding: the same level `count` times. */
function run(count: number, level: 0 | 1): number[] {
  return [...varint(count * 2), level];
}

function joined(repetition: Uint8Array, definition: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 * LENGTH_BYTES + repetition.length + definition.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, repetition.length, true);
  bytes.set(repetition, LENGTH_BYTES);
  view.setUint32(LENGTH_BYTES + repetition.length, definition.length, true);
  bytes.set(definition, 2 * LENGTH_BYTES + repetition.length);
  return bytes;
}

/** Fills `out` with a pattern again and again. */
function repeated(pattern: readonly number[], times: number): Uint8Array {
  const out = new Uint8Array(pattern.length * times);
  out.set(pattern);
  for (let done = pattern.length; done < out.length; done *= 2) out.copyWithin(done, 0, done);
  return out;
}

/** Levels of `rows` lists of `width` elements each, 1 or more: two runs a list, whatever its length. */
export function constantLevels(rows: number, width: number): Levels {
  const count = rows * width;
  const repetition = width === 1 ? Uint8Array.from(run(rows, 0)) : repeated([...run(1, 0), ...run(width - 1, 1)], rows);
  return { bytes: joined(repetition, Uint8Array.from(run(count, 1))), count };
}

/** `count` levels of 1, bit-packed: the header of the run, and where its bits begin. */
function packedOnes(count: number): { readonly bytes: Uint8Array; readonly at: number } {
  const groups = Math.ceil(count / 8);
  const head = varint(groups * 2 + 1);
  const bytes = new Uint8Array(head.length + groups);
  bytes.fill(0xff);
  bytes.set(head);
  if (count % 8 > 0) bytes[bytes.length - 1] = (1 << (count % 8)) - 1;
  return { bytes, at: head.length };
}

/** Levels of lists of any length, 0 too: list i has `offsets[i + 1] - offsets[i]` elements. */
export function listLevels(offsets: Int32Array, rows: number): Levels {
  let empty = 0;
  for (let i = 0; i < rows; i++) if (offsets[i] === offsets[i + 1]) empty++;
  const count = offsets[rows]! - offsets[0]! + empty;
  const repetition = packedOnes(count);
  const definition = empty === 0 ? { bytes: Uint8Array.from(run(count, 1)), at: 0 } : packedOnes(count);
  for (let i = 0, at = 0; i < rows; i++) {
    const length = offsets[i + 1]! - offsets[i]!;
    const mask = ~(1 << (at & 7));
    repetition.bytes[repetition.at + (at >> 3)]! &= mask;
    if (length === 0) definition.bytes[definition.at + (at >> 3)]! &= mask;
    at += Math.max(1, length);
  }
  return { bytes: joined(repetition.bytes, definition.bytes), count };
}
