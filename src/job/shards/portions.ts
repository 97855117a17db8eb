import type { Reader } from '../../adapters/types.js';
import { createBitmap } from '../../batch/bitmap.js';
import type { ObjectStore } from '../../store/types.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { Preflight } from '../preflight.js';
import type { JobRun, Portion } from '../run-state.js';
import { partedReader } from './parted-reader.js';
import { keepQuarantine } from './quarantine.js';
import type { PlannedCollection, WorkPlan } from './work-place.js';

function changed(name: string, why: string): MilvusdmError {
  return fail('SRC_CHANGED', `the collection "${name}" ${why} when the job was prepared`, {
    hint: 'Put the source back as it was, or start over with `milvusdm prepare --restart`.',
  });
}

function plannedFor({ collections }: WorkPlan, name: string): PlannedCollection {
  const found = collections.find((c) => c.name === name);
  if (!found) throw changed(name, 'was not in the source');
  return found;
}

async function keptPreflight(store: ObjectStore, planned: PlannedCollection): Promise<Preflight> {
  const { duplicates, edgeIds, dropped } = planned;
  const bits = dropped && (await store.read(dropped.key));
  return {
    edgeIds,
    ...(duplicates ? { duplicates } : {}),
    ...(dropped && bits ? { dropped: createBitmap(dropped.rows, new Uint8Array(bits)) } : {}),
  };
}

/** What all of a job's machines do alike once it is prepared: the source in the parts of the plan, its preflight not made again. */
function commonPortion(store: ObjectStore, plan: WorkPlan): Portion & Required<Pick<Portion, 'preflight' | 'ended'>> {
  return {
    divide: (name: string, reader: Reader) => partedReader(reader, plannedFor(plan, name).parts),
    preflight: (name) => keptPreflight(store, plannedFor(plan, name)),
    async ended(job: JobRun, complete: boolean) {
      await keepQuarantine(store, job);
      if (!complete) return;
      const seen = new Set(job.runs.map((run) => run.source));
      const gone = plan.collections.find((c) => !seen.has(c.name));
      if (gone) throw changed(gone.name, 'is gone, which was in the source');
    },
  };
}

/** One shard: its rows only, and no end of the whole. */
export function shardPortion(store: ObjectStore, plan: WorkPlan, shard: number): Portion {
  return {
    ...commonPortion(store, plan),
    owns: (name, split) => plannedFor(plan, name).parts[split]?.shard === shard,
    rowsOnly: true,
  };
}

/** Rows and digest that the shards have written of a unit. */
export interface Written {
  readonly hex: string;
  readonly rows: number;
}

/** The end of the whole, with what the shards have written by collection and partition ('' without one). */
export function finishPortion(
  store: ObjectStore,
  plan: WorkPlan,
  written: (into: string) => ReadonlyMap<string, Written>,
  setAside: boolean,
): Portion {
  return {
    ...commonPortion(store, plan),
    async preflight(name) {
      const planned = plannedFor(plan, name);
      const digests = [...written(planned.into)].map(([unit, known]) => [unit, { result: () => known }] as const);
      return { ...(await keptPreflight(store, planned)), digests: new Map(digests) };
    },
    setAside: () => setAside,
  };
}

/** Where the ledger of a collection's rows says that they have all arrived; the first part that lacks some otherwise. */
export function firstGap(
  planned: PlannedCollection,
  arrived: (split: number) => number,
  writes: (partition: string | null) => boolean,
): number | undefined {
  const gap = planned.parts.findIndex(
    ({ from, to, partition }, split) => writes(partition) && arrived(split) < to - from,
  );
  return gap < 0 ? undefined : gap;
}
