import { throwIfAborted } from '../../util/abort.js';
import { MilvusdmError } from '../../util/errors.js';
import { reasonToStay } from '../retention.js';
import { type ActionContext, type ActionResult, scopeOf } from './context.js';
import { shownCollection } from './names.js';
import { entryOf, type KeptSnapshot, type PrunedSnapshot } from './report.js';
import type { SnapshotInfo } from './types.js';

const UNKNOWN_PINS =
  'which snapshots are pinned is told by the server only when it refuses to drop them: those stay, with --yes too';
const UNKNOWN_SIZES =
  'what dropping a native snapshot frees is not known beforehand: files that the live collection or other snapshots still use stay';

/** Those of each collection, the newest first. */
function byCollection(all: readonly SnapshotInfo[]): SnapshotInfo[][] {
  const groups = new Map<string, SnapshotInfo[]>();
  for (const info of [...all].sort((a, b) => b.created - a.created)) {
    const key = JSON.stringify([info.db, info.collection]);
    groups.set(key, [...(groups.get(key) ?? []), info]);
  }
  return [...groups.values()];
}

/** Why a snapshot stays; undefined when it is to go. */
function reasonToKeep(info: SnapshotInfo, rank: number, { config, now }: ActionContext): string | undefined {
  if ((info.pins ?? 0) > 0) return 'it is pinned';
  const { keepLast, olderThanMs } = config;
  const retention = {
    ...(keepLast === undefined ? {} : { keepLast }),
    ...(olderThanMs === undefined ? {} : { olderThanMs }),
  };
  return reasonToStay({ rank, ageMs: now - info.created }, retention);
}

const kept = ({ db, collection, name }: SnapshotInfo, why: string): KeptSnapshot => ({ db, collection, name, why });

/** Drops the snapshots that are neither among the last of their collection nor young enough, the oldest first. */
export async function pruneSnapshots(context: ActionContext): Promise<ActionResult> {
  const { config, open, signal, warn } = context;
  const { keeper } = open;
  const pruned: PrunedSnapshot[] = [];
  const stay: KeptSnapshot[] = [];
  let partial = false;
  for (const group of byCollection(await keeper.list(scopeOf(config)))) {
    for (const [rank, info] of [...group.entries()].reverse()) {
      throwIfAborted(signal);
      const why = reasonToKeep(info, rank, context);
      if (why !== undefined) {
        stay.push(kept(info, why));
        continue;
      }
      const frees = (await keeper.freedBy(info)) ?? null;
      try {
        if (config.apply) await keeper.drop(info);
        pruned.push({ ...entryOf(info), dropped: config.apply, frees });
      } catch (thrown) {
        if (!(thrown instanceof MilvusdmError) || thrown.code === 'INTERRUPTED') throw thrown;
        if (thrown.code === 'SNAPSHOT_PINNED') stay.push(kept(info, 'it is pinned, or being restored'));
        else {
          partial = true;
          stay.push(kept(info, thrown.message));
          warn(`"${info.name}" of ${shownCollection(info)} could not be dropped: ${thrown.message}`);
        }
      }
    }
  }
  const notes = keeper.kind === 'native' ? [...(config.apply ? [] : [UNKNOWN_PINS]), UNKNOWN_SIZES] : [];
  return { pruned, kept: stay, notes, partial };
}
