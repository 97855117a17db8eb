import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PROJECT } from '../../test/support/environments.js';

export interface NullServer extends AsyncDisposable {
  readonly address: string;
}

/** Starts bench/peers/null-server.ts in a process of its own. */
export async function startNullServer(): Promise<NullServer> {
  const args = ['--import', 'tsx', join(PROJECT, 'bench', 'peers', 'null-server.ts')];
  const child = spawn(process.execPath, args, { cwd: PROJECT, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const first = await Promise.race([once(child.stdout, 'data'), exited]);
  if (child.exitCode !== null) throw new Error(`the null server ended with ${child.exitCode}`);
  return {
    address: `127.0.0.1:${String(first[0]).trim()}`,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
