import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, told from a later one with the same number. Safe to store as JSON. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the kernel's own ticks since boot and with the boot's id: a pid is used again, this is not. */
  readonly began: string;
}

/** Field 22 of /proc/PID/stat (proc(5)), behind the command in parentheses; '' where the system has no such file. */
function beginOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '';
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, host: hostname(), began: beginOf(process.pid) };
}

/** Whether the process is gone for certain. Of another machine nothing is known. */
export function isGone(one: ProcessIdentity): boolean {
  if (one.host !== hostname()) return false;
  if (!isRunning(one.pid)) return true;
  const began = beginOf(one.pid);
  return began !== '' && one.began !== '' && began !== one.began;
}
