import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { fuzzPython } from '../support/environments.js';
import { startServe } from '../support/serve.js';
import { temporaryFolder } from './support.js';

const run = promisify(execFile);

/** How long requests are made up; ten minutes in `npm run test:soak`. */
const SECONDS = Number(process.env.SERVE_FUZZ_SECONDS ?? 30);
const LONG = SECONDS > 60;

/** The script beside the interpreter names the folder that it was installed in, which is another since. */
const SCHEMATHESIS = 'import sys; from schemathesis.cli import schemathesis; sys.argv[0] = "st"; schemathesis()';

interface Failed {
  readonly stdout: string;
}

it(
  `answers whatever the OpenAPI document allows, and what it does not, without a failure of its own, for ${SECONDS} s`,
  async () => {
    const [python, folder] = await Promise.all([fuzzPython(), temporaryFolder()]);
    // What is made up may name no other folder.
    await using server = await startServe({ args: ['--allow-path', folder], timeoutMs: (SECONDS + 900) * 1000 });
    const connection = { uri: 'http://127.0.0.1:1', backup_store: { type: 'local', path: folder } };
    // Nothing listens there, and to see that takes some seconds each time.
    if (LONG) expect((await server.ask('PUT', '/connections/prod', connection)).status).toBe(201);
    const phases = LONG ? 'coverage,fuzzing,stateful' : 'fuzzing';
    const bounds = ['--phases', phases, '--max-time', String(SECONDS), '--workers', '2', '--request-timeout', '30'];
    const args = ['run', `${server.url}/docs/json`, '--checks', 'not_a_server_error', '--no-color', ...bounds];
    const result = await run(python, ['-c', SCHEMATHESIS, ...args], { cwd: folder, maxBuffer: 2 ** 26 }).then(
      ({ stdout }) => ({ failed: false, stdout }),
      ({ stdout }: Failed) => ({ failed: true, stdout }),
    );
    expect(result.failed, result.stdout).toBe(false);
    const [, cases] = /(\d+) generated, \d+ passed/.exec(result.stdout) ?? [];
    expect(Number(cases), result.stdout).toBeGreaterThan(50);
    expect((await server.ask('GET', '/version')).status).toBe(200);
    expect(server.stderr()).not.toContain('INTERNAL');
  },
  (SECONDS + 1000) * 1000,
);
