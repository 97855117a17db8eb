// What `npm test` and `npm run quickstart` need before anything else: no dependency, so that they work on a fresh clone.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '..');

const OLDEST_NODE = [20, 19];

/** Runs a command in the project folder with our own streams; ends this process with its code when it fails. */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: PROJECT, stdio: 'inherit', ...options });
  if (error) console.error(`${command} cannot be run: ${error.message}`);
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}

/** Runs npm: the one that started us where there is one, without a shell. */
export function npm(args, options) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js')) run(process.execPath, [cli, ...args], options);
  else run('npm', args, options);
}

function modified(path) {
  return statSync(join(PROJECT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Checks Node, installs the dependencies where they are missing or older than the lock file, and builds. */
export function makeReady({ quiet = false } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    console.error(`milvusdm needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}`);
    process.exit(2);
  }
  const stdio = quiet ? ['inherit', 'ignore', 'inherit'] : 'inherit';
  if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) npm(['ci'], { stdio });
  npm(['run', 'build', ...(quiet ? ['--silent'] : [])], { stdio });
}
