import type { ObjectStore } from '../../store/types.js';
import { toMilvusdmError } from '../../util/errors.js';
import { type Ledger, type LedgerOptions, ledgerOver } from '../ledger/ledger.js';
import type { LedgerLine } from '../ledger/lines.js';
import { createLedgerState, type LedgerState } from '../ledger/state.js';
import { openStoreLedger, readStoreLedger } from './store-ledger.js';
import { KEYS } from './work-place.js';

/** The lock is that of the job or shard, and outlives the ledger. */
const NO_LOCK: AsyncDisposable = { async [Symbol.asyncDispose]() {} };

/** The ledger goes with the work place. */
const stays = async (): Promise<void> => {};

/** The ledger of `prepare`. Throws JOB_DAMAGED. */
export async function openPrepareLedger(o: LedgerOptions, store: ObjectStore): Promise<Ledger> {
  const state = createLedgerState();
  const runs = await readStoreLedger(store, KEYS.prepareLedger, (line) => state.take(line));
  const create = async () => openStoreLedger(store, KEYS.prepareLedger, runs + 1);
  const file = state.job ? await create() : undefined;
  return ledgerOver(o, { state, lastNote: 0, file, create, remove: stays, lock: NO_LOCK });
}

/**
 * A ledger that goes on where `prepare` has ended: first what that has noted, then what `shards` have, then what earlier runs of
 * the same have in the folder that is written to. Throws JOB_DAMAGED.
 */
export async function openPreparedLedger(
  o: LedgerOptions,
  store: ObjectStore,
  { shards, own }: { readonly shards: readonly string[]; readonly own: string },
): Promise<Ledger> {
  const state = createLedgerState();
  await readStoreLedger(store, KEYS.prepareLedger, (line) => state.take(line));
  // That the rows of a shard have arrived is not yet that the collection is complete.
  const rows = (line: LedgerLine): string | undefined => (line.t === 'done' ? undefined : state.take(line));
  for (const folder of shards) await readStoreLedger(store, folder, rows);
  const runs = await readStoreLedger(store, own, (line) => state.take(line));
  const file = openStoreLedger(store, own, runs + 1);
  // As if the last note were of now, because the clocks of machines differ.
  const lastNote = Date.now();
  return ledgerOver(o, { state, lastNote, file, create: async () => file, remove: stays, lock: NO_LOCK });
}

/** What a job that is given up has left, as far as that can be read. */
export async function abandonedState(store: ObjectStore, shards: number): Promise<LedgerState> {
  const state = createLedgerState();
  const folders = [KEYS.prepareLedger, ...Array.from({ length: shards }, (_, shard) => KEYS.shardLedger(shard))];
  try {
    for (const folder of folders) await readStoreLedger(store, folder, (line) => state.take(line));
  } catch (thrown) {
    if (toMilvusdmError(thrown).code !== 'JOB_DAMAGED') throw thrown;
  }
  return state;
}
