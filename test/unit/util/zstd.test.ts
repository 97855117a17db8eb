import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentSize, loadZstd } from '../../../src/util/zstd.js';

const zstd = await loadZstd();

describe('zstd', () => {
  it('gives back what was compressed, at every length and level', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 5000 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 40_000 }))
        .map(([part, times]) => {
          const out = new Uint8Array(times);
          for (let i = 0; i < times; i++) out[i] = part[i % part.length]!;
          return out;
        }),
    );
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 19 }), (data, level) => {
        const frame = zstd.compress(data, level);
        expect(contentSize(frame)).toBe(data.length);
        const out = new Uint8Array(data.length);
        zstd.decompress(frame, out);
        expect(Buffer.compare(out, data)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('copies what lies in a frame as it is', () => {
    const random = crypto.getRandomValues(new Uint8Array(65_536));
    const frame = zstd.compress(random, 3);
    expect(frame.length).toBeGreaterThan(random.length);
    const out = new Uint8Array(random.length);
    zstd.decompress(frame, out);
    expect(Buffer.compare(out, random)).toBe(0);
  });

  it('refuses frames that are damaged, cut, or of another length', () => {
    const data = Buffer.from('some text that is some text that is '.repeat(50));
    const frame = zstd.compress(data, 3);
    for (let cut = 0; cut < frame.length; cut++) {
      expect(() => zstd.decompress(frame.subarray(0, cut), new Uint8Array(data.length)), `cut at ${cut}`).toThrow(
        RangeError,
      );
    }
    for (const length of [0, data.length - 1, data.length + 1]) {
      expect(() => zstd.decompress(frame, new Uint8Array(length)), `${length} bytes`).toThrow(RangeError);
    }
    expect(() => contentSize(data)).toThrow(RangeError);
  });
});
