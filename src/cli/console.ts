import type { JobEvent } from '../job/events.js';
import { EXIT } from '../util/exit-codes.js';
import { type Log, openLog } from '../util/log.js';
import type { GlobalOptions } from './options.js';
import { logLevelOf, openView } from './session.js';

/** The log, the progress and the signals of a command that is no job. */
export interface Console extends Disposable {
  readonly log: Log;
  /** Aborted by SIGINT and SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
  show(event: JobEvent): void;
}

/** Opens what a command needs around its work. Disposing ends the progress and the signal handlers. */
export async function openConsole(options: GlobalOptions, secrets: readonly string[]): Promise<Console> {
  const level = logLevelOf(options);
  const view = await openView(options, level);
  const log = await openLog({ level, format: options.logFormat, secrets, write: (line) => view.line(line) });
  const stop = new AbortController();
  const handler = (): void => {
    // A call that cannot be cancelled must not hold up who asks twice.
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort();
  };
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
