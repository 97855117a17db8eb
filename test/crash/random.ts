/** Seed of the run's random choices: `SEED=...`, else a new one. A test that fails names it. */
export const SEED: number = Number(process.env.SEED) || Math.floor(Math.random() * 2 ** 31);

/** Kills per task type: `KILLS=...`; few for `npm test`, `npm run test:soak` asks for more. */
export const KILLS: number = Number(process.env.KILLS) || 10;

export interface Random {
  /** An integer in [from, to]. */
  between(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
}

/** A generator of its own for every name, so that one test does not change the choices of another (mulberry32). */
export function randomFor(name: string): Random {
  let state = SEED;
  for (const char of name) state = Math.imul(state ^ char.charCodeAt(0), 0x9e3779b1) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return { between, pick: (items) => items[between(0, items.length - 1)]! };
}
