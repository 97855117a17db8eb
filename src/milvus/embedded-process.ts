import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { sleep } from '../util/abort.js';
import { fail } from '../util/errors.js';

/**
 * Runs before every guarded script. The server lives as long as its standard input is open: the kernel closes it when our
 * process ends in whatever way (also by SIGKILL), and then the script ends, or its whole process group is killed.
 * Offers `status(**facts)`, `ended` (an Event), `end()`; prints go to the log, for standard output carries only status lines.
 */
const GUARD = `
import json, os, signal, sys, threading
_status = os.dup(1)
os.dup2(2, 1)
ended = threading.Event()
def status(**facts):
    try:
        os.write(_status, (json.dumps(facts) + "\\n").encode())
    except OSError:
        pass
def end(*_):
    if not ended.is_set():
        ended.set()
        hard = threading.Timer(GRACE_SECONDS, os.killpg, (0, signal.SIGKILL))
        hard.daemon = True
        hard.start()
def _watch():
    while os.read(0, 4096):
        pass
    end()
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, signal.SIG_IGN)
threading.Thread(target=_watch, daemon=True).start()
`;

/** Seconds that a server has for a clean end before it is killed. */
const GRACE_SECONDS = 10;

export interface GuardedOptions {
  readonly python: string;
  /** Python source; runs behind the guard and returns when `ended` is set. */
  readonly script: string;
  readonly args: readonly string[];
  /** Takes everything that the process prints; created or emptied. */
  readonly logFile: string;
}

/** A child process that cannot outlive us. The one who starts it stops it. */
export interface GuardedProcess {
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** The next status line as an object; undefined once the process has ended. Rejects with INTERRUPTED. */
  status(o: {
    timeoutMs: number;
    signal?: AbortSignal | undefined;
  }): Promise<Record<string, unknown> | undefined | 'timeout'>;
  /** Lets our process end without waiting for this one. */
  unref(): void;
  /** Resolves when the process is gone: asked to end, and killed with its group 12 s later. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a Python script in a process group of its own (Ctrl-C in our terminal does not reach it), which ends when we do.
 * Throws ENV_START when the interpreter cannot be run.
 */
export async function startGuarded(o: GuardedOptions): Promise<GuardedProcess> {
  const log = openSync(o.logFile, 'w', 0o600);
  const source = `GRACE_SECONDS = ${GRACE_SECONDS}\n${GUARD}\n${o.script}`;
  let child: ChildProcess;
  try {
    child = spawn(o.python, ['-I', '-u', '-c', source, ...o.args], { detached: true, stdio: ['pipe', 'pipe', log] });
    await once(child, 'spawn');
  } catch (cause) {
    throw fail('ENV_START', `cannot run ${o.python}: ${(cause as Error).message}`, { cause });
  } finally {
    closeSync(log);
  }
  return guarded(child);
}

function guarded(child: ChildProcess): GuardedProcess {
  const pid = child.pid!;
  const pipes = [child.stdin as Socket, child.stdout as Socket];
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin!.on('error', () => {}); // EPIPE when it has died already: `exited` tells
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const gone = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
    exited,
    async status({ timeoutMs, signal }) {
      const late = new AbortController();
      const onAbort = (): void => late.abort();
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) onAbort();
      try {
        const line = lines.next().then((next) => (next.done ? undefined : parse(next.value)));
        return await Promise.race([line, sleep(timeoutMs, late.signal).then(() => 'timeout' as const)]);
      } finally {
        signal?.removeEventListener('abort', onAbort);
        late.abort(); // ends the timer
      }
    },
    unref() {
      child.unref();
      for (const pipe of pipes) pipe.unref();
    },
    async stop() {
      child.ref();
      child.stdin!.end();
      const hard = setTimeout(() => killGroup(pid), (GRACE_SECONDS + 2) * 1000);
      if (!gone()) await exited;
      clearTimeout(hard);
    },
  };
}

function parse(line: string): Record<string, unknown> {
  return JSON.parse(line) as Record<string, unknown>;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // gone in the meantime
  }
}

/** The last lines of a log, indented, for an error message; empty when the log is missing or empty. */
export function logTail(file: string, lines = 12): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return '';
  }
  const tail = text.trimEnd().split('\n').slice(-lines).join('\n  ');
  return tail === '' ? '' : `\n  ${tail}`;
}
