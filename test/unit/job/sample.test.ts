import { describe, expect, it } from 'vitest';
import { makeBatch, rawColumns, rowBytes } from '../../../src/batch/columns.js';
import { createSampler, type SampledRow, takeSample } from '../../../src/job/sample.js';
import { schemaOf, specOf, textColumn } from '../batch/support.js';
import { KEY, TEXT_KEY, VECTOR, vectorsFor, WITH_IDS, WITHOUT_IDS } from './support.js';

/** A small generator of numbers in [0, 1) with a seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const only = schemaOf(KEY);

function keysOf(rows: readonly SampledRow[]): number[] {
  return rows.map((row) => Number(row.key));
}

/** Offers `rows` ids in batches of this size. */
function sampled(rows: number, size: number, step: number, random: () => number): number[] {
  const sampler = createSampler(size, random);
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i));
  for (let at = 0; at < rows; at += step) {
    const part = ids.slice(at, at + step);
    for (const { index, row } of sampler.offer(makeBatch(only, part.length, [part]))) expect(row.key).toBe(part[index]);
  }
  return keysOf(sampler.rows);
}

describe('the sample', () => {
  it.each([1, 7, 10, 100])('takes every row with the same chance (batches of %d rows)', (step) => {
    const [rows, size, trials] = [100, 10, 1500];
    const random = seeded(step);
    const times = new Array<number>(rows).fill(0);
    for (let trial = 0; trial < trials; trial++) {
      const keys = sampled(rows, size, step, random);
      expect(new Set(keys).size).toBe(size);
      for (const key of keys) times[key]!++;
    }
    const expected = (trials * size) / rows;
    const deviation = Math.sqrt(expected * (1 - size / rows));
    for (const [row, count] of times.entries()) {
      expect(Math.abs(count - expected), `row ${row} was taken ${count} times`).toBeLessThan(5 * deviation);
    }
  });

  it('takes pairs of rows with the same chance', () => {
    const random = seeded(99);
    const times = new Map<string, number>();
    for (let trial = 0; trial < 6000; trial++) {
      const pair = sampled(6, 2, 4, random).sort().join();
      times.set(pair, (times.get(pair) ?? 0) + 1);
    }
    expect(times.size).toBe(15);
    for (const [pair, count] of times) expect(Math.abs(count - 400), pair).toBeLessThan(5 * Math.sqrt(400));
  });

  it.each([0, 1, 9, 10])('of %d rows, asked for 10, is all of them', (rows) => {
    expect(sampled(rows, 10, 4, seeded(1)).sort((a, b) => a - b)).toStrictEqual(
      Array.from({ length: rows }, (_, i) => i),
    );
  });

  it.each([0, 1 - 2 ** -53])('ends also when the generator only gives %d', (number) => {
    expect(sampled(1000, 3, 100, () => number)).toHaveLength(3);
  });

  it('passes over empty batches', () => {
    const sampler = createSampler(2, seeded(1));
    const empty = makeBatch(only, 0, [new BigInt64Array(0)]);
    expect(sampler.offer(empty)).toStrictEqual([]);
    sampler.offer(makeBatch(only, 1, [BigInt64Array.of(5n)]));
    expect(sampler.offer(empty)).toStrictEqual([]);
    expect(keysOf(sampler.rows)).toStrictEqual([5]);
  });

  it('differs from one run to the next', () => {
    const runs = new Set(Array.from({ length: 5 }, () => sampled(1000, 5, 100, Math.random).join()));
    expect(runs.size).toBeGreaterThan(1);
  });
});

describe('a sampled row', () => {
  it('has its key apart from its values', () => {
    const batch = makeBatch(schemaOf(VECTOR, KEY, specOf('INT8', 'n')), 2, [
      vectorsFor(2),
      BigInt64Array.of(1n, 2n ** 63n - 1n),
      Int8Array.of(3, -4),
    ]);
    const row = takeSample(batch, 1);
    expect(row.key).toBe(2n ** 63n - 1n);
    expect([...row.values.keys()]).toStrictEqual(['embedding', 'n']);
    expect(row.values.get('n')).toBe(-4);
    expect(row.values.get('embedding')).toStrictEqual(new Uint8Array(vectorsFor(2).slice(4).buffer));
  });

  it('has a text key as text, and none where the target makes it', () => {
    const text = makeBatch(schemaOf(TEXT_KEY), 2, [textColumn(['a', 'schlüssel'])]);
    expect(takeSample(text, 1).key).toBe('schlüssel');
    expect(takeSample(makeBatch(WITHOUT_IDS, 1, [vectorsFor(1)]), 0).key).toBeUndefined();
  });

  it('does not change with the memory of its batch', () => {
    const batch = makeBatch(WITH_IDS, 1, [BigInt64Array.of(7n), vectorsFor(1)]);
    const sampler = createSampler(1);
    sampler.offer(batch);
    for (const column of rawColumns(batch)) rowBytes(column, 0).fill(0);
    expect(sampler.rows[0]).toStrictEqual({
      key: 7n,
      values: new Map([['embedding', new Uint8Array(vectorsFor(1).buffer)]]),
    });
  });
});
