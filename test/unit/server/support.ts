import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterEach } from 'vitest';
import type { JobEvent } from '../../../src/job/events.js';
import { failureReport } from '../../../src/job/report.js';
import type { SavedReport } from '../../../src/job/saved-report.js';
import type { ServerContext } from '../../../src/server/context.js';
import type { Helper } from '../../../src/server/helper/helper.js';
import { buildApp } from '../../../src/server/http/app.js';
import { tokenCheck } from '../../../src/server/http/tokens.js';
import { createQueue, type QueueOptions } from '../../../src/server/queue/queue.js';
import { backupTable } from '../../../src/server/state/backups.js';
import { connectionTable } from '../../../src/server/state/connections.js';
import { openDatabase } from '../../../src/server/state/database.js';
import { jobFiles } from '../../../src/server/state/folders.js';
import { jobTable } from '../../../src/server/state/jobs.js';
import { scheduleTable } from '../../../src/server/state/schedules.js';
import type { NewJob, StoredJob } from '../../../src/server/state/types.js';
import { allowedPaths } from '../../../src/server/tasks/allowed-paths.js';
import type { StartWorker, WorkerEnd } from '../../../src/server/worker/start.js';
import { fail } from '../../../src/util/errors.js';

export const TOKEN = 'a-token-of-this-test';

/** A process of a job that does what the test says. */
export interface FakeWorker {
  readonly job: StoredJob;
  /** How often it was told to stop, and whether at once. */
  readonly stops: boolean[];
  killed: boolean;
  say(event: JobEvent): void;
  /** Leaves a report of this status and ends. */
  end(status: SavedReport['status'], more?: Partial<SavedReport>): Promise<void>;
  /** Ends without a report. */
  die(end?: Partial<WorkerEnd>): void;
}

export function savedReport(status: SavedReport['status'], more: Partial<SavedReport> = {}): SavedReport {
  const none = { phases: [], throughput: { step_seconds: 1, rows: [], bytes: [] }, collections: [] };
  const times = { started: '2026-11-22T00:00:00.000Z', finished: '2026-11-22T00:00:01.000Z' };
  const run = { milvusdm: '3', node: 'v20', ...times, from: 'a', to: 'b', mode: null, verify: 'none', limit: null };
  const report = failureReport('F2M', fail('NET_UNAVAILABLE', 'gone'));
  const error = status === 'failed' ? report.error : null;
  return { ...report, status, error, exit_code: 0, ...more, run: { ...run, yaml: null, ...none } } as SavedReport;
}

export interface Bench {
  readonly folder: string;
  readonly context: ServerContext;
  readonly app: FastifyInstance;
  readonly workers: FakeWorker[];
  /** Questions that the helper was asked. */
  readonly asked: { readonly name: string; readonly input: unknown }[];
  answer: (name: string, input: unknown) => unknown;
  /** Ends it as a kill would: the queue is told nothing. */
  leave(): Promise<void>;
}

export interface BenchOptions {
  readonly tokens?: readonly string[];
  readonly limits?: QueueOptions['limits'];
  readonly allow?: readonly string[];
  readonly folder?: string;
  readonly keep?: number;
  readonly web?: string;
}

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'milvusdm-server-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function fakeWorkers(server: string, workers: FakeWorker[]): StartWorker {
  return (job, { event }) => {
    let finish: (end: WorkerEnd) => void = () => {};
    const ended = new Promise<WorkerEnd>((resolve) => {
      finish = resolve;
    });
    const worker: FakeWorker = {
      job,
      stops: [],
      killed: false,
      say: event,
      async end(status, more) {
        const path = jobFiles(server, job.id).report(job.attempts);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, JSON.stringify(savedReport(status, more)));
        finish({ busy: false, how: 'exit code 0' });
      },
      die: (end) => finish({ busy: false, how: 'signal SIGKILL', ...end }),
    };
    workers.push(worker);
    return {
      stop: (now) => void worker.stops.push(now),
      kill() {
        worker.killed = true;
        worker.die();
      },
      ended,
    };
  };
}

/** A server without a port and without processes. */
export async function openBench(o: BenchOptions = {}): Promise<Bench> {
  const folder = o.folder ?? temporaryFolder();
  const db = await openDatabase(folder);
  const [jobs, connections, schedules] = [jobTable(db), connectionTable(db), scheduleTable(db)];
  const backups = backupTable(db);
  const workers: FakeWorker[] = [];
  const limits = o.limits ?? { jobs: 4, perServer: 2 };
  const queue = createQueue({
    jobs,
    server: folder,
    start: fakeWorkers(folder, workers),
    limits,
    keep: o.keep ?? 100,
    log() {},
  });
  const asked: { name: string; input: unknown }[] = [];
  const helper: Helper = {
    async call(name, input) {
      asked.push({ name, input });
      return bench.answer(name, input);
    },
    [Symbol.dispose]() {},
  };
  const connection: ServerContext['around']['connection'] = (name) => {
    const found = connections.get(name);
    if (!found) throw fail('SRV_NOT_FOUND', `there is no connection ${name}`);
    return found.body;
  };
  const around = { cwd: folder, paths: allowedPaths(o.allow ?? []), connection };
  const context = { jobs, connections, schedules, backups, queue, helper, around, server: folder, log() {} };
  const tokens = o.tokens ? { tokens: tokenCheck(o.tokens) } : {};
  const { fastify } = await buildApp({
    context,
    clock: { look() {} },
    web: o.web ?? join(folder, 'no-page'),
    ...tokens,
  });
  let left = false;
  const leave = async (): Promise<void> => {
    if (left) return;
    left = true;
    // What has just been put into the queue is looked at first.
    await new Promise((resolve) => setImmediate(resolve));
    await fastify.close();
    await db[Symbol.asyncDispose]();
  };
  const bench: Bench = { folder, context, app: fastify, workers, asked, answer: () => ({}), leave };
  cleanups.push(bench.leave);
  return bench;
}

/** A task of one server, as YAML. */
export function task(collection = 'c', uri = 'http://127.0.0.1:19530', more = ''): string {
  return `H2M:\n  data_path: x.h5\n  dest_uri: ${uri}\n  dest_collection_name: ${collection}\n  mode: append\n${more}`;
}

export function newJob(more: Partial<NewJob> = {}): NewJob {
  const key = Math.random().toString(36);
  const job = { task: 'H2M', text: task(), cwd: '/', servers: ['a:1'], connections: [], kind: 'manual' } as const;
  return { ...job, key, schedule: null, ...more };
}

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 60_000; !holds(); ) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
