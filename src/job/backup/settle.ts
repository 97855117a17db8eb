import { fail } from '../../util/errors.js';
import type { SegmentCopies } from './copy-collection.js';
import { copyFiles } from './copy-files.js';

const ROUNDS = 5;

/**
 * Makes what is below a prefix exactly these files: those of segments that were compacted away are removed (an import takes
 * whole folders), what is missing or has another size is copied again. Throws SRC_CHANGED.
 */
export async function settleFiles(
  copies: SegmentCopies,
  prefix: string,
  files: readonly { readonly key: string; readonly size: number }[],
): Promise<void> {
  const { place, placed, wanted, log, signal } = copies;
  const { dest } = place;
  for (let round = 1; ; round++) {
    const lacking = new Map(files.map((file) => [file.key, file.size]));
    const extra: string[] = [];
    for await (const { key, size } of dest.list(prefix, { signal })) {
      if (lacking.get(key) === size) lacking.delete(key);
      else if (!lacking.has(key)) extra.push(key);
    }
    if (extra.length > 0) {
      log(`${extra.length} files of segments that are gone by now are removed`);
      await dest.remove(extra, { signal });
      for (const key of extra) placed.delete(key);
    }
    if (lacking.size === 0) return;
    const again = [...lacking.keys()].map((key) => wanted.get(key)!);
    for (const { key } of again) placed.delete(key);
    const gone = await copyFiles(place, again, placed);
    if (gone.length > 0 || round === ROUNDS) {
      const { key } = gone[0] ?? again[0]!;
      throw fail('SRC_CHANGED', `${key} in ${dest.name} does not become what the server has, tried ${round} times`);
    }
  }
}
