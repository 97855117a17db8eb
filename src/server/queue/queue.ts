import { rm } from 'node:fs/promises';
import { isLocked } from '../../job/ledger/lock.js';
import { sleep } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import { jobFiles } from '../state/folders.js';
import type { JobTable } from '../state/jobs.js';
import type { JobOutcome, JobRow, JobState, NewJob, StoredJob } from '../state/types.js';
import type { StartWorker, Worker, WorkerEnd } from '../worker/start.js';
import { createLive, type Live } from './live.js';
import { lostOutcome, outcomeOf, readReport, stateAfter } from './outcome.js';
import { backupInTheWay, type Limits, mayStart } from './slots.js';

export interface QueueOptions {
  readonly jobs: JobTable;
  /** The folder of all server state. */
  readonly server: string;
  readonly start: StartWorker;
  readonly limits: Limits;
  /** Ended jobs that are remembered. */
  readonly keep: number;
  readonly log: (message: string) => void;
  /** Told of every job that has ended for good. */
  readonly onEnd?: (job: StoredJob) => void;
}

/** The jobs that wait and run: each in a process of its own. */
export interface Queue {
  /** Takes a job in. Throws SRV_CONFLICT for a second manual backup of a server, SRV_BUSY while stopping or when full. */
  submit(job: NewJob): StoredJob;
  /** Ends a job; asked again, gives up its batches in flight. Throws SRV_CONFLICT when it has ended. */
  cancel(id: string): StoredJob;
  /** Puts a job that was cut short or has failed into the queue again. Throws SRV_CONFLICT for others. */
  resume(id: string): StoredJob;
  live(id: string): Live | undefined;
  running(): number;
  /** Takes over what an earlier server has left, and starts what may start. */
  open(): void;
  /** Starts nothing more, stops what runs and waits for it; it is in the queue of the next server then. */
  close(graceMs: number): Promise<void>;
}

const MOST_QUEUED = 2000;
const RESUMABLE: readonly JobState[] = ['interrupted', 'cancelled', 'failed', 'partial'];
const ORPHAN_POLL_MS = 200;
/** How long clients may still ask for the last events of a job that has ended. */
const LINGER_MS = 30_000;

interface Run {
  job: JobRow;
  readonly live: Live;
  /** Absent for one of an earlier server, whose end is waited for. */
  readonly worker?: Worker;
  readonly ended: Promise<void>;
}

class JobQueue implements Queue {
  readonly #o: QueueOptions;
  readonly #epoch = Date.now().toString(36);
  readonly #runs = new Map<string, Run>();
  readonly #lives = new Map<string, Live>();
  #stopping = false;

  constructor(o: QueueOptions) {
    this.#o = o;
  }

