import { backupFiles, backupPrefix } from '../../../backup/layout.js';
import { openBackup, probeBackup, requireComplete } from '../../../backup/open.js';
import { checksumOf } from '../../../store/checksum.js';
import type { ObjectStore, StoreOptions } from '../../../store/types.js';
import { throwIfAborted } from '../../../util/abort.js';
import { toMilvusdmError } from '../../../util/errors.js';
import { allSettled, createPool } from '../../../util/pool.js';

/** A file that is not as it was written. Keys are relative to the backup. */
export interface BackupProblem {
  readonly key: string;
  /** changed: its size is right and its bytes are not. unreadable: the store does not give all of its bytes. */
  readonly problem: 'missing' | 'size' | 'changed' | 'unreadable';
  readonly detail: string;
}

export interface BackupCheck {
  readonly name: string;
  readonly store: string;
  readonly status: 'whole' | 'damaged';
  readonly files: number;
  readonly bytes: number;
  readonly problems: readonly BackupProblem[];
  /** Files whose checksum was compared; 0 without `full`. */
  readonly checksums: number;
  /** Files that have no checksum, so that only their size is known. */
  readonly without_checksum: number;
  /** Files below binlogs/ that the backup does not know; they do no harm to it. */
  readonly extra: readonly string[];
}

export interface VerifyOptions extends StoreOptions {
  /** Read every file and compare its checksum. */
  readonly full: boolean;
  readonly onProgress: (files: number, total: number, bytes: number) => void;
}

interface Expected {
  readonly size: number;
  readonly sum: string | undefined;
}

const AT_A_TIME = 8;

async function expectedFiles(store: ObjectStore, name: string, o: StoreOptions): Promise<Map<string, Expected>> {
  const probe = await probeBackup(store, name, o);
  requireComplete(store, probe);
  const cut = backupPrefix(name).length;
  const checks = probe.side?.files ?? {};
  const expected = new Map<string, Expected>();
  if (probe.strategy === 'logical') {
    for (const [key, { size, sum }] of Object.entries(checks)) expected.set(key, { size, sum });
    return expected;
  }
  const { info } = await openBackup(store, name, o);
  for (const { key, size } of backupFiles(name, info)) {
    const relative = key.slice(cut);
    expected.set(relative, { size, sum: checks[relative]?.sum });
  }
  return expected;
}

async function changed(
  store: ObjectStore,
  key: string,
  name: string,
  { size, sum }: Expected,
  o: StoreOptions,
): Promise<BackupProblem | undefined> {
  try {
    const found = await checksumOf(store, `${backupPrefix(name)}${key}`, o);
    if (found.size !== size) {
      return { key, problem: 'unreadable', detail: `need ${size} bytes, read ${found.size}` };
    }
    if (found.sum === sum || sum === undefined) return undefined;
    return { key, problem: 'changed', detail: `need ${sum}, have ${found.sum}` };
  } catch (thrown) {
    throwIfAborted(o.signal);
    const { code, message } = toMilvusdmError(thrown);
    if (code === 'STORE_MISSING') return { key, problem: 'missing', detail: 'it went away while it was read' };
    if (code === 'STORE_REFUSED') return { key, problem: 'unreadable', detail: message };
    throw thrown;
  }
}

/** Compares names and sizes with one listing; `full` reads every file that has a checksum, too. */
export async function verifyBackup(store: ObjectStore, name: string, o: VerifyOptions): Promise<BackupCheck> {
  const expected = await expectedFiles(store, name, o);
  const problems: BackupProblem[] = [];
  const extra: string[] = [];
  const sound = new Set<string>();
  const prefix = backupPrefix(name);
  for await (const { key, size } of store.list(prefix, o)) {
    const relative = key.slice(prefix.length);
    const wanted = expected.get(relative);
    if (!wanted) {
      if (relative.startsWith('binlogs/')) extra.push(relative);
    } else if (wanted.size === size) sound.add(relative);
    else problems.push({ key: relative, problem: 'size', detail: `need ${wanted.size} bytes, have ${size}` });
  }
  const wrong = new Set(problems.map(({ key }) => key));
  for (const [key, { size }] of expected) {
    if (!sound.has(key) && !wrong.has(key)) problems.push({ key, problem: 'missing', detail: `it had ${size} bytes` });
  }
  const summed = [...expected].filter(([key, { sum }]) => sum !== undefined && sound.has(key));
  if (o.full) problems.push(...(await compareSums(store, name, summed, o)));
  const all = [...expected.values()];
  return {
    name,
    store: store.name,
    status: problems.length === 0 ? 'whole' : 'damaged',
    files: all.length,
    bytes: all.reduce((sum, { size }) => sum + size, 0),
    problems: problems.sort((a, b) => (a.key < b.key ? -1 : 1)),
    checksums: o.full ? summed.length : 0,
    without_checksum: all.filter(({ sum }) => sum === undefined).length,
    extra,
  };
}

async function compareSums(
  store: ObjectStore,
  name: string,
  files: readonly (readonly [string, Expected])[],
  o: VerifyOptions,
): Promise<BackupProblem[]> {
  const pool = createPool(AT_A_TIME);
  let [done, bytes] = [0, 0];
  const found = await allSettled(
    files.map(([key, expected]) =>
      pool(async () => {
        throwIfAborted(o.signal);
        const problem = await changed(store, key, name, expected, o);
        done++;
        bytes += expected.size;
        o.onProgress(done, files.length, bytes);
        return problem;
      }),
    ),
  );
  return found.filter((problem) => problem !== undefined);
}
