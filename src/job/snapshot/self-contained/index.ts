import type { KeeperOptions, SnapshotKeeper } from '../types.js';
import { createSnapshot } from './create.js';
import { dropSnapshot } from './drop.js';
import { mayLink, openKeeping, type SelfContainedPlace } from './keeping.js';
import { detailsOf, everyKept, findKept, infoOf } from './look.js';
import { restoreSnapshot } from './restore.js';
import { everyRecord, findRecord } from './restore-records.js';

export type { SelfContainedPlace };

function notesOf({ storage }: SelfContainedPlace): string[] {
  const linked = mayLink(storage)
    ? ' Where the file system has hard links, they stand for copies, and take no space until the server compacts.'
    : '';
  return [
    `This server has no snapshots of its own: milvusdm copies the files of all live segments beside the server's data, which takes time and space with the amount of data (O(data)), not milliseconds.${linked}`,
    'Restoring imports the files again and rebuilds the indexes.',
  ];
}

/**
 * Opens what keeps self-contained snapshots: milvusdm itself, in the storage of a server before 3.0. Files alone say which
 * snapshots there are; the server is asked from the first creation or restore on. Throws STORE_*; the calls besides NET_*,
 * DST_*, SRC_* and SNAPSHOT_*.
 */
export async function openSelfContained(place: SelfContainedPlace, o: KeeperOptions): Promise<SnapshotKeeper> {
  const keeping = await openKeeping(place, o);
  const { at } = place.endpoint;
  const address = at.kind === 'server' ? at.address : at.folder;
  return {
    kind: 'self-contained',
    notes: notesOf(place),
    create: (request) => createSnapshot(keeping, request),
    list: async (of) => (await everyKept(keeping, of)).map((one) => infoOf(keeping, one)),
    describe: async (ref) => await detailsOf(keeping, await findKept(keeping, ref)),
    drop: (ref) => dropSnapshot(keeping, ref),
    async freedBy(ref) {
      const { side } = await findKept(keeping, ref);
      // Of a file with two names only the last one to go frees the space.
      return side?.linked === false ? side.bytes : undefined;
    },
    restore: (request) => restoreSnapshot(keeping, address, request),
    restoreJob: (id) => findRecord(address, id),
    restoreJobs: (of) => everyRecord(address, of),
    [Symbol.asyncDispose]: () => keeping[Symbol.asyncDispose](),
  };
}
