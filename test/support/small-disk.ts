import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Gives it that many bytes. */
  resize(bytes: number): Promise<void>;
}

/** A file system of its own with that many bytes (tmpfs). Throws, naming what is missing, where it cannot be mounted. */
export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'milvusdm-disk-'));
  const path = join(folder, 'disk');
  await mkdir(path);
  const mount = async (options: string): Promise<void> => {
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `${options},mode=700`, 'tmpfs', path]);
    } catch (cause) {
      throw new Error(`a full disk needs root and mount(8) with tmpfs: ${(cause as Error).message}`, { cause });
    }
  };
  await mount(`size=${bytes}`);
  return {
    path,
    resize: (size) => mount(`remount,size=${size}`),
    async [Symbol.asyncDispose]() {
      await run('umount', ['-l', path]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
