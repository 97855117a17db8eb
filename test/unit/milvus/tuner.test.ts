import { describe, expect, it } from 'vitest';
import { createTuner, LEAST_BYTES, type Setting, type Tuner } from '../../../src/milvus/tuner.js';
import { type Outcome, type ServerModel, type Simulation, simulate } from './simulated-server.js';

const MIB = 2 ** 20;
/** Bytes a millisecond. */
const MB = 1000;
const MOST: Setting = { inFlight: 4, bytes: 4 * MIB };
const SEEDS = [1, 2, 3, 4];
const NOISE = 0.15;
const HOUR = 3_600_000;

/** It makes no difference to its rate how many it has, but for the time in which it has none. */
const serial: ServerModel = { rate: () => 60 * MB, delayMs: 1 };
/** What an ordinary server was measured with: 38 MB/s with one request in flight, 57 with two, 69 with four. */
const ordinary: ServerModel = { rate: (n) => [0, 38, 57, 63, 69][Math.min(n, 4)]! * MB, delayMs: 5 };
/** Far away, behind a link of any width: every request takes the same time. */
const far: ServerModel = { rate: (n) => n * 1000 * MB, delayMs: 200 };
const link = (mbPerSecond: number): ServerModel => ({ rate: () => mbPerSecond * MB, delayMs: 50 });

interface Tried extends Outcome {
  readonly tuner: Tuner;
  readonly log: readonly string[];
}

function tried(model: ServerModel, more: Partial<Simulation> = {}, most = MOST): Tried {
  const log: string[] = [];
  const tuner = more.tuner ?? createTuner({ most, log: (message) => log.push(message) });
  return { ...simulate({ ms: HOUR / 6, deadlineMs: 60_000, ...more, tuner, model }), tuner, log };
}

/** Bytes that are acknowledged with the bounds as they are, beside those of a tuner. */
function shareOf(model: ServerModel, seed: number, noise: number): number {
  const fixed: Tuner = { setting: MOST, acknowledged() {}, late() {}, disturbed() {}, tuned: undefined };
  return tried(model, { seed, noise }).bytes / tried(model, { seed, noise, tuner: fixed }).bytes;
}

describe('a tuner', () => {
  it('begins at its bounds, and says nothing before anything was acknowledged', () => {
    const tuner = createTuner({ most: MOST, log: expect.unreachable });
    expect([tuner.setting, tuner.tuned]).toStrictEqual([MOST, undefined]);
  });

  it('leaves a run of half a minute alone', () => {
    for (const model of [serial, ordinary, far]) {
      expect(tried(model, { ms: 29_000, noise: NOISE }).settings).toHaveLength(1);
    }
  });

  it('tells how long the last requests took', () => {
    expect(tried(far, { ms: 10_000 }).tuner.tuned).toMatchObject({ ...MOST, ackMs: expect.closeTo(204, 0) });
  });

  it.each(SEEDS)('keeps all of the bound for a far server (seed %d)', (seed) => {
    const { tuner, log } = tried(far, { seed, noise: NOISE });
    expect([tuner.setting, log]).toStrictEqual([MOST, []]);
    expect(shareOf(far, seed, NOISE)).toBeGreaterThan(0.98);
  });

  it.each(SEEDS)('costs an ordinary server nothing (seed %d)', (seed) => {
    const { tuner, log } = tried(ordinary, { seed, noise: NOISE });
    expect([tuner.setting, log]).toStrictEqual([MOST, []]);
    expect(shareOf(ordinary, seed, NOISE)).toBeGreaterThan(0.98);
  });

  it.each([serial, ordinary, far])(
    'leaves the bounds alone as long as acknowledgements take less than seconds: %#',
    (model) => {
      const { tuner, log, settings } = tried(model, { noise: NOISE, ms: HOUR });
      expect([tuner.setting, log, settings.length]).toStrictEqual([MOST, [], 1]);
    },
  );
});

