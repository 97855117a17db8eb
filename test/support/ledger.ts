import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningCli, until } from './cli.js';

/** Path of the first ledger of a state folder; undefined where there is none. */
export function ledgerIn(stateFolder: string): string | undefined {
  const folder = join(stateFolder, 'jobs');
  try {
    const [name] = readdirSync(folder).filter((file) => file.endsWith('.ledger.jsonl'));
    return name && join(folder, name);
  } catch {
    return undefined;
  }
}

/** Acknowledgements that it holds. */
export function acksIn(stateFolder: string): number {
  const path = ledgerIn(stateFolder);
  if (path === undefined) return 0;
  try {
    return readFileSync(path, 'latin1').split('"t":"ack"').length - 1;
  } catch {
    return 0; // gone in the meantime: the run is complete
  }
}

/** Resolves when a running job has so many acknowledgements. Throws with its output when it ends before. */
export function untilAcks(running: RunningCli, acks: number): Promise<void> {
  return until(running, () => acksIn(running.stateFolder) >= acks);
}
