import { formatBytes } from '../util/bytes.js';
import { createPatience } from './patience.js';
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

/** Acknowledgements of which the median is told. */
const RECENT = 64;

/** The settings from the bounds down: half the requests in flight until there is one, then half the bytes. */
function settingsBelow({ inFlight, bytes }: Setting): readonly Setting[] {
  const settings: Setting[] = [{ inFlight, bytes }];
  for (let n = inFlight >> 1; n >= 1; n >>= 1) settings.push({ inFlight: n, bytes });
  for (let b = bytes / 2; b >= LEAST_BYTES; b /= 2) settings.push({ inFlight: 1, bytes: Math.floor(b) });
  return settings;
}

/**
 * A tuner that begins at its bounds and goes down only on evidence, in steps of a half: requests that take many seconds are made fewer,
 * then smaller, as long as that does not cost what it would where latency has nothing to do with the load; they are raised again
 * when they take a quarter of that. One that has met its deadline is followed by the smallest ones at once.
 */
export function createTuner({ most, log }: TunerOptions): Tuner {
  const settings = settingsBelow(most);
  /** Steps down from the bounds. */
  let steps = 0;
  /** What was measured before the next step, while that is tried. */
  let tried: Measured | undefined;
  /** Requests that began before this were sent under another setting. */
  let since = Number.NEGATIVE_INFINITY;
  const recent: number[] = [];
  const tryRelief = createPatience(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  const tryRaise = createPatience(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  let raisedAt = Number.NEGATIVE_INFINITY;
  let at = 0;
  let window: Window = createWindow(since, most.inFlight, LONG_MS);

  const setting = (): Setting => settings[at]!;
  const told = ({ inFlight, bytes }: Setting): string =>
    `${inFlight} ${inFlight === 1 ? 'request' : 'requests'} of up to ${formatBytes(bytes)} in flight`;

  /** Begins a window, of requests from now on where the setting is another one. */
  function measure(now: number): void {
    const wanted = steps + (tried ? 1 : 0);
    if (at !== wanted) since = now;
    at = wanted;
    window = createWindow(since, setting().inFlight, LONG_MS);
  }

  function lower(now: number, by: number): void {
    // What was raised did not stay so: the next time later.
    if (now - raisedAt < LONGEST_WAIT_MS) tryRaise.longer(now);
    else tryRaise.anew(now);
    steps = Math.min(steps + by, settings.length - 1);
  }

  function endTrial(now: number, before: Measured, { rate, ackMs }: Measured): void {
    tried = undefined;
    if (rate < before.rate * RELIEVED) {
      tryRelief.longer(now);
      return;
    }
    tryRelief.anew(now);
    lower(now, 1);
    const seconds = (ms: number): string => (ms / 1000).toFixed(1);
    log(
      `the server took ${seconds(before.ackMs)} s to acknowledge a request, with ${told(settings[steps]!)} ${seconds(ackMs)} s: so from now on`,
    );
  }

  function decide(now: number, measured: Measured): void {
    const { ackMs } = measured;
    if (tried) endTrial(now, tried, measured);
    else if (ackMs > LONG_MS && steps < settings.length - 1) {
      if (tryRelief.due(now)) tried = measured;
    } else if (steps > 0 && ackMs < SHORT_MS && tryRaise.due(now)) {
      steps--;
      raisedAt = now;
      tryRaise.begin(now);
      log(`requests are acknowledged after ${Math.round(ackMs)} ms: up to ${told(settings[steps]!)} again`);
    }
  }

  return {
    get setting() {
      return setting();
    },
    acknowledged(request) {
      const { now } = request;
      if (recent.push(now - request.began) > RECENT) recent.shift();
      const measured = window.add(request);
      if (!measured) return;
      decide(now, measured);
      measure(now);
    },
    late({ began, now }) {
      if (began < since || at === settings.length - 1) return;
      tried = undefined;
      // All the way: the time for retries may not last for a second deadline.
      lower(now, settings.length);
      measure(now);
      log(`a request got no answer within its deadline: ${told(setting())} from now on`);
    },
    disturbed(now) {
      tried = undefined;
      since = now;
      measure(now);
    },
    get tuned() {
      // Not what is only being tried.
      return recent.length === 0 ? undefined : { ...settings[steps]!, ackMs: median(recent) };
    },
  };
}
