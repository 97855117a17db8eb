import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Measured {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From spawn to exit. */
  readonly seconds: number;
  /** Highest resident memory of the process itself, not of its children; 0 where the kernel does not tell. */
  readonly peakMiB: number;
  /** User and system time of the process so far, in seconds, by the clock (ms since 1970); none without `memory`. */
  readonly cpu: readonly { readonly at: number; readonly seconds: number }[];
}

export interface MeasureOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Take the peak of memory and the CPU time; costs two small reads every 10 ms. */
  readonly memory?: boolean;
}

const POLL_MS = 10;

/** VmHWM only grows, so the last value before the end counts. */
function peakOf(pid: number): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found ? Number(found[1]) / 1024 : 0;
  } catch {
    return 0;
  }
}

/** Ticks a second of the times in /proc, which Linux fixes for all its interfaces. */
const TICKS = 100;

/** Fields 14 and 15 of /proc/PID/stat, counted from behind the name, which may hold spaces. */
function cpuOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return undefined;
  }
}

/** Runs a program to its end, collecting what it prints. Rejects only when it cannot be started. */
export function measure(command: string, args: readonly string[], o: MeasureOptions = {}): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...o.env },
      ...(o.cwd === undefined ? {} : { cwd: o.cwd }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    let peakMiB = 0;
    const cpu: { at: number; seconds: number }[] = [];
    let seconds = 0;
    const timer = o.memory
      ? setInterval(() => {
          peakMiB = Math.max(peakMiB, peakOf(child.pid!));
          const used = cpuOf(child.pid!);
          if (used !== undefined) cpu.push({ at: Date.now(), seconds: used });
        }, POLL_MS)
      : undefined;
    child.once('error', reject);
    child.once('exit', () => {
      seconds = (performance.now() - started) / 1000;
      clearInterval(timer);
    });
    child.once('close', (code) => {
      const [stdout, stderr] = [Buffer.concat(out).toString('utf8'), Buffer.concat(err).toString('utf8')];
      resolve({ code, stdout, stderr, seconds, peakMiB, cpu });
    });
  });
}

/** Like {@link measure}; throws with all that was printed unless the program ends with 0. */
export async function measureOk(command: string, args: readonly string[], o: MeasureOptions = {}): Promise<Measured> {
  const result = await measure(command, args, o);
  if (result.code === 0) return result;
  throw new Error(
    `${command} ${args.join(' ')} ended with ${result.code}\n${result.stdout.slice(-2000)}\n${result.stderr.slice(-4000)}`,
  );
}
