import type { JobEvent } from '../job/events.js';
import { type Log, openLog } from '../util/log.js';
import type { GlobalOptions } from './options.js';
import { logLevelOf, openView } from './session.js';

/** The log, the progress and the signals of a command that is no job. */
export interface Console extends Disposable {
  readonly log: Log;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  show(event: JobEvent): void;
}

/** Opens what a command needs around its work. Disposing ends the progress and the signal handlers. */
export async function openConsole(options: GlobalOptions, secrets: readonly string[]): Promise<Console> {
  const level = logLevelOf(options);
  const view = await openView(options, level);
  const log = await openLog({ level, format: options.logFormat, secrets, write: (line) => view.line(line) });
  const stop = new AbortController();
  const handler = (): void => stop.abort();
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return {
    log,
    signal: stop.signal,
    show: (event) => view.show(event),
    [Symbol.dispose]() {
      process.off('SIGINT', handler);
      process.off('SIGTERM', handler);
      view.stop();
    },
  };
}
