import { type Ledger, type LedgerOptions, ledgerOver } from './ledger.js';
import { createLedgerState } from './state.js';

const nothing = async (): Promise<void> => {};

/** A ledger for what is begun anew when it is cut short: nothing of it is kept, and nobody is locked out. */
export function transientLedger(o: LedgerOptions): Ledger {
  const create = async () => ({ append: nothing, [Symbol.asyncDispose]: nothing });
  return ledgerOver(o, {
    state: createLedgerState(),
    lastNote: 0,
    file: undefined,
    transient: true,
    create,
    remove: nothing,
    lock: { [Symbol.asyncDispose]: nothing },
  });
}