  submit(job: NewJob): StoredJob {
    if (this.#stopping) throw fail('SRV_BUSY', 'the server is being stopped and takes no new jobs');
    const active = this.#o.jobs.inState('queued', 'running');
    if (active.length >= MOST_QUEUED) {
      throw fail('SRV_BUSY', `${active.length} jobs wait or run, allowed: ${MOST_QUEUED}`);
    }
    this.#requireNoBackup(job, active);
    const added = this.#o.jobs.add(job, new Date());
    setImmediate(() => this.#pump());
    return added;
  }

  cancel(id: string): StoredJob {
    const job = this.#require(id);
    const { jobs } = this.#o;
    if (job.state === 'queued') {
      const ended = jobs.change(id, { state: 'cancelled', cancelled: true, ended: new Date().toISOString() });
      const live = this.#liveOf(id);
      live.state(ended);
      this.#forget(ended, live);
      return ended;
    }
    if (job.state !== 'running') throw fail('SRV_CONFLICT', `job ${id} has ended: ${job.state}`);
    const changed = jobs.change(id, { cancelled: true });
    const run = this.#runs.get(id);
    if (run) run.job = changed;
    run?.worker?.stop(job.cancelled);
    return changed;
  }

  resume(id: string): StoredJob {
    const job = this.#require(id);
    if (!RESUMABLE.includes(job.state)) {
      throw fail('SRV_CONFLICT', `job ${id} is ${job.state}, which cannot be resumed`, {
        hint: `These can: ${RESUMABLE.join(', ')}.`,
      });
    }
    if (this.#stopping) throw fail('SRV_BUSY', 'the server is being stopped and takes no new jobs');
    this.#requireNoBackup(job, this.#o.jobs.inState('queued', 'running'));
    const queued = this.#o.jobs.change(id, { state: 'queued', cancelled: false, ended: null, outcome: null });
    this.#lives.get(id)?.state(queued);
    setImmediate(() => this.#pump());
    return queued;
  }

  live(id: string): Live | undefined {
    return this.#lives.get(id);
  }

  running(): number {
    return this.#runs.size;
  }

  open(): void {
    for (const job of this.#o.jobs.inState('running')) {
      const live = this.#liveOf(job.id);
      const ended = this.#takeOver(job).catch((thrown: Error) => this.#lose(job.id, thrown));
      this.#runs.set(job.id, { job, live, ended });
    }
    this.#pump();
  }

  async close(graceMs: number): Promise<void> {
    this.#stopping = true;
    const runs = [...this.#runs.values()];
    for (const { worker } of runs) worker?.stop(false);
    const over = new AbortController();
    const late = sleep(graceMs, over.signal).then(
      () => {
        for (const { worker } of runs) worker?.kill();
      },
      () => {},
    );
    await Promise.all(runs.map(({ ended }) => ended));
    over.abort();
    await late;
  }

  #require(id: string): StoredJob {
    const job = this.#o.jobs.get(id);
    if (!job) throw fail('SRV_NOT_FOUND', `there is no job ${id}`);
    return job;
  }

  #requireNoBackup(job: NewJob, active: readonly JobRow[]): void {
    const other = backupInTheWay(job, active);
    if (!other) return;
    const of = other.servers.filter((server) => job.servers.includes(server)).join(', ');
    throw fail('SRV_CONFLICT', `a backup of ${of} is ${other.state} already: job ${other.id} (${other.kind})`, {
      hint: 'Wait until it has ended, or cancel it; one manual backup of a server is made at a time.',
    });
  }

  #liveOf(id: string): Live {
    const live = this.#lives.get(id) ?? createLive(this.#epoch);
    this.#lives.set(id, live);
    return live;
  }

  #pump(): void {
    if (this.#stopping) return;
    const { jobs, limits } = this.#o;
    if (this.#runs.size >= limits.jobs) return;
    for (const job of jobs.inState('queued')) {
      const running = [...this.#runs.values()].map((run) => run.job);
      if (running.length >= limits.jobs) return;
      if (!this.#runs.has(job.id) && mayStart(job, running, limits)) this.#start(job);
    }
  }

  #start({ id, attempts }: JobRow): void {
    const { jobs, start } = this.#o;
    // Before the process is there: whatever happens now, this attempt is known.
    const job = jobs.change(id, {
      state: 'running',
      attempts: attempts + 1,
      started: new Date().toISOString(),
      progress: null,
      outcome: null,
    });
    const live = createLive(this.#epoch);
    this.#lives.set(id, live);
    const worker = start(job, { event: (event) => live.take(event) });
    const ended = worker.ended.then((end) => this.#finish(job, end)).catch((thrown: Error) => this.#lose(id, thrown));
    this.#runs.set(id, { job, live, worker, ended });
    live.state(job);
  }

  /** A job of a server that was killed: its process notices that and ends. */
  async #takeOver(job: JobRow): Promise<void> {
    this.#o.log(`job ${job.id} was running when the last server ended`);
    const { lock } = jobFiles(this.#o.server, job.id);
    while (!this.#stopping && (await isLocked(lock))) await sleep(ORPHAN_POLL_MS);
    if (this.#stopping) return;
    const report = await readReport(this.#o.server, job.id, job.attempts);
    const state = stateAfter(job, report?.status, true);
    this.#settle(job.id, state, report ? outcomeOf(report) : null);
  }

  async #finish({ id, attempts }: JobRow, end: WorkerEnd): Promise<void> {
    const report = await readReport(this.#o.server, id, attempts);
    const job = this.#require(id);
    if (!report && end.busy) {
      this.#o.log(`job ${id} is still run by a process of an earlier server`);
      await sleep(ORPHAN_POLL_MS * 5);
      this.#settle(id, stateAfter(job, undefined, true), null);
      return;
    }
    const warnings = this.#lives.get(id)?.warnings() ?? [];
    this.#settle(
      id,
      stateAfter(job, report?.status, this.#stopping),
      report ? outcomeOf(report) : lostOutcome(end.how, warnings),
    );
  }

  /** What its process has left cannot be read: the job gives its place back all the same. */
  #lose(id: string, thrown: Error): void {
    this.#o.log(`job ${id}: ${thrown.message}`);
    this.#settle(id, 'interrupted', lostOutcome(thrown.message, []));
  }

  #settle(id: string, state: JobState, outcome: JobOutcome | null): void {
    const live = this.#lives.get(id);
    const waits = state === 'queued';
    const job = this.#o.jobs.change(id, {
      state,
      outcome: waits ? null : outcome,
      ended: waits ? null : new Date().toISOString(),
      progress: live?.progress() ?? null,
    });
    this.#runs.delete(id);
    live?.state(job);
    if (!waits) this.#forget(job, live);
    this.#pump();
  }

  #forget(job: StoredJob, live: Live | undefined): void {
    setTimeout(() => {
      if (this.#lives.get(job.id) === live && !this.#runs.has(job.id)) this.#lives.delete(job.id);
    }, LINGER_MS).unref();
    for (const old of this.#o.jobs.forget(this.#o.keep)) {
      rm(jobFiles(this.#o.server, old).folder, { recursive: true, force: true }).catch(() => {});
    }
    this.#o.onEnd?.(job);
  }
}

/** Makes the queue of a server; nothing runs before `open`. */
export function createQueue(options: QueueOptions): Queue {
  return new JobQueue(options);
}
