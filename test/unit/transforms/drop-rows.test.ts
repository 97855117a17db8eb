import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBitmap } from '../../../src/batch/bitmap.js';
import { dropRows } from '../../../src/transforms/drop-rows.js';
import { batches, EVERY_TYPE, rowTexts } from '../batch/support.js';

const every = batches(EVERY_TYPE, { min: 0, max: 20 });

describe('dropRows', () => {
  it('leaves out the rows of the run that are in the bitmap, for every type', () => {
    fc.assert(
      fc.property(every, fc.nat({ max: 30 }), fc.array(fc.nat({ max: 49 })), (batch, first, dropped) => {
        const bitmap = createBitmap(50);
        for (const row of dropped) bitmap.add(row);
        const kept = rowTexts(batch).filter((_, i) => !dropped.includes(first + i));
        const transform = dropRows(batch.schema, bitmap);
        expect(transform.schema).toBe(batch.schema);
        expect(rowTexts(transform.apply(batch, first))).toStrictEqual(kept);
      }),
      { numRuns: 60 },
    );
  });

  it('lets a batch pass untouched that loses nothing', () => {
    const [batch] = fc.sample(every, { numRuns: 1, seed: 3 });
    const bitmap = createBitmap(100);
    bitmap.add(99);
    expect(dropRows(batch!.schema, bitmap).apply(batch!, 0)).toBe(batch);
  });

  it('can leave nothing', () => {
    const [batch] = fc.sample(batches(EVERY_TYPE, { min: 3, max: 3 }), { numRuns: 1, seed: 3 });
    const bitmap = createBitmap(3);
    for (const row of [0, 1, 2]) bitmap.add(row);
    expect(dropRows(batch!.schema, bitmap).apply(batch!, 0).numRows).toBe(0);
  });
});
