import type { ObjectStore } from '../../../store/types.js';
import { fail, MilvusdmError } from '../../../util/errors.js';
import { lockServer } from '../../backup/server-lock.js';
import type { SnapshotRef } from '../types.js';
import type { Keeping } from './keeping.js';
import { bundleLocks } from './layout.js';
import { findKept } from './look.js';

/** Removes a bundle; its metadata file first, so that what is left of it is no snapshot, whatever happens. */
export async function dropBundle(store: ObjectStore, bundle: string, metadata: string | undefined): Promise<void> {
  if (metadata !== undefined) await store.remove([metadata]);
  const keys: string[] = [];
  for await (const { key } of store.list(bundle)) keys.push(key);
  if (keys.length > 0) await store.remove(keys);
}

/** Throws SNAPSHOT_NOT_FOUND, SNAPSHOT_PINNED while somebody restores it, STORE_*. */
export async function dropSnapshot(keeping: Keeping, ref: SnapshotRef): Promise<void> {
  const { store, o } = keeping;
  const { bundle, file } = await findKept(keeping, ref);
  const lock = lockServer(store, {
    kind: 'manual',
    backup: ref.name,
    folder: bundleLocks(bundle),
    what: `removal of snapshot "${ref.name}"`,
    log: o.log,
    onLost: ({ message }) => o.warn(message),
  });
  await using _ = await lock.catch((thrown: unknown) => {
    if (!(thrown instanceof MilvusdmError) || thrown.code !== 'JOB_RUNNING') throw thrown;
    throw fail('SNAPSHOT_PINNED', `snapshot "${ref.name}" is in use: ${thrown.message}`, { cause: thrown });
  });
  await dropBundle(store, bundle, file.key);
}
