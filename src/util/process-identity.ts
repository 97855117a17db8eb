import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, told from a later one with the same number. Safe to store as JSON. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the kernel's own ticks since boot and with the boot's id: a pid is used again, this is not. */
  readonly began: string;
}

/** Fields of /proc/PID/stat (proc(5)) from the state on, behind the command in parentheses; none where there is no such file. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** '' where the system does not tell. */
function beginOf(pid: number): string {
  const ticks = statOf(pid)[19];
  try {
    return ticks === undefined ? '' : `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${ticks}`;
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
  // Dead, and not fetched by its parent so far: containers often have nobody who does.
  if (statOf(one.pid)[0] === 'Z') return true;
  const began = beginOf(one.pid);
  return began !== '' && one.began !== '' && began !== one.began;
}
