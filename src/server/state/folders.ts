import { join } from 'node:path';
import { stateFolder } from '../../util/home.js';

/** Where a server keeps its state: `$MILVUSDM_PATH/server`. */
export function serverFolder(): string {
  return join(stateFolder(), 'server');
}

/** The files of one job; the id is one of ours, never a text of a request. */
export interface JobFiles {
  readonly folder: string;
  /** What its processes say, of all attempts. */
  readonly log: string;
  /** Held by the process that runs it. */
  readonly lock: string;
  /** The report of one attempt, written by its process as its last act. */
  report(attempt: number): string;
}

export function jobFiles(server: string, id: string): JobFiles {
  const folder = join(server, 'jobs', id);
  return {
    folder,
    log: join(folder, 'log.txt'),
    lock: join(folder, 'lock'),
    report: (attempt) => join(folder, `report-${attempt}.json`),
  };
}
