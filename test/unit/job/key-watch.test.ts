import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../../src/batch/columns.js';
import { watchKeys } from '../../../src/job/key-watch.js';
import { schemaOf, specOf, textColumn } from '../batch/support.js';

const EDGES = [2n ** 63n - 1n, -(2n ** 63n)];
const key = specOf('INT64', 'id', { primaryKey: true });

function batchOf(ids: readonly bigint[]) {
  return makeBatch(schemaOf(key), ids.length, [BigInt64Array.from(ids)]);
}

describe('the watch over keys', () => {
  it('tells of keys in any batches what a look at each one does', () => {
    const near = fc.bigInt({ min: -3n, max: 3n });
    const id = fc.oneof(
      near,
      near.map((n) => 2n ** 32n + n),
      near.map((n) => -(2n ** 32n) + n),
      near.map((n) => 2n ** 31n + n),
      fc.constantFrom(...EDGES),
      fc.bigInt({ min: EDGES[1]!, max: EDGES[0]! }),
    );
    const sorted = fc.uniqueArray(id, { maxLength: 8 }).map((ids) => ids.sort((a, b) => (a < b ? -1 : 1)));
    const batches = fc.array(fc.oneof(sorted, fc.array(id, { maxLength: 6 })), { maxLength: 4 });
    const inOrder = sorted.map((ids) => [ids.slice(0, 3), ids.slice(3, 4), ids.slice(4)]);
    fc.assert(
      fc.property(fc.oneof(batches, inOrder), (parts) => {
        const watch = watchKeys(0);
        for (const ids of parts) watch.see(batchOf(ids));
        const all = parts.flat();
        expect(watch.ascending).toBe(all.every((one, i) => i === 0 || all[i - 1]! < one));
        expect(watch.edges).toBe(all.filter((one) => EDGES.includes(one)).length);
        const ordered = [...all].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        expect(watch.range).toStrictEqual(
          all.length === 0 ? undefined : { least: ordered[0], largest: ordered.at(-1) },
        );
      }),
      { numRuns: 500 },
    );
  });

  it('knows nothing of keys that are texts', () => {
    const watch = watchKeys(0);
    watch.see(makeBatch(schemaOf(specOf('VARCHAR', 'id', { primaryKey: true })), 2, [textColumn(['a', 'b'])]));
    expect([watch.ascending, watch.edges, watch.range]).toStrictEqual([false, 0, undefined]);
  });
});
