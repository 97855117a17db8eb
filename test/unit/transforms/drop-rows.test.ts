import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBitmap } from '../../../src/batch/bitmap.js';
import { bindTransforms } from '../../../src/transforms/bind.js';
import { batches, EVERY_TYPE, rowTexts } from '../batch/support.js';
import { batchOf, ids, texts, thrown, valuesOf } from './support.js';

const every = batches(EVERY_TYPE, { min: 0, max: 20 });

describe('rows that no step gets to see', () => {
  it('leaves out the rows of the run that are in the bitmap, for every type', () => {
    fc.assert(
      fc.property(every, fc.nat({ max: 30 }), fc.array(fc.nat({ max: 49 })), (batch, first, dropped) => {
        const bitmap = createBitmap(50);
        for (const row of dropped) bitmap.add(row);
        const kept = rowTexts(batch).filter((_, i) => !dropped.includes(first + i));
        const transform = bindTransforms(batch.schema, [], bitmap);
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
    expect(bindTransforms(batch!.schema, [], bitmap).apply(batch!, 0)).toBe(batch);
  });

  it('can leave nothing', () => {
    const [batch] = fc.sample(batches(EVERY_TYPE, { min: 3, max: 3 }), { numRuns: 1, seed: 3 });
    const bitmap = createBitmap(3);
    for (const row of [0, 1, 2]) bitmap.add(row);
    expect(bindTransforms(batch!.schema, [], bitmap).apply(batch!, 0).numRows).toBe(0);
  });

  it('do not shift the numbers of those behind them', () => {
    const batch = batchOf(4, ids(10n, 11n, 12n, 13n), texts('score', ['oops', '1', 'x', '3']));
    const bitmap = createBitmap(200);
    bitmap.add(100);
    const cast = { kind: 'cast', fields: { score: { type: 'INT64' } } } as const;
    const where = { kind: 'where', expression: 'id > 11' } as const;
    for (const steps of [[cast], [where, cast]]) {
      const bound = bindTransforms(batch.schema, steps, bitmap);
      expect(thrown(() => bound.apply(batch, 100))).toContain(': row 102 (id 12): ');
    }
    bitmap.add(102);
    const bound = bindTransforms(batch.schema, [cast], bitmap);
    expect(valuesOf(bound.apply(batch, 100), 'score')).toStrictEqual([1n, 3n]);
  });
});

describe('names of fields behind the steps', () => {
  it('are followed through renaming and leaving out', () => {
    const batch = batchOf(1, ids(1n), texts('a', ['x']), texts('b', ['y']), texts('c', ['z']));
    const bound = bindTransforms(batch.schema, [
      { kind: 'rename', fields: { a: 'b', b: 'a' } },
      { kind: 'drop', fields: ['c'] },
      { kind: 'constant', fields: { c: { value: 'new' } } },
      { kind: 'rename', fields: { a: 'constructor' } },
    ]);
    expect([...bound.fieldNames]).toStrictEqual([
      ['id', 'id'],
      ['a', 'b'],
      ['b', 'constructor'],
    ]);
  });
});
