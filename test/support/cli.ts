import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { sleep } from '../../src/util/abort.js';
import { PROJECT } from './environments.js';

const MAIN = join(PROJECT, 'dist', 'cli', 'main.js');

export interface CliOptions {
  readonly cwd?: string;
  /** Added to the environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `MILVUSDM_PATH`; default a new folder for every run. Give the same one to resume. */
  readonly stateFolder?: string;
  /** Killed after this long; default 10 minutes. */
  readonly timeoutMs?: number;
  /** What it reads on standard input. */
  readonly input?: string;
}

export interface CliResult {
  /** Exit code; null when a signal killed it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stateFolder: string;
  /** stdout as the one JSON document that `--json` promises. Throws with all output where it is none. */
  json(): Record<string, unknown>;
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly stateFolder: string;
  /** What it has written to stderr so far. */
  stderr(): string;
  readonly result: Promise<CliResult>;
}

/** Starts the built command line as a child process, for tests that stop or kill it. */
export async function startCli(args: readonly string[], o: CliOptions = {}): Promise<RunningCli> {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run \`npm run build\` first`);
  const stateFolder = o.stateFolder ?? (await mkdtemp(join(inject('runFolder'), 'state-')));
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: o.cwd ?? PROJECT,
    env: { ...process.env, MILVUSDM_EMBEDDED_PATH: inject('embeddedPath'), MILVUSDM_PATH: stateFolder, ...o.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: o.timeoutMs ?? 600_000,
    killSignal: 'SIGKILL',
  });
  const out = collect(child.stdout!);
  const err = collect(child.stderr!);
  child.stdin!.on('error', () => {}); // it may end without reading its input
  child.stdin!.end(o.input ?? '');
  const result = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const stdout = out();
      const stderr = err();
      resolve({ code, signal, stdout, stderr, stateFolder, json: () => document(args, code, stdout, stderr) });
    });
  });
  return { child, stateFolder, stderr: err, result };
}

/** Runs the built command line to its end. */
export async function runCli(args: readonly string[], o: CliOptions = {}): Promise<CliResult> {
  return (await startCli(args, o)).result;
}

/** Resolves when `seen` is so; fails where the process ends before. */
export async function until(running: RunningCli, seen: () => boolean | Promise<boolean>): Promise<void> {
  let over: string | undefined;
  void running.result.then((result) => {
    over = result.stdout + result.stderr;
  });
  while (!(await seen())) {
    if (over !== undefined) throw new Error(`it has ended before: ${over}`);
    await sleep(5);
  }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

function document(
  args: readonly string[],
  code: number | null,
  stdout: string,
  stderr: string,
): Record<string, unknown> {
  try {
    return JSON.parse(stdout) as Record<string, unknown>;
  } catch (cause) {
    const shown = `exit ${code}\n--- stdout\n${stdout}\n--- stderr\n${stderr}`;
    throw new Error(`milvusdm ${args.join(' ')} printed no JSON document: ${shown}`, { cause });
  }
}
