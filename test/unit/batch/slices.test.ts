import fc from 'fast-check';
import { expect, it } from 'vitest';
import { batchBytes, isList, isText, type ListColumn, makeBatch, type RawValues } from '../../../src/batch/columns.js';
import type { FieldSpec } from '../../../src/batch/fields.js';
import { sliceByBytes } from '../../../src/batch/slices.js';
import { schemaOf, specOf, valuesFor } from './support.js';

const SPECS: readonly FieldSpec[] = [
  specOf('INT64'),
  specOf('BOOL'),
  specOf('VARCHAR'),
  specOf('FLOAT_VECTOR'),
  specOf('SPARSE_FLOAT_VECTOR'),
  specOf('ARRAY', 'numbers', { elementType: 'INT16' }),
  specOf('ARRAY', 'texts', { elementType: 'VARCHAR' }),
];

function lengthOf(items: RawValues): number {
  return isText(items) || isList(items) ? items.offsets.length - 1 : items.length;
}

/** Values of a field, arrays of up to three elements among them. */
function columnOf(spec: FieldSpec, rows: number): fc.Arbitrary<RawValues> {
  if (spec.type !== 'ARRAY') return valuesFor(spec, rows);
  const lengths = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: rows, maxLength: rows });
  return lengths.chain((counts) => {
    const offsets = new Int32Array(rows + 1);
    for (const [i, count] of counts.entries()) offsets[i + 1] = offsets[i]! + count;
    const item = { name: 'item', type: spec.elementType! };
    return valuesFor(item, offsets[rows]!).map((items): ListColumn => {
      expect(lengthOf(items)).toBe(offsets[rows]);
      return { offsets, items: items as ListColumn['items'] };
    });
  });
}

it('cuts any batch into the fewest parts that fit, in order, and never inside a row', () => {
  const cases = fc
    .record({ specs: fc.shuffledSubarray([...SPECS], { minLength: 1 }), rows: fc.integer({ min: 0, max: 20 }) })
    .chain(({ specs, rows }) =>
      fc.record({
        schema: fc.constant(schemaOf(...specs)),
        rows: fc.constant(rows),
        columns: fc.tuple(...specs.map((spec) => columnOf(spec, rows))),
        maxBytes: fc.integer({ min: 1, max: 600 }),
      }),
    );
  fc.assert(
    fc.property(cases, ({ schema, rows, columns, maxBytes }) => {
      const batch = makeBatch(schema, rows, columns);
      const bytes = (from: number, to: number): number => batchBytes(batch.slice(from, to));
      let row = 0;
      for (const [from, to] of sliceByBytes(batch, maxBytes)) {
        expect(from).toBe(row);
        expect(to).toBeGreaterThan(from);
        if (to - from > 1) expect(bytes(from, to)).toBeLessThanOrEqual(maxBytes);
        if (to < rows) expect(bytes(from, to + 1)).toBeGreaterThan(maxBytes);
        row = to;
      }
      expect(row).toBe(rows);
    }),
    { numRuns: 200 },
  );
});