describe('a tuner of a server that takes many seconds', () => {
  it.each(SEEDS)('has fewer and then smaller requests until they take few, at no cost (seed %d)', (seed) => {
    const slow = link(0.5);
    const { tuner, settings } = tried(slow, { seed, noise: NOISE });
    expect(tuner.setting.inFlight).toBe(1);
    expect([1 * MIB, 2 * MIB]).toContain(tuner.setting.bytes);
    expect(tuner.tuned!.ackMs).toBeLessThan(5000);
    expect(shareOf(slow, seed, NOISE)).toBeGreaterThan(0.93);
    // Down, and not to and fro: one step at the limit is all that noise may do.
    const last = settings.filter((s) => s.since > HOUR / 12).map((s) => s.bytes);
    expect(Math.max(...last, 0) / Math.min(...last, Number.MAX_VALUE)).toBeLessThanOrEqual(2);
  });

  it('keeps the bounds where fewer would take as long', () => {
    const { tuner, log } = tried({ ...far, delayMs: 12_000 }, { noise: NOISE });
    expect([tuner.setting.bytes, log]).toStrictEqual([MOST.bytes, []]);
    expect(shareOf({ ...far, delayMs: 12_000 }, 1, NOISE)).toBeGreaterThan(0.85);
  });

  it('comes through a link on which the bounds miss every deadline', () => {
    const { tuner, log, bytes } = tried(link(0.05), { noise: NOISE });
    expect(log[0]).toBe(
      'a request got no answer within its deadline: 1 request of up to 256.0 KiB in flight from now on',
    );
    expect(tuner.setting).toStrictEqual({ inFlight: 1, bytes: LEAST_BYTES });
    expect(bytes).toBeGreaterThan(0.05 * MB * 400_000);
  });

  it.each(SEEDS)('is down while a server is overloaded, and back when that is over (seed %d)', (seed) => {
    const minutes = (from: number, to: number, now: number): boolean => now >= from * 60_000 && now < to * 60_000;
    const overloaded: ServerModel = {
      rate: (n, now) => (minutes(2, 12, now) ? 300 : ordinary.rate(n, now)),
      delayMs: 5,
    };
    const { tuner, settings, log, longestMs } = tried(overloaded, { seed, noise: NOISE, ms: HOUR / 2 });
    const during = settings.filter((s) => minutes(9, 12, s.since)).map((s) => s.bytes);
    expect(Math.max(...during, settings.findLast((s) => s.since < 540_000)!.bytes)).toBeLessThanOrEqual(2 * MIB);
    expect(tuner.setting).toStrictEqual(MOST);
    expect(longestMs).toBeLessThanOrEqual(60_000);
    expect(log.length).toBeLessThan(20);
  });

  it('does not go up again and again where that is what overloads the server', () => {
    // Two requests are too many, one is taken at once.
    const thrashing: ServerModel = { rate: (n) => (n > 1 ? 0.3 * MB : 20 * MB), delayMs: 5 };
    const { settings, log } = tried(thrashing, { ms: HOUR, noise: NOISE });
    expect(settings.filter((s) => s.since > HOUR / 2).length).toBeLessThanOrEqual(10);
    expect(log.length).toBeLessThan(30);
  });
});

describe('what a tuner stays within', () => {
  const bounds: Setting[] = [
    { inFlight: 1, bytes: 4 * MIB },
    { inFlight: 16, bytes: 32 * MIB },
    { inFlight: 3, bytes: 1_000_001 },
    { inFlight: 2, bytes: 65_536 },
  ];
  it.each(bounds)('are its bounds, and the smallest request: %o', (most) => {
    const models = [serial, far, link(0.02), link(0.3), { ...far, delayMs: 61_000 }];
    for (const model of models) {
      const { settings } = tried(model, { noise: NOISE }, most);
      for (const { inFlight, bytes } of settings) {
        expect(Number.isInteger(inFlight) && inFlight >= 1 && inFlight <= most.inFlight).toBe(true);
        expect(Number.isInteger(bytes) && bytes <= most.bytes).toBe(true);
        expect(bytes).toBeGreaterThanOrEqual(Math.min(LEAST_BYTES, most.bytes));
      }
    }
  });

  it('is the same for the same acknowledgements', () => {
    const [a, b] = [1, 1].map((seed) => tried(link(0.5), { seed, noise: NOISE }));
    expect(a!.settings).toStrictEqual(b!.settings);
    expect(a!.log).toStrictEqual(b!.log);
  });
});

describe('a tuner that is disturbed', () => {
  it('gives a trial up, and learns nothing from requests that began before', () => {
    const tuner = createTuner({ most: MOST, log: expect.unreachable });
    // Four of 4 MiB take 34 s: fewer are tried behind the first round; a limit of the rate ends that.
    simulate({ tuner, model: link(0.5), ms: 36_000 });
    expect(tuner.setting.inFlight).toBe(2);
    tuner.disturbed(36_000);
    expect(tuner.setting).toStrictEqual(MOST);
    simulate({ tuner, model: ordinary, ms: 25_000, from: 36_000 });
    expect(tuner.setting).toStrictEqual(MOST);
  });

  it('takes requests that were sent together and are late together for one', () => {
    const log: string[] = [];
    const tuner = createTuner({ most: { inFlight: 8, bytes: 4 * MIB }, log: (message) => log.push(message) });
    for (const now of [60_000, 60_001, 60_002]) tuner.late({ began: now - 60_000, now });
    expect([tuner.setting, log.length]).toStrictEqual([{ inFlight: 1, bytes: LEAST_BYTES }, 1]);
    for (let began = 60_010; began < 1e6; began += 60_000) tuner.late({ began, now: began + 60_000 });
    expect([tuner.setting, log.length]).toStrictEqual([{ inFlight: 1, bytes: LEAST_BYTES }, 1]);
  });
});
