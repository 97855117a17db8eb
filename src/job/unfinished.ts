import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskConfig } from '../config/types.js';
import { fail } from '../util/errors.js';
import { stateFolder } from '../util/home.js';

/**
 * A mark in `$MILVUSDM_PATH/jobs` while a job has touched its target and is not done. It outlives a crash, so that the same
 * job does not take its own half-written target for a finished one (mode skip) or write its rows twice (mode append).
 */
function markFile(id: string): string {
  return join(stateFolder(), 'jobs', `${id}.unfinished.json`);
}

/** Leaves the mark; called before anything of the target is changed. */
export async function markUnfinished(id: string, config: TaskConfig): Promise<void> {
  const file = markFile(id);
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
  const mark = {
    job_id: id,
    task: config.task,
    collection: config.collection,
    mode: config.mode,
    started: new Date().toISOString(),
  };
  await writeFile(file, `${JSON.stringify(mark)}\n`, { mode: 0o600, flush: true });
}

/** Takes the mark away: the run is complete, or has left its target as it was. */
export async function clearUnfinished(id: string): Promise<void> {
  await rm(markFile(id), { force: true });
}

/** Throws DST_UNFINISHED when an earlier run of this job was cut short and the mode would build on what it left. */
export async function refuseUnfinished(id: string, config: TaskConfig): Promise<void> {
  if (config.mode === 'overwrite' || !existsSync(markFile(id))) return;
  let started = 'an earlier time';
  try {
    started = (JSON.parse(await readFile(markFile(id), 'utf8')) as { started: string }).started;
  } catch {
    // A mark that cannot be read is still a mark.
  }
  const what = config.mode === 'append' ? 'its rows would be written twice' : 'it would pass for a complete one';
  throw fail(
    'DST_UNFINISHED',
    `the run of this job that began ${started} did not finish, and "${config.collection}" holds a part of its rows: with mode ${config.mode} ${what}`,
  );
}
