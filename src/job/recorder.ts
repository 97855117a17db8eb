import type { Phase } from '../adapters/types.js';
import type { FieldSpec } from '../batch/fields.js';
import type { JobEvent, JobListener } from './events.js';

/** Time spent in a phase, over all collections of the run. */
export interface PhaseTime {
  readonly phase: Phase;
  readonly seconds: number;
}

/** Rows and bytes written per step of time from the start of the run on. */
export interface Throughput {
  readonly step_seconds: number;
  readonly rows: readonly number[];
  readonly bytes: readonly number[];
}

/** A field as far as the content digest depends on it. */
export type DigestField = Pick<
  FieldSpec,
  'name' | 'type' | 'dim' | 'elementType' | 'primaryKey' | 'nullable' | 'dynamic'
>;

/** What a run did to one collection, as far as its content can be checked later. */
export interface RecordedCollection {
  readonly collection: string;
  /** Where it is: a server, or the folder of its archives. */
  readonly server: string;
  /** What the digests cover, in their order. */
  readonly fields: readonly DigestField[];
  /** Partitions (null without one) that hold nothing but the rows of this run. */
  readonly fresh: readonly (string | null)[];
}

/** What is remembered of a run while it lasts. */
export interface RunRecord {
  readonly phases: readonly PhaseTime[];
  readonly throughput: Throughput;
  readonly collections: readonly RecordedCollection[];
}

export interface Recorder {
  readonly listen: JobListener;
  /** Ends the phase that is under way. */
  record(): RunRecord;
}

const MOST_STEPS = 240;
const FIRST_STEP_MS = 250;

/** Sums per step of time; when the steps become too many each takes twice as long. */
function createSeries(now: () => number): { add(rows: number, bytes: number): void; result(): Throughput } {
  const start = now();
  let stepMs = FIRST_STEP_MS;
  let rows: number[] = [];
  let bytes: number[] = [];
  const halve = (values: readonly number[]): number[] =>
    Array.from({ length: Math.ceil(values.length / 2) }, (_, i) => values[i * 2]! + (values[i * 2 + 1] ?? 0));
  const extend = (at: number): void => {
    while (rows.length <= at) {
      rows.push(0);
      bytes.push(0);
    }
  };
  return {
    add(newRows, newBytes) {
      while ((now() - start) / stepMs >= MOST_STEPS) {
        stepMs *= 2;
        rows = halve(rows);
        bytes = halve(bytes);
      }
      const at = Math.floor((now() - start) / stepMs);
      extend(at);
      rows[at]! += newRows;
      bytes[at]! += newBytes;
    },
    result: () => ({ step_seconds: stepMs / 1000, rows, bytes }),
  };
}

/** The growth of a sum that starts again with every collection. */
function createGrowth(): { restart(from: number): void; of(value: number): number } {
  let last = 0;
  return {
    restart(from) {
      last = from;
    },
    of(value) {
      const more = Math.max(0, value - last);
      last = value;
      return more;
    },
  };
}

function digestField(field: FieldSpec): DigestField {
  const { name, type, dim, elementType, primaryKey, nullable, dynamic } = field;
  return {
    name,
    type,
    ...(dim === undefined ? {} : { dim }),
    ...(elementType === undefined ? {} : { elementType }),
    ...(primaryKey ? { primaryKey } : {}),
    ...(nullable ? { nullable } : {}),
    ...(dynamic ? { dynamic } : {}),
  };
}

/**
 * Listens to a job and remembers how long its phases took and how much it wrote when, in bounded memory.
 * @param now milliseconds of a clock that only goes forward
 */
export function createRecorder(now: () => number = () => performance.now()): Recorder {
  const phases = new Map<Phase, number>();
  const collections: RecordedCollection[] = [];
  const series = createSeries(now);
  const [rows, bytes] = [createGrowth(), createGrowth()];
  let current: { phase: Phase; since: number } | undefined;
  const endPhase = (): void => {
    if (current) phases.set(current.phase, (phases.get(current.phase) ?? 0) + now() - current.since);
    current = undefined;
  };
  return {
    listen(event: JobEvent) {
      if (event.type === 'phase') {
        endPhase();
        current = { phase: event.phase, since: now() };
        phases.set(event.phase, phases.get(event.phase) ?? 0);
        for (const sum of [rows, bytes]) sum.restart(0);
      } else if (event.type === 'progress' && event.phase === 'write') {
        series.add(rows.of(event.done), bytes.of(event.bytes));
      } else if (event.type === 'resumed') {
        rows.restart(event.rows);
        bytes.restart(event.bytes);
      } else if (event.type === 'collection') {
        const { collection, server, units } = event;
        const fresh = units.filter((u) => u.fresh && u.write).map((u) => u.partition ?? null);
        collections.push({ collection, server, fields: event.fields.map(digestField), fresh });
      }
    },
    record() {
      endPhase();
      const times = [...phases].map(([phase, ms]) => ({ phase, seconds: Math.round(ms) / 1000 }));
      return { phases: times, throughput: series.result(), collections };
    },
  };
}
