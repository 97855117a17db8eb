import type { Job } from '../../job/job.js';
import { sizeHeapForRuns } from '../../util/heap.js';
import type { FromWorker, ToWorker } from './protocol.js';
import { calmly, runJob } from './run-job.js';

// The process of one job of `milvusdm serve`. It ends with its server: what it has written is in the ledger.

const PROGRESS_MS = 250;
/** How long the batches in flight have after the server is gone. */
const ORPHAN_MS = 30_000;

let job: Job | undefined;
let stops = 0;

/** A second stop gives up the batches in flight; the same wish by two ways is one. */
function stop(now: boolean): void {
  for (const wanted = now ? 2 : 1; stops < wanted; stops++) job?.stop();
}

function say(message: FromWorker): void {
  if (process.connected) process.send?.(message, () => {});
}

function begun(started: Job): void {
  job = started;
  for (let again = stops; again > 0; again--) job.stop();
}

process.on('message', (message: ToWorker) => {
  if (message.type === 'stop') {
    stop(message.now);
    return;
  }
  // As for a run from the command line.
  sizeHeapForRuns();
  const pass = calmly((event) => say({ type: 'event', event }), PROGRESS_MS);
  runJob(message, { say: pass, alive: () => process.connected, begun }).then(
    (end) => {
      if (end === 'busy') say({ type: 'busy' });
      process.exitCode = 0;
      leave();
    },
    (thrown: unknown) => {
      process.stderr.write(`${(thrown as Error).stack ?? String(thrown)}\n`);
      process.exitCode = 1;
      leave();
    },
  );
});

/** Leaves once what was said is on its way. */
function leave(): void {
  if (process.connected) process.disconnect();
  setTimeout(() => process.exit(), 2000).unref();
  setImmediate(() => process.exit());
}

process.on('disconnect', () => {
  stop(false);
  setTimeout(() => stop(true), ORPHAN_MS / 2).unref();
  setTimeout(() => process.exit(1), ORPHAN_MS).unref();
});
// A terminal and a service manager tell all processes at once; the server decides.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(false));
