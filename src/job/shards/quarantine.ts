import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ObjectStore } from '../../store/types.js';
import type { JobRun } from '../run-state.js';
import { KEYS } from './work-place.js';

/** Copies the list of rows that were set aside to the shared place: the disk of a pod goes with it. */
export async function keepQuarantine(store: ObjectStore, { badRows, emit }: JobRun): Promise<void> {
  const { file } = badRows;
  if (file === undefined) return;
  const key = KEYS.quarantine(basename(file));
  await store.write(key, await readFile(file));
  emit({ type: 'log', message: `rows that were set aside: ${key} in ${store.name}` });
}
