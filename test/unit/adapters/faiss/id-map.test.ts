import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { idTranslator } from '../../../../src/adapters/faiss/id-map.js';
import { openSource } from '../../../../src/adapters/faiss/source-file.js';
import { errorOf, temporaryFolder } from './support.js';

const ENTRIES = 400_000; // 3.2 MB: more than is read at once
const OFFSET = 13;

function mapFile(): { path: string; map: BigInt64Array } {
  const map = BigInt64Array.from({ length: ENTRIES }, (_, i) => BigInt.asIntN(64, BigInt(i) * 0x9e3779b97f4a7c15n));
  const path = join(temporaryFolder(), 'map');
  writeFileSync(path, Buffer.concat([Buffer.alloc(OFFSET), Buffer.from(map.buffer)]));
  return { path, map };
}

it('translates the same ids from a map in memory and from parts of the file', async () => {
  const { path, map } = mapFile();
  const file = await openSource(path);
  const whole = idTranslator(file, OFFSET, ENTRIES);
  const parts = idTranslator(file, OFFSET, ENTRIES, 0);
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(ENTRIES - 1), { minLength: 1, maxLength: 300 }), async (positions) => {
        const expected = BigInt64Array.from(positions, (position) => map[position]!);
        for (const translate of [whole, parts]) {
          const ids = BigInt64Array.from([...positions, 5], BigInt);
          await translate(ids, positions.length, 0);
          expect(ids.subarray(0, -1)).toEqual(expected);
          expect(ids.at(-1)).toBe(5n);
        }
      }),
      { numRuns: 30 },
    );
    const many = Float64Array.from({ length: 150_000 }, (_, i) => (i * 7919) % ENTRIES);
    const ids = BigInt64Array.from(many, BigInt);
    await parts(ids, many.length, 0);
    expect(ids.every((id, row) => id === map[many[row]!])).toBe(true);
    for (const bad of [BigInt(ENTRIES), -1n, 2n ** 63n - 1n]) {
      const error = await errorOf(() => parts(BigInt64Array.of(0n, bad), 2, 70));
      expect([error.code, error.message]).toEqual([
        'SRC_CORRUPT',
        expect.stringContaining(`row 71 has the inner id ${bad}`),
      ]);
    }
  } finally {
    await file.handle.close();
  }
});
