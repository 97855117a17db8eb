import type { FileCheck } from '../../backup/side-file.js';
import type { BackupConfig } from '../../config/types.js';
import { checksumOf, startSum } from '../../store/checksum.js';
import type { ObjectStore, StoredObject } from '../../store/types.js';
import { throwIfAborted } from '../../util/abort.js';
import { MilvusdmError } from '../../util/errors.js';
import { allSettled, type Pool } from '../../util/pool.js';

/** A file of the backup that is made. */
export interface WantedFile {
  /** In the store of the backup. */
  readonly key: string;
  readonly size: number;
  /** In the server's store. */
  readonly source: StoredObject;
}

/** A file of the base with the same content. */
export interface BaseFile {
  readonly key: string;
  readonly sum: string | undefined;
}

export interface CopyPlace {
  readonly source: ObjectStore;
  readonly dest: ObjectStore;
  /** The base's file for one of the server's, where it has the same. */
  readonly base: (file: WantedFile) => BaseFile | undefined;
  readonly config: Pick<BackupConfig, 'link' | 'checksum'>;
  readonly pool: Pool;
  readonly signal: AbortSignal;
  /** Told of each file that is in its place. */
  readonly onFile: (file: WantedFile, how: 'copied' | 'base') => void;
}

/** What is in its place, by key. Grows while files are copied. */
export type Placed = Map<string, FileCheck>;

/** Whether the bytes of a copy come by here, or are read at no cost worth naming. */
function wantsSum({ config, source, dest }: CopyPlace): boolean {
  if (config.checksum !== 'auto') return config.checksum === 'full';
  return !config.link && (source.kind === 'local' || dest.kind === 'local');
}

/** The checksum of a file that has been copied: of the copy, or of its source where that lies nearer. */
async function sumOf(place: CopyPlace, file: WantedFile): Promise<FileCheck> {
  if (!wantsSum(place)) return { size: file.size };
  const { source, dest, signal } = place;
  const near = dest.kind === 's3' && source.kind === 'local';
  const { sum } = await checksumOf(near ? source : dest, near ? file.source.key : file.key, { signal });
  return { size: file.size, sum };
}

/** Files of the base are never changed, so that another name for one is as good as a copy. */
async function fromBase({ dest, signal }: CopyPlace, file: WantedFile, base: BaseFile): Promise<boolean> {
  const source = { key: base.key, size: file.size };
  const isExpected = (thrown: unknown, ...codes: string[]): boolean =>
    thrown instanceof MilvusdmError && codes.includes(thrown.code);
  try {
    if (dest.kind === 'local') {
      const linked = await dest.copy(dest, source, file.key, { signal, link: true }).then(
        () => true,
        (thrown) => {
          if (isExpected(thrown, 'CFG_CONFLICT')) return false;
          throw thrown;
        },
      );
      if (linked) return true;
    }
    await dest.copy(dest, source, file.key, { signal });
    return true;
  } catch (thrown) {
    // The server still has what the base has lost.
    if (isExpected(thrown, 'STORE_MISSING', 'SRC_CHANGED')) return false;
    throw thrown;
  }
}

async function copyOne(place: CopyPlace, file: WantedFile): Promise<FileCheck> {
  const base = place.base(file);
  if (base && (await fromBase(place, file, base))) {
    place.onFile(file, 'base');
    return base.sum === undefined ? await sumOf(place, file) : { size: file.size, sum: base.sum };
  }
  const { signal, config } = place;
  const summing = startSum();
  const o = { signal, ...(config.link ? { link: true } : {}), ...(wantsSum(place) ? { watch: summing.add } : {}) };
  await place.dest.copy(place.source, file.source, file.key, o);
  place.onFile(file, 'copied');
  // Of a copy that was made elsewhere nothing was seen.
  return summing.size === file.size && wantsSum(place)
    ? { size: file.size, sum: summing.sum() }
    : await sumOf(place, file);
}

/**
 * Puts files in their place that are not there yet, by size. Gives those whose source is gone or has another size by now:
 * the server has compacted and removed them. Throws what else goes wrong, once nothing is under way any more.
 */
export async function copyFiles(
  place: CopyPlace,
  files: readonly WantedFile[],
  placed: Placed,
): Promise<readonly WantedFile[]> {
  const gone: WantedFile[] = [];
  let failed = false;
  const one = async (file: WantedFile): Promise<void> => {
    if (failed) return;
    throwIfAborted(place.signal);
    try {
      const there = placed.get(file.key);
      if (there?.size === file.size) {
        if (there.sum === undefined) placed.set(file.key, await sumOf(place, file));
      } else placed.set(file.key, await copyOne(place, file));
    } catch (thrown) {
      if (thrown instanceof MilvusdmError && (thrown.code === 'STORE_MISSING' || thrown.code === 'SRC_CHANGED')) {
        gone.push(file);
        return;
      }
      failed = true;
      throw thrown;
    }
  };
  await allSettled(files.map((file) => place.pool(() => one(file))));
  return gone;
}
