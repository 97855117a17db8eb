import { expect, it } from 'vitest';
import { fuzzer, seeds } from '../../../support/faiss-fuzz.js';

const CASES = 600;
// Numbers of cases that once found a fault, kept for good.
const KEPT: readonly number[] = [];

it('mutated files are read whole or refused, never anything else', async () => {
  const files = seeds();
  using place = fuzzer();
  const counts = { read: 0, refused: 0 };
  const numbers = [...KEPT, ...Array.from({ length: CASES }, (_, i) => 1_000_000 + i)];
  for (const number of numbers) {
    const { outcome, seconds } = await place.run(number, files);
    counts[outcome]++;
    expect(seconds, `case ${number}`).toBeLessThan(5);
  }
  // Mutations that are never noticed, or always, would prove nothing.
  expect(counts.refused).toBeGreaterThan(CASES / 4);
  expect(counts.read).toBeGreaterThan(CASES / 10);
});
