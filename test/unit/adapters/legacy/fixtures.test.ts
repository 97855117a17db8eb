import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectLegacy } from '../../../../src/adapters/legacy/index.js';
import type { Catalog, SourceCollection } from '../../../../src/adapters/types.js';
import { specsOf } from '../../../../src/batch/fields.js';
import type { LegacySource } from '../../../../src/config/types.js';
import {
  DEFAULT_BYTES,
  type ExpectedCollections,
  type ExpectedPart,
  expectedOf,
  FIXTURES,
  figuresOf,
  open,
  readAll,
  readSplit,
} from './support.js';

const METRICS = ['', 'L2', 'IP', 'HAMMING', 'JACCARD', 'TANIMOTO', 'SUBSTRUCTURE', 'SUPERSTRUCTURE'];

interface Case {
  readonly variant: string;
  readonly label: string;
  readonly expected: ExpectedCollections;
  readonly more: Partial<LegacySource>;
}

const extraPaths = [join(FIXTURES, 'secondary', 'disk2')];
const CASES: Case[] = [
  ...['small', 'floats', 'again', 'binary', 'log'].map((variant) => ({ variant, label: variant, more: {} })),
  { variant: 'edge', label: 'edge', more: { onMissingSegment: 'skip' as const } },
  { variant: 'secondary', label: 'secondary', more: { extraPaths } },
].map((one) => ({ ...one, expected: expectedOf(one.variant).collections }));
CASES.push({
  variant: 'log',
  label: 'log, included',
  more: { unflushed: 'include' },
  expected: expectedOf('log').with_log!,
});

/** Opened once: a catalog holds nothing that is to be closed. */
const opened = new Map<string, Promise<Catalog>>();

async function openCollection({ label, variant, more }: Case, name: string): Promise<SourceCollection> {
  const catalog = opened.get(label) ?? open(variant, more);
  opened.set(label, catalog);
  return (await catalog).collections.find((collection) => collection.name === name)!;
}

/** By the names that partitions have here: the collection's own rows and a tag `_default` are one. */
function partsOf(parts: Readonly<Record<string, ExpectedPart>>): Map<string, ExpectedPart> {
  const all = new Map(Object.entries(parts));
  const own = all.get('')!;
  all.delete('');
  if (!all.has('_default')) return new Map([['_default', own], ...all]);
  expect(own.rows).toBe(0);
  return all;
}

describe.each(CASES)('$label', (one) => {
  const { variant, expected, more } = one;
  it('has exactly the live collections', async () => {
    await using catalog = await open(variant, more);
    expect(catalog.collections.map(({ name }) => name)).toEqual(Object.keys(expected));
  });

  describe.each(Object.entries(expected))('%s', (name, { dim, metric, partitions }) => {
    const parts = partsOf(partitions);

    it('says what it is', async () => {
      const collection = await openCollection(one, name);
      expect([...collection.settings.partitions!].sort()).toEqual([...parts.keys()].sort());
      expect(collection.settings.metric).toBe(METRICS[metric]);
      await using reader = await collection.open();
      const type = metric >= 3 ? 'BINARY_VECTOR' : 'FLOAT_VECTOR';
      expect(specsOf(reader.schema)).toEqual([
        { name: 'id', type: 'INT64', primaryKey: true },
        { name: 'embedding', type, dim },
      ]);
      const rows = [...parts.values()].reduce((sum, part) => sum + part.rows, 0);
      const rowBytes = 8 + (metric >= 3 ? dim / 8 : dim * 4);
      expect(reader.info).toHaveLength(1);
      expect(reader.info[0]).toMatchObject({
        rows,
        dim,
        vectorType: type,
        metric: METRICS[metric],
        bytes: rows * rowBytes,
      });
      for (const split of await reader.splits()) {
        expect(parts.has(split.partition!)).toBe(true);
        expect(split.bytes).toBe(split.rows * rowBytes);
      }
    });

    // One byte: a row a batch. 4000 cuts segments and runs of deleted rows at odd places.
    it.each([1, 4000, DEFAULT_BYTES])('arrives bit for bit in batches of %i bytes', async (maxBytes) => {
      await using reader = await (await openCollection(one, name)).open();
      const read = await readAll(reader, { maxBytes });
      for (const [tag, part] of parts) expect(figuresOf(read.get(tag)), tag).toEqual(part);
      expect([...read.keys()].every((tag) => parts.has(tag))).toBe(true);
    });

    it('counts and continues', async () => {
      await using reader = await (await openCollection(one, name)).open();
      for (const split of await reader.splits()) {
        const whole = await readSplit(reader, split);
        expect(whole.ids.length).toBe(split.rows);
        const small = await readSplit(reader, split, { maxBytes: 777 });
        expect([small.ids, small.vectors]).toEqual([whole.ids, whole.vectors]);
        let seen = 0;
        for (let i = 0; i < small.cursors.length; i += Math.max(1, Math.floor(small.cursors.length / 5))) {
          seen = small.firstRows[i]! + small.sizes[i]!;
          expect(small.firstRows[i]).toBe(small.sizes.slice(0, i).reduce((a, b) => a + b, 0));
          const rest = await readSplit(reader, split, { after: small.cursors[i]!, maxBytes: 333 });
          expect([rest.ids, rest.vectors]).toEqual([whole.ids.slice(seen), whole.vectors.slice(seen)]);
          if (rest.firstRows.length > 0) expect(rest.firstRows[0]).toBe(seen);
        }
      }
    });

    it('gives ids alone and vectors alone', async () => {
      await using reader = await (await openCollection(one, name)).open();
      const whole = await readAll(reader);
      const ids = await readAll(reader, { columns: ['id'], maxBytes: 500 });
      const vectors = await readAll(reader, { columns: ['embedding'], maxBytes: 500 });
      for (const [tag, rows] of whole) {
        expect([ids.get(tag)!.ids, ids.get(tag)!.vectors]).toEqual([rows.ids, []]);
        expect([vectors.get(tag)!.ids, vectors.get(tag)!.vectors]).toEqual([[], rows.vectors]);
      }
    });
  });

  it('is inspected', async () => {
    const { extraPaths: extra } = more;
    const found = await inspectLegacy(join(FIXTURES, variant), extra ? { extraPaths: extra } : {});
    expect(found.collections.map(({ name }) => name)).toEqual(Object.keys(expected));
    const flushed = expectedOf(variant).collections;
    for (const { name, dim, metric, partitions } of found.collections) {
      expect([dim, metric]).toEqual([flushed[name]!.dim, METRICS[flushed[name]!.metric]]);
      const rows = Object.fromEntries(partitions.map((part) => [part.name, part.rows]));
      expect(rows).toEqual(
        Object.fromEntries([...partsOf(flushed[name]!.partitions)].map(([tag, part]) => [tag, part.rows])),
      );
    }
  });
});
