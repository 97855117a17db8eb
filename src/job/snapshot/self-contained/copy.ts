import type { SegmentBackupInfo } from '../../../backup/types.js';
import type { DescribedCollection } from '../../../segments/describe.js';
import { anySignal } from '../../../util/abort.js';
import { MilvusdmError } from '../../../util/errors.js';
import { createPool } from '../../../util/pool.js';
import { type CollectionCopy, type CopiedCollection, copyCollection } from '../../backup/copy-collection.js';
import { type Keeping, mayLink } from './keeping.js';
import { fileKey } from './layout.js';

/** Files that are copied at a time. */
const COPIES = 32;

/** What is to be copied, and where to. */
export interface BundleCopy {
  readonly keeping: Keeping;
  readonly collection: DescribedCollection;
  readonly bundle: string;
  readonly flush: boolean;
  /** Second names in place of copies. */
  readonly linked: boolean;
  readonly signal: AbortSignal;
}

/** Whether the store's file system has second names for files; found out by making one. */
export async function canLink({ store, storage }: Keeping, bundle: string, signal: AbortSignal): Promise<boolean> {
  if (!mayLink(storage)) return false;
  const [one, two] = [`${bundle}link-1`, `${bundle}link-2`] as const;
  await store.write(one, Buffer.from('1'), { signal });
  try {
    await store.copy(store, { key: one, size: 1 }, two, { link: true, signal });
    return true;
  } catch (thrown) {
    if (thrown instanceof MilvusdmError && thrown.code === 'CFG_CONFLICT') return false;
    throw thrown;
  } finally {
    await store.remove([one, two]);
  }
}

/** The files of a segment of the server in a bundle, which keeps their names. */
function filesOf(bundle: string, { binlogs, deltalogs }: SegmentBackupInfo) {
  return [...binlogs, ...deltalogs].flatMap((group) =>
    group.binlogs.map(({ log_path, log_size: size, log_id: log }) => ({ key: fileKey(bundle, log_path), size, log })),
  );
}

/** Copies what the server has of a collection into a bundle. Throws what {@link copyCollection} throws. */
export async function copyToBundle(
  one: BundleCopy,
): Promise<{ readonly copied: CopiedCollection; readonly copy: CollectionCopy }> {
  const { keeping, flush, bundle, linked, collection } = one;
  const { store, o } = keeping;
  const failed = new AbortController();
  let first: { readonly error: unknown } | undefined;
  const signal = anySignal(one.signal, failed.signal);
  let [done, total] = [0, 0];
  const copy: CollectionCopy = {
    server: await keeping.server(),
    place: {
      source: store,
      dest: store,
      base: () => undefined,
      config: { link: linked, checksum: 'none' },
      pool: createPool(COPIES),
      signal,
      onFile({ size }) {
        done += size;
        o.onProgress?.(done, Math.max(done, total));
      },
    },
    placed: new Map(),
    wanted: new Map(),
    progress: {
      expect() {
        total = [...copy.wanted.values()].reduce((sum, { size }) => sum + size, 0);
      },
    },
    flush,
    signal,
    log: o.log,
    giveUp(error) {
      first ??= { error };
      failed.abort();
    },
    filesOf: (segment) => filesOf(bundle, segment),
  };
  try {
    return { copied: await copyCollection(copy, collection), copy };
  } catch (thrown) {
    throw (first ?? { error: thrown }).error;
  }
}
