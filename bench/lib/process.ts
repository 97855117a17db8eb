import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Measured {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From spawn to exit. */
  readonly seconds: number;
  /** When it ended, in milliseconds since 1970. */
  readonly ended: number;
  /** Highest resident memory of the process itself, not of its children; 0 where the kernel does not tell. */
  readonly peakMiB: number;
  /** User and system time of the process so far, in seconds, by the clock (ms since 1970); none without `memory`. */
  readonly cpu: readonly { readonly at: number; readonly seconds: number }[];
  /** Resident memory of the process, MiB, once a second from the first on; none without `memory`. */
  readonly resident: readonly number[];
}

export interface MeasureOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Take the peak of memory and the CPU time; costs two small reads every 10 ms. */
  readonly memory?: boolean;
}

const POLL_MS = 10;

/** VmHWM, which only grows, and VmRSS, in MiB; zeros where the kernel does not tell. */
function memoryOf(pid: number): { readonly peak: number; readonly resident: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1024;
    return { peak: field('VmHWM'), resident: field('VmRSS') };
  } catch {
    return { peak: 0, resident: 0 };
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
    const resident: number[] = [];
    let seconds = 0;
    let ended = 0;
    const timer = o.memory
      ? setInterval(() => {
          const memory = memoryOf(child.pid!);
          peakMiB = Math.max(peakMiB, memory.peak);
          if (memory.resident > 0 && performance.now() - started >= resident.length * 1000)
            resident.push(memory.resident);
          const used = cpuOf(child.pid!);
          if (used !== undefined) cpu.push({ at: Date.now(), seconds: used });
        }, POLL_MS)
      : undefined;
    child.once('error', reject);
    child.once('exit', () => {
      seconds = (performance.now() - started) / 1000;
      ended = Date.now();
      clearInterval(timer);
    });
    child.once('close', (code) => {
      const [stdout, stderr] = [Buffer.concat(out).toString('utf8'), Buffer.concat(err).toString('utf8')];
      resolve({ code, stdout, stderr, seconds, ended, peakMiB, cpu, resident });
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
