import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { sleep } from '../../src/util/abort.js';

/** Whether a process of that id runs. One that has ended and waits for whoever inherited it to notice (Z) does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    const facts = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return facts.slice(facts.lastIndexOf(')') + 2, facts.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** Resolves when the process is gone. Throws when it is still there after `limitMs`. */
export async function untilGone(pid: number, limitMs: number): Promise<void> {
  const began = performance.now();
  while (isAlive(pid)) {
    if (performance.now() - began > limitMs) throw new Error(`process ${pid} is still there after ${limitMs} ms`);
    await sleep(20);
  }
}

/**
 * Runs a TypeScript module, written to `path` (.mts), as a process of its own, and resolves with its first line of output.
 * The caller ends it. Throws when it ends without a line.
 */
export async function runModule(path: string, source: string): Promise<{ child: ChildProcess; line: string }> {
  await writeFile(path, source);
  const args = ['--import', import.meta.resolve('tsx'), path];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${path} ended (${signal ?? `exit ${code}`}) before it said anything`);
  });
  const said = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
  const [line] = await Promise.race([said, ended]);
  ended.catch(() => {});
  return { child, line };
}
