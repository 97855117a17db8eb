import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HybridReader } from '../../../src/binlog/hybrid.js';

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

interface Run {
  readonly value: number;
  readonly count: number;
}

/** The encoding as the specification says it, bit by bit. */
function encode(runs: readonly (Run | readonly number[])[], width: number): Uint8Array {
  const out: number[] = [];
  for (const run of runs) {
    if ('value' in run) {
      out.push(...varint(run.count * 2));
      for (let i = 0; i < Math.ceil(width / 8); i++) out.push(Math.floor(run.value / 256 ** i) % 256);
      continue;
    }
    const groups = Math.ceil(run.length / 8);
    out.push(...varint(groups * 2 + 1));
    const bits = Array.from({ length: groups * 8 * width }, (_, bit) => {
      const value = run[Math.floor(bit / width)] ?? 0;
      return Math.floor(value / 2 ** (bit % width)) % 2;
    });
    for (let i = 0; i < bits.length; i += 8) {
      out.push(bits.slice(i, i + 8).reduce((sum, bit, at) => sum + bit * 2 ** at, 0));
    }
  }
  return Uint8Array.from(out);
}

describe('runs and bit-packed groups', () => {
  it('come out as they went in, however many are asked for at a time', () => {
    const widths = fc.integer({ min: 0, max: 31 });
    fc.assert(
      fc.property(
        widths.chain((width) =>
          fc.tuple(fc.constant(width), fc.array(runOf(width), { maxLength: 8 }), fc.integer({ min: 1, max: 40 })),
        ),
        ([width, runs, step]) => {
          const values = runs.flatMap((run) =>
            'value' in run
              ? Array.from({ length: run.count }, () => run.value)
              : [...run, ...Array(-run.length & 7).fill(0)],
          );
          const bytes = encode(runs, width);
          const reader = new HybridReader(bytes, width, 0, bytes.length);
          const out = new Int32Array(values.length);
          for (let at = 0; at < values.length; at += step) reader.next(out, at, Math.min(step, values.length - at));
          expect([...out]).toEqual(values);
          expect(() => reader.next(out, 0, 1)).toThrow(RangeError);
        },
      ),
    );
  });
});

function runOf(width: number): fc.Arbitrary<Run | number[]> {
  const value = fc.integer({ min: 0, max: 2 ** width - 1 });
  const packed = fc.array(value, { minLength: 1, maxLength: 40 });
  return fc.oneof(fc.record({ value, count: fc.integer({ min: 1, max: 50 }) }), packed);
}
