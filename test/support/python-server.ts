import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROJECT } from './environments.js';

interface Ended {
  /** Below 0: the signal that ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly ended: (code: number) => void;
  readonly lost: (error: Error) => void;
}

/**
 * One Python process that has imported pymilvus, which takes a second, and runs every script in a fork of itself.
 * It ends with the process that started it.
 */
export class PythonServer {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #running = new Map<number, Running>();
  #next = 0;
  #said = '';
  #gone: Error | undefined;

  constructor(interpreter: string, folder: string) {
    this.#folder = mkdtempSync(join(folder, 'python-'));
    this.#child = spawn(interpreter, ['-I', join(PROJECT, 'test', 'support', 'python_server.py')]);
    this.#child.stderr?.on('data', (text) => {
      this.#said = (this.#said + text).slice(-4000);
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.on('error', (error) => this.#end(error));
    this.#child.on('exit', (code, signal) =>
      this.#end(new Error(`the Python server ended (${signal ?? code}): ${this.#said}`)),
    );
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const { id, code } = JSON.parse(line) as { id: number; code: number };
      this.#running.get(id)?.ended(code);
    });
  }

  #end(error: Error): void {
    this.#gone = error;
    for (const { lost } of this.#running.values()) lost(error);
  }

  #send(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** Runs a script to its end, however that is; after `timeoutMs` it is killed. Throws when the server itself is gone. */
  async run(argv: readonly string[], timeoutMs: number): Promise<Ended> {
    if (this.#gone) throw this.#gone;
    const id = this.#next++;
    const [out, err] = ['out', 'err'].map((name) => join(this.#folder, `${id}.${name}`)) as [string, string];
    const timer = setTimeout(() => this.#send({ kill: id }), timeoutMs);
    try {
      const code = await new Promise<number>((ended, lost) => {
        this.#running.set(id, { ended, lost });
        this.#send({ id, argv, out, err });
      });
      const [stdout, stderr] = await Promise.all([readFile(out, 'utf8'), readFile(err, 'utf8')]);
      return { code, stdout, stderr };
    } finally {
      clearTimeout(timer);
      this.#running.delete(id);
      await Promise.all([out, err].map((path) => rm(path, { force: true })));
    }
  }
}
