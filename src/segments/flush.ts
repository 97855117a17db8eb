import { sleep } from '../util/abort.js';
import { fail } from '../util/errors.js';
import type { CollectionName, FlushTicket, SegmentServer } from './server.js';
import { fullName } from './server.js';

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 1000;
/** A flush writes what is in memory, a few GB at most; a server that needs longer does not flush. */
const GIVE_UP_MS = 10 * 60_000;

/** Has the server write out what it holds of a collection in memory, and waits for it. Throws NET_DEADLINE after 10 minutes. */
export async function flushCollection(
  server: SegmentServer,
  of: CollectionName,
  signal: AbortSignal,
): Promise<FlushTicket> {
  const began = Date.now();
  const ticket = await server.flush(of);
  while (!(await server.isFlushed(ticket))) {
    if (Date.now() - began > GIVE_UP_MS) {
      throw fail('NET_DEADLINE', `the server has not flushed "${fullName(of)}" within ${GIVE_UP_MS / 60_000} minutes`, {
        hint: 'Look at the load of the server; `flush: false` takes what is on its disk already.',
      });
    }
    // Never a tenth longer than it has taken so far, but for the first half second.
    const wait = Math.max(FIRST_WAIT_MS, (Date.now() - began) / 10);
    await sleep(Math.min(wait, LONGEST_WAIT_MS), signal);
  }
  return ticket;
}
