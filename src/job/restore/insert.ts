import type { TaskConfig } from '../../config/types.js';
import { anySignal, interrupted } from '../../util/abort.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { EXIT } from '../../util/exit-codes.js';
import type { JobEvent } from '../events.js';
import { transientLedger } from '../ledger/transient.js';
import type { ErrorReport } from '../report.js';
import { executeRun } from '../run.js';
import type { CollectionRestore } from './collection.js';
import { rowMove } from './row-move.js';

const AGAIN =
  'Run the same command again once the server answers: it makes the collection anew, so that no row comes twice.';

/**
 * The run that fills a collection: without indexes and checks, which come later, and without reading everything twice, because
 * what is refused half way is dropped.
 */
function moveInto({ item, config, content }: CollectionRestore, making: string): TaskConfig {
  const { bulk: _, shards: __, ...plain } = config;
  const names = new Map([[item.info.collection_name, making]]);
  const how = { ...plain, index: 'none', verify: 'none' } as const;
  const move = rowMove(how, { source: content, db: item.db, load: false, names });
  return { ...move, mode: 'append', options: { ...move.options, preflight: 'headers' } };
}

/** What a run that goes on would do next, nobody does here: the collection is made anew. */
function failure({ code, message, hint }: ErrorReport): MilvusdmError {
  const found = fail(code, message, { hint });
  return found.exitCode === EXIT.network ? fail(code, message, { hint: AGAIN }) : found;
}

/**
 * Reads the rows of a collection from the backup and inserts them into one that was made for them, and has none. Gives their
 * number once the server has flushed them. Throws SRC_*, DST_*, NET_* and INTERRUPTED; then some may have been inserted.
 */
export async function insertRows(o: CollectionRestore, making: string): Promise<number> {
  const { config, job: id, signal, log, warn, onRows } = o;
  let told = 0;
  const emit = (event: JobEvent): void => {
    if (event.type === 'log') log(event.message);
    else if (event.type === 'progress' && event.phase === 'write') {
      onRows(event.done - told);
      told = event.done;
    }
  };
  const move = moveInto(o, making);
  const report = await executeRun(move, id, { stop: signal, kill: anySignal() }, emit, {
    // What is cut short is dropped with its collection, so that there is nothing to go on with.
    open: async () => ({ ledger: transientLedger({ id, task: move.task, file: config.file }), abandoned: undefined }),
    command: '',
    startsOver: '',
  });
  const { error, targets } = report;
  if (error) onRows(-told);
  if (error?.code === 'INTERRUPTED') throw interrupted();
  if (error) throw failure(error);
  for (const message of report.warnings) warn(message);
  return targets.reduce((sum, { rows_written: rows }) => sum + rows, 0);
}
