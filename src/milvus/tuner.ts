import { formatBytes } from '../util/bytes.js';
import { createPatience } from './patience.js';
import { createTrial, type Trial } from './tuning-trial.js';
import { type Acknowledged, createWindow, type Measured, median, type Window } from './tuning-window.js';

/** How requests are sent. */
export interface Setting {
  /** Requests in flight, at most. */
  readonly inFlight: number;
  /** Bytes of a request, at most. */
  readonly bytes: number;
}

/** Where tuning has come to. */
export interface Tuned extends Setting {
  /** Median time to the acknowledgement, of the last requests, in milliseconds. */
  readonly ackMs: number;
}

/**
 * Finds out how many requests of which size are worth having in flight. It has neither clock nor timer: what it is told of
 * decides alone. All times are milliseconds of one clock that only goes forward.
 */
export interface Tuner {
  /** As it is to be from now on; changes within the calls below. */
  readonly setting: Setting;
  acknowledged(request: Acknowledged): void;
  /** A request has met its deadline. */
  late(request: Omit<Acknowledged, 'bytes'>): void;
  /** What is being measured says nothing of the server's pace: it limits the rate, or could not be reached. */
  disturbed(now: number): void;
  /** undefined before the first acknowledgement. */
  readonly tuned: Tuned | undefined;
}

export interface TunerOptions {
  /** The bounds, where it begins. */
  readonly most: Setting;
  readonly log: (message: string) => void;
}

/** The smallest request that batches are cut into. */
export const LEAST_BYTES: number = 256 * 1024;

/** Requests that take longer are too many or too large, if fewer or smaller ones bring as much; their deadline is a minute. */
const LONG_MS = 5000;
/** They are raised again where they take less than this, so that twice as much in flight stays well below. */
const SHORT_MS = LONG_MS / 4;
/** Share of the rate that is to be left: what halves the load and leaves the latency as it is, halves the rate. */
const RELIEVED = Math.SQRT1_2;
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 600_000;

/** How long a setting is left alone before the one below it is tried, and the one above. */
const TRY_LOWER_MS = 30_000;
const TRY_LOWER_LATEST_MS = 1_800_000;
const TRY_UPPER_MS = 30_000;
const TRY_UPPER_LATEST_MS = 240_000;
/** Acknowledgements of which the median is told. */
const RECENT = 64;

/** The settings from the bounds down: half the requests in flight until there is one, then half the bytes. */
function settingsBelow({ inFlight, bytes }: Setting): { settings: readonly Setting[]; fewest: number } {
  const settings: Setting[] = [{ inFlight, bytes }];
  for (let n = inFlight >> 1; n >= 1; n >>= 1) settings.push({ inFlight: n, bytes });
  const fewest = settings.length - 1;
  for (let b = bytes / 2; b >= LEAST_BYTES; b /= 2) settings.push({ inFlight: 1, bytes: Math.floor(b) });
  return { settings, fewest };
}

/** A comparison that is under way, of the level at hand with another one. */
type Comparison =
  | { readonly kind: 'relief'; readonly before: Measured }
  | { readonly kind: 'rate'; readonly trial: Trial; readonly up: boolean };

/**
 * A tuner that begins at its bounds and goes down only on evidence, in steps of a half.
 * - Latency: requests that take many seconds are made fewer, then smaller, as long as that does not cost what it would where
 *   latency has nothing to do with the load; they are raised again when they take a quarter of that. One that has met its deadline
 *   is followed by the smallest ones at once.
 * - Rate: every now and then the setting with half as many in flight is compared with the one at hand, by turns, and is
 *   kept if it is as fast; likewise the one with twice as many.
 */
