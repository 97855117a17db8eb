import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TaskConfig } from '../../config/types.js';
import { formatBytes } from '../../util/bytes.js';
import { type ErrorCode, fail } from '../../util/errors.js';
import { stateFolder } from '../../util/home.js';
import { attempt, type Findings } from './checks.js';

/** Logs, ledgers and reports of a run need far less. */
const LOW_STATE_BYTES = 200 * 1024 * 1024;

/** The folder itself or, where it is still to be made, the nearest one above it. */
async function standing(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      await stat(at);
      return at;
    } catch (thrown) {
      const code = (thrown as NodeJS.ErrnoException).code;
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || dirname(at) === at) throw thrown;
    }
  }
}

interface Room {
  readonly free: number;
  readonly total: number;
  /** The folder is there, not only one above it. */
  readonly made: boolean;
}

/** Whether a folder could be written to, without writing. Throws an error of the given code. */
async function roomIn(folder: string, code: ErrorCode): Promise<Room> {
  try {
    const at = await standing(folder);
    if (!(await stat(at)).isDirectory()) throw new Error(`${at} is not a folder`);
    await access(at, constants.W_OK | constants.X_OK);
    const { bavail, blocks, bsize } = await statfs(at);
    return { free: bavail * bsize, total: blocks * bsize, made: at === folder };
  } catch (cause) {
    const hint = code === 'DST_STORAGE' ? { hint: 'Mend its permissions, or choose another folder.' } : {};
    throw fail(code, `${folder} cannot be written: ${(cause as Error).message}`, { cause, ...hint });
  }
}

function roomText(folder: string, { free, total, made }: Room): string {
  return `${folder}${made ? '' : ' (to be made)'}: ${formatBytes(free)} of ${formatBytes(total)} free`;
}

async function checkState(findings: Findings): Promise<void> {
  const folder = stateFolder();
  const name = 'state folder';
  const room = await attempt(findings, name, () => roomIn(folder, 'ENV_STATE'));
  if (!room) return;
  const text = `${roomText(folder, room)} for logs and ledgers`;
  if (room.free >= LOW_STATE_BYTES) findings.ok(name, text);
  else findings.warn(name, text, 'Free space, or set MILVUSDM_PATH to another folder.');
}

/** @param bytes of all values of the source; undefined where that is not known */
async function checkRoom(findings: Findings, name: string, folder: string, bytes: number | undefined): Promise<void> {
  const room = await attempt(findings, name, () => roomIn(folder, 'DST_STORAGE'));
  if (!room) return;
  const need = bytes === undefined ? '' : `, the source has ${formatBytes(bytes)}`;
  const text = `${roomText(folder, room)}${need}`;
  if (bytes === undefined || room.free >= bytes) findings.ok(name, text);
  else findings.warn(name, text, 'Free space, or choose another folder: the run would end when it is full.');
}

/** Folders that a run of this task writes to on this machine. Writes nothing. */
export async function checkMachine(config: TaskConfig, findings: Findings, bytes: number | undefined): Promise<void> {
  await checkState(findings);
  const { archive, dest } = config;
  if (archive) await checkRoom(findings, 'archive folder', archive.dir, bytes);
  else if (dest.at.kind === 'embedded') await checkRoom(findings, 'Milvus Lite folder', dest.at.folder, bytes);
}
