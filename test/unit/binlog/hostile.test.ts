import { describe, expect, it } from 'vitest';
import { damage, logSeeds, numbers, outcomeOf } from '../../support/binlog-fuzz.js';

const SEEDS = logSeeds();
const ROUNDS = Number(process.env.MILVUSDM_FUZZ_ROUNDS ?? 25);

describe('damaged log files', () => {
  it.each(SEEDS.map((seed) => [seed.name, seed] as const))('%s ends in an error or in rows', async (name, seed) => {
    const next = numbers([...name].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7));
    for (let round = 0; round < ROUNDS; round++) await outcomeOf(seed, damage(seed.bytes, next));
  });

  it.each(SEEDS.map((seed) => [seed.name, seed] as const))(
    '%s cut anywhere is told as cut or damaged',
    async (_, seed) => {
      const { bytes } = seed;
      const all = await seed.read(bytes);
      for (let part = 1; part < 16; part++) {
        const cut = bytes.slice(0, Math.floor((bytes.length * part) / 16));
        const found = await outcomeOf(seed, cut);
        // Files of several events may be cut where one of them ends.
        if (found === 'ok') expect(await seed.read(cut)).toBeLessThan(all);
        else expect(['SRC_TRUNCATED', 'SRC_CORRUPT']).toContain(found);
      }
    },
  );
});
