import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program by one of its names, in the PATH or where servers are installed. */
export function findProgram(names: readonly string[]): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
}

/** What packages of the distribution bring; installs them where it is missing and we are root, else throws and names them. */
export async function ensurePackages<T>(packages: readonly string[], find: () => T | undefined): Promise<T> {
  const found = find();
  if (found) return found;
  const names = packages.join(' and ');
  if (process.getuid?.() !== 0 || !findProgram(['apt-get'])) {
    throw new Error(`these tests need the packages ${names} of the distribution: install them`);
  }
  process.stderr.write(`test set-up: installing ${names} from the distribution, once\n`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, maxBuffer: 64 << 20 };
  await run('apt-get', ['update', '-q'], options);
  await run('apt-get', ['install', '-qy', '--no-install-recommends', ...packages], options);
  const installed = find();
  if (!installed) throw new Error(`${names} were installed, but their programs are not to be found`);
  return installed;
}
