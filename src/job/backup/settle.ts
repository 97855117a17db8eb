import { backupFiles, backupPrefix } from '../../backup/layout.js';
import type { BackupInfo } from '../../backup/types.js';
import { fail } from '../../util/errors.js';
import { copyFiles } from './copy-files.js';
import type { Work } from './work.js';

const ROUNDS = 5;

/**
 * Makes what is in the store exactly what the meta files will say: files of segments that were compacted away are removed
 * (an import takes whole folders), what is missing or has another size is copied again. Throws SRC_CHANGED.
 */
export async function settleFiles(work: Work, info: BackupInfo): Promise<void> {
  const { prepared, emit } = work.run;
  const { signal } = work;
  const { name, dest } = prepared;
  for (let round = 1; ; round++) {
    const lacking = new Map([...backupFiles(name, info)].map((file) => [file.key, file.size]));
    const extra: string[] = [];
    for await (const { key, size } of dest.list(`${backupPrefix(name)}binlogs/`, { signal })) {
      if (lacking.get(key) === size) lacking.delete(key);
      else if (!lacking.has(key)) extra.push(key);
    }
    if (extra.length > 0) {
      emit({ type: 'log', message: `${extra.length} files of segments that are gone by now are removed` });
      await dest.remove(extra, { signal });
      for (const key of extra) work.placed.delete(key);
    }
    if (lacking.size === 0) return;
    const again = [...lacking.keys()].map((key) => work.wanted.get(key)!);
    for (const { key } of again) work.placed.delete(key);
    const gone = await copyFiles(work.place, again, work.placed);
    if (gone.length > 0 || round === ROUNDS) {
      const { key } = gone[0] ?? again[0]!;
      throw fail('SRC_CHANGED', `${key} in ${dest.name} does not become what the server has, tried ${round} times`);
    }
  }
}
