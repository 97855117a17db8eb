import { fail, toMilvusdmError } from '../../util/errors.js';
import type { FromHelper, ToHelper } from '../worker/protocol.js';
import { CALLS } from './calls.js';

// The process that answers questions of `milvusdm serve`: what reads foreign files and talks to Milvus may take its time,
// or crash, without the server.

const running = new Map<number, AbortController>();

function say(message: FromHelper): void {
  if (process.connected) process.send?.(message, () => {});
}

async function answer({ id, call, input }: ToHelper): Promise<void> {
  const stop = new AbortController();
  running.set(id, stop);
  try {
    const work = Object.hasOwn(CALLS, call) ? CALLS[call] : undefined;
    if (!work) throw fail('INTERNAL', `there is no call ${call}`);
    say({ id, ok: true, value: await work(input as never, stop.signal) });
  } catch (thrown) {
    const { code, message, hint } = toMilvusdmError(thrown);
    if (code === 'INTERNAL') process.stderr.write(`${(thrown as Error).stack ?? String(thrown)}\n`);
    say({ id, ok: false, error: { code, message, hint } });
  } finally {
    running.delete(id);
  }
}

process.on('message', (message: ToHelper | { readonly abort: number }) => {
  if ('abort' in message) running.get(message.abort)?.abort();
  else void answer(message);
});
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
