import { describe, expect, it } from 'vitest';
import { compressed } from '../../../../src/adapters/ipc/codec.js';
import { loadZstd } from '../../../../src/util/zstd.js';

const MIB = 1 << 20;

/** float32 like those of vectors: their mantissas are noise. */
function vectors(bytes: number): Uint8Array {
  const values = new Float32Array(bytes / 4);
  for (let i = 0, x = 1; i < values.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    values[i] = x / 2 ** 32 - 0.5;
  }
  return new Uint8Array(values.buffer);
}

function numbers(bytes: number): Uint8Array {
  return new Uint8Array(BigInt64Array.from({ length: bytes / 8 }, (_, i) => BigInt(i)).buffer);
}

describe('what is compressed', () => {
  it.each([['large', 4 * MIB] as const, ['small', 20_000] as const])('are %s buffers that shrink', async (_, size) => {
    const zstd = await loadZstd();
    const bytes = numbers(size);
    const frame = compressed(zstd, bytes)!;
    expect(frame.length).toBeLessThan(size / 2);
    const back = new Uint8Array(size);
    zstd.decompress(frame, back);
    expect(Buffer.compare(back, bytes)).toBe(0);
  });

  it.each([['large', 4 * MIB] as const, ['small', 20_000] as const])(
    'are not %s buffers of vectors',
    async (_, size) => {
      expect(compressed(await loadZstd(), vectors(size))).toBeUndefined();
    },
  );

  it('is not what only its samples let hope for', async () => {
    const bytes = vectors(4 * MIB);
    // Nothing but zeros at the four places that are looked at.
    const step = Math.floor((bytes.length - 16_384) / 3);
    for (let i = 0; i < 4; i++) bytes.fill(0, i * step, i * step + 16_384);
    expect(compressed(await loadZstd(), bytes)).toBeUndefined();
  });
});