export function createTuner({ most, log }: TunerOptions): Tuner {
  const { settings, fewest } = settingsBelow(most);
  /** Steps down because fewer in flight are as fast, and further ones because requests took too long. */
  let [thrift, calm] = [0, 0];
  let comparison: Comparison | undefined;
  /** Requests that began before this were sent under another setting. */
  let since = Number.NEGATIVE_INFINITY;
  let window: Window;
  const recent: number[] = [];
  const tryLower = createPatience(TRY_LOWER_MS, TRY_LOWER_LATEST_MS);
  const tryUpper = createPatience(TRY_UPPER_MS, TRY_UPPER_LATEST_MS);
  const tryRelief = createPatience(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  const tryRaise = createPatience(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  let raisedAt = Number.NEGATIVE_INFINITY;

  /** Step of the setting at hand, while two are compared the one whose turn it is. */
  function step(): number {
    if (comparison?.kind === 'relief') return thrift + calm + 1;
    if (comparison?.kind === 'rate') return thrift + (comparison.trial.lower ? 1 : 0) - (comparison.up ? 1 : 0);
    return thrift + calm;
  }
  let at = step();
  const setting = (): Setting => settings[at]!;
  const told = ({ inFlight, bytes }: Setting): string =>
    `${inFlight} ${inFlight === 1 ? 'request' : 'requests'} of up to ${formatBytes(bytes)} in flight`;

  /** Begins a window, of requests from now on where the setting is another one. */
  function measure(now: number): void {
    if (at !== step()) since = now;
    at = step();
    window = createWindow(since, setting().inFlight, LONG_MS);
  }

  function lower(now: number, steps: number): void {
    // What was raised did not stay so: the next time later.
    if (now - raisedAt < LONGEST_WAIT_MS) tryRaise.longer(now);
    else tryRaise.anew(now);
    calm = Math.min(calm + steps, settings.length - 1 - thrift);
  }

  function endRelief(now: number, before: Measured, { rate, ackMs }: Measured): void {
    comparison = undefined;
    if (rate < before.rate * RELIEVED) {
      tryRelief.longer(now);
      return;
    }
    tryRelief.anew(now);
    lower(now, 1);
    const seconds = (ms: number): string => (ms / 1000).toFixed(1);
    log(
      `the server took ${seconds(before.ackMs)} s to acknowledge a request, with ${told(settings[thrift + calm]!)} ${seconds(ackMs)} s: so from now on`,
    );
  }

  function endRate(now: number, { trial, up }: Comparison & { kind: 'rate' }): void {
    comparison = undefined;
    if (trial.verdict !== (up ? 'costs' : 'free')) {
      (up ? tryUpper : tryLower).longer(now);
      return;
    }
    thrift += up ? -1 : 1;
    tryUpper.anew(now);
    if (up) tryLower.longer(now);
    else tryLower.anew(now);
    log(`${told(settings[thrift]!)} from now on: ${up ? 'fewer are slower' : 'more are no faster'}`);
  }

  function decide(now: number, measured: Measured): void {
    const { ackMs } = measured;
    if (comparison?.kind === 'relief') endRelief(now, comparison.before, measured);
    else if (ackMs > LONG_MS && thrift + calm < settings.length - 1) {
      comparison = undefined;
      if (at === step() && tryRelief.due(now)) comparison = { kind: 'relief', before: measured };
    } else if (comparison) {
      comparison.trial.add(measured.rate);
      if (comparison.trial.over) endRate(now, comparison);
    } else if (calm > 0) {
      if (ackMs >= SHORT_MS || !tryRaise.due(now)) return;
      calm--;
      raisedAt = now;
      tryRaise.begin(now);
      log(`requests are acknowledged after ${Math.round(ackMs)} ms: up to ${told(settings[thrift + calm]!)} again`);
    } else if (thrift < fewest && tryLower.due(now)) comparison = rateTrial(measured, false);
    else if (thrift > 0 && tryUpper.due(now)) comparison = rateTrial(measured, true);
  }

  /** The window that is just over is the first of the trial. */
  function rateTrial({ rate }: Measured, up: boolean): Comparison {
    const trial = createTrial(up);
    trial.add(rate);
    return { kind: 'rate', trial, up };
  }

  window = createWindow(since, most.inFlight, LONG_MS);
  return {
    get setting() {
      return setting();
    },
    acknowledged(request) {
      const { now } = request;
      if (recent.length === 0) {
        tryLower.anew(now);
        tryUpper.anew(now);
      }
      if (recent.push(now - request.began) > RECENT) recent.shift();
      const measured = window.add(request);
      if (!measured) return;
      decide(now, measured);
      measure(now);
    },
    late({ began, now }) {
      if (began < since || at === settings.length - 1) return;
      comparison = undefined;
      // All the way: the time for retries may not last for a second deadline.
      lower(now, settings.length);
      measure(now);
      log(`a request got no answer within its deadline: ${told(setting())} from now on`);
    },
    disturbed(now) {
      if (comparison?.kind === 'rate') (comparison.up ? tryUpper : tryLower).begin(now);
      comparison = undefined;
      since = now;
      measure(now);
    },
    get tuned() {
      // Not what is only being tried.
      return recent.length === 0 ? undefined : { ...settings[thrift + calm]!, ackMs: median(recent) };
    },
  };
}
