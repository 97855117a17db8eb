import { describe, expect, it } from 'vitest';
import { transientLedger } from '../../../../src/job/ledger/transient.js';

const ID = '0123456789ab';

describe('the ledger of what is begun anew when it is cut short', () => {
  it('takes every note, keeps none, and locks nobody out', async () => {
    for (let run = 0; run < 2; run++) {
      await using ledger = transientLedger({ id: ID, task: 'M2M', file: undefined });
      await using beside = transientLedger({ id: ID, task: 'M2M', file: undefined });
      expect([ledger.transient, ledger.state.job, beside.transient]).toEqual([true, undefined, true]);
      const notes = ledger.collection('a');
      expect(notes.earlier).toBe(undefined);
      await notes.ahead({ s: 0, from: 0, to: 10 });
      await notes.ack({ s: 0, from: 0, to: 10, w: 10, b: 80 });
      expect(ledger.exists).toBe(false);
      await ledger.complete();
    }
  });
});
