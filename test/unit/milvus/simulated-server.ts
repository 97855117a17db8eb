import type { Setting, Tuner } from '../../../src/milvus/tuner.js';

/** A made-up server: what it takes with so many requests at a time, and what each of them waits besides. */
export interface ServerModel {
  /** Bytes a millisecond, of all requests that it works on together. */
  rate(requests: number, now: number): number;
  /** Milliseconds of each request in which it is not worked on: the way there and back. */
  readonly delayMs?: number;
}

export interface Simulation {
  readonly tuner: Tuner;
  readonly model: ServerModel;
  /** Both the pace of the server, for a second at a time, and the work of each request differ by up to this share. */
  readonly noise?: number;
  readonly seed?: number;
  readonly ms: number;
  readonly from?: number;
  /** A request is given up after so long. */
  readonly deadlineMs?: number;
}

export interface Outcome {
  /** Every setting that was used for longer than a moment, in its order, with the time since when. */
  readonly settings: readonly (Setting & { readonly since: number })[];
  /** Bytes acknowledged. */
  readonly bytes: number;
  /** Requests that took longest, in milliseconds. */
  readonly longestMs: number;
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Request {
  readonly began: number;
  readonly bytes: number;
  /** When it has reached the server, and when its answer arrives. */
  readonly arrives: number;
  left: number;
  ends: number;
}

const NOISE_MS = 1000;

/** Sends without a pause, as many requests as the tuner has in flight, and tells it of every one. */
export function simulate({ tuner, model, noise = 0, seed = 1, ms, from = 0, deadlineMs }: Simulation): Outcome {
  const random = seeded(seed);
  const wobble = (): number => 1 + noise * (2 * random() - 1);
  const way = (model.delayMs ?? 0) / 2;
  const settings: (Setting & { since: number })[] = [{ ...tuner.setting, since: from }];
  let requests: Request[] = [];
  let [now, bytes, longestMs] = [from, 0, 0];
  let [pace, paceUntil] = [wobble(), from + NOISE_MS];
  while (now < from + ms) {
    const { inFlight, bytes: size } = tuner.setting;
    const last = settings.at(-1)!;
    if (last.inFlight !== inFlight || last.bytes !== size) settings.push({ inFlight, bytes: size, since: now });
    while (requests.length < inFlight) {
      const left = size * wobble();
      requests.push({ began: now, bytes: size, arrives: now + way, left, ends: Number.POSITIVE_INFINITY });
    }
    const active = requests.filter((r) => r.arrives <= now && r.left > 0);
    const share = (model.rate(active.length, now) * pace) / Math.max(1, active.length);
    const next = Math.min(
      paceUntil,
      ...requests.flatMap((r) => [r.ends, ...(r.arrives > now ? [r.arrives] : [])]),
      ...requests.map((r) => r.began + (deadlineMs ?? Number.POSITIVE_INFINITY)),
      ...active.map((r) => now + r.left / share),
    );
    for (const r of active) {
      r.left -= share * (next - now);
      if (r.left < share * 1e-6) [r.left, r.ends] = [0, next + way];
    }
    now = next;
    if (now >= paceUntil) [pace, paceUntil] = [wobble(), now + NOISE_MS];
    for (const r of requests) {
      const late = deadlineMs !== undefined && now >= r.began + deadlineMs;
      if (r.ends <= now) {
        bytes += r.bytes;
        longestMs = Math.max(longestMs, now - r.began);
        tuner.acknowledged({ began: r.began, now, bytes: r.bytes });
      } else if (late) tuner.late({ began: r.began, now });
      else continue;
      r.ends = Number.NEGATIVE_INFINITY;
    }
    requests = requests.filter((r) => r.ends !== Number.NEGATIVE_INFINITY);
  }
  return { settings, bytes, longestMs };
}
