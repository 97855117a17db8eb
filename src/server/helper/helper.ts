import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fail } from '../../util/errors.js';
import type { FromHelper } from '../worker/protocol.js';

/** Answers questions in a process of its own. */
export interface Helper extends Disposable {
  /** Throws what the call throws; NET_DEADLINE after the time, SRV_BUSY for too many at a time. */
  call(name: string, input: unknown, timeoutMs?: number): Promise<unknown>;
}

const ENTRY = fileURLToPath(new URL('./main.js', import.meta.url));

function startHelper(): ChildProcess {
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
  return spawn(process.execPath, [ENTRY], { stdio: [...stdio], serialization: 'advanced' });
}

const AT_A_TIME = 16;
const TIMEOUT_MS = 120_000;
/** What does not end when it is told to is ended with its process. */
const GRACE_MS = 5000;

interface Waiting {
  /** The process that was asked. */
  readonly of: ChildProcess;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Makes the helper; its process starts with the first question, and again after a crash. */
export function createHelper(start: () => ChildProcess = startHelper): Helper {
  const waiting = new Map<number, Waiting>();
  let child: ChildProcess | undefined;
  let last = 0;

  const lose = (lost: ChildProcess, how: string): void => {
    if (child === lost) child = undefined;
    // Another one may have been started already: of a process that dies, the way to it goes first.
    for (const [id, one] of waiting) {
      if (one.of !== lost) continue;
      waiting.delete(id);
      one.reject(fail('SRV_WORKER', `the process that looks things up ended without an answer (${how})`));
    }
  };
  const take = (message: FromHelper): void => {
    const one = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.ok) one?.resolve(message.value);
    else one?.reject(fail(message.error.code, message.error.message, { hint: message.error.hint }));
  };
  const open = (): ChildProcess => {
    if (child?.connected) return child;
    const made = start();
    made.on('message', take);
    made.once('error', (error) => lose(made, error.message));
    made.once('exit', (code, signal) => lose(made, signal ?? `exit code ${code}`));
    child = made;
    return made;
  };
  return {
    async call(name, input, timeoutMs = TIMEOUT_MS) {
      if (waiting.size >= AT_A_TIME) {
        throw fail('SRV_BUSY', `${waiting.size} questions are being looked up, allowed: ${AT_A_TIME}`);
      }
      const asked = open();
      const id = ++last;
      let late: NodeJS.Timeout | undefined;
      try {
        return await new Promise((resolve, reject) => {
          waiting.set(id, { of: asked, resolve, reject });
          late = setTimeout(() => {
            reject(fail('NET_DEADLINE', `${name}: no answer within ${timeoutMs / 1000} s`));
            asked.send({ abort: id }, () => {});
            setTimeout(() => {
              if (waiting.has(id)) asked.kill('SIGKILL');
            }, GRACE_MS).unref();
          }, timeoutMs);
          asked.send({ id, call: name, input }, (error) => error && reject(fail('SRV_WORKER', error.message)));
        });
      } finally {
        clearTimeout(late);
      }
    },
    [Symbol.dispose]() {
      child?.kill('SIGKILL');
    },
  };
}
