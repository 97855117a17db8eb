import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { toMilvusdmError } from '../../util/errors.js';
import { jobFiles } from '../state/folders.js';
import type { StoredJob } from '../state/types.js';
import type { FromWorker, ToWorker } from './protocol.js';

/** How a worker's process ended. */
export interface WorkerEnd {
  /** Another process still runs the job. */
  readonly busy: boolean;
  /** For an error message, such as `signal SIGKILL`. */
  readonly how: string;
}

/** The process that runs one attempt of a job. */
export interface Worker {
  stop(now: boolean): void;
  kill(): void;
  /** Never rejects. */
  readonly ended: Promise<WorkerEnd>;
}

export interface WorkerListeners {
  event(event: Extract<FromWorker, { readonly type: 'event' }>['event']): void;
}

/** Starts the process of a job whose `attempts` counts this one. */
export type StartWorker = (job: StoredJob, listeners: WorkerListeners) => Worker;

const ENTRY = fileURLToPath(new URL('./main.js', import.meta.url));

function endOf(child: ChildProcess, busy: () => boolean): Promise<WorkerEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ busy: false, how: `it did not start: ${error.message}` }));
    child.once('exit', (code, signal) =>
      resolve({ busy: busy(), how: signal === null ? `exit code ${code}` : `signal ${signal}` }),
    );
  });
}

function failed(thrown: unknown): Worker {
  const how = `it did not start: ${toMilvusdmError(thrown).message}`;
  return { stop() {}, kill() {}, ended: Promise.resolve({ busy: false, how }) };
}

/** @param server the folder of all server state */
export function startWorkers(server: string): StartWorker {
  return (job, listeners) => {
    try {
      const files = jobFiles(server, job.id);
      mkdirSync(files.folder, { recursive: true, mode: 0o700 });
      // A file, not a pipe: what the process says must survive the server.
      const log = openSync(files.log, 'a', 0o600);
      const child = spawn(process.execPath, [ENTRY], { stdio: ['ignore', log, log, 'ipc'], serialization: 'advanced' });
      closeSync(log);
      let busy = false;
      child.on('message', (message: FromWorker) => {
        if (message.type === 'busy') busy = true;
        else listeners.event(message.event);
      });
      const ended = endOf(child, () => busy);
      const tell = (message: ToWorker): void => {
        if (child.connected) child.send(message, () => {});
      };
      tell({ type: 'start', text: job.text, cwd: job.cwd, attempt: job.attempts, server, job: job.id });
      return { stop: (now) => tell({ type: 'stop', now }), kill: () => void child.kill('SIGKILL'), ended };
    } catch (thrown) {
      return failed(thrown);
    }
  };
}
