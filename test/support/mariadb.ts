import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Connection, createConnection } from 'mysql2/promise';
import { logTail, startGuarded } from '../../src/milvus/embedded-process.js';
import { findPython } from '../../src/milvus/embedded-python.js';
import { sleep } from '../../src/util/abort.js';
import { ensurePackages, findProgram } from './debian.js';
import { freePort } from './ports.js';

const run = promisify(execFile);

/** Makes an empty data folder, runs the server on it and removes it. The kernel kills the server with this process. */
const RUN = `
import ctypes, shutil, subprocess
from os.path import join
folder, install, server, port = sys.argv[1:]
libc = ctypes.CDLL(None)
def die_with_us():
    libc.prctl(1, signal.SIGKILL)
data = join(folder, "data")
root = ["--user=root"] if os.getuid() == 0 else []
subprocess.run([install, "--no-defaults", "--datadir=" + data, "--skip-test-db", "--auth-root-authentication-method=normal"] + root,
    check=True, stdin=subprocess.DEVNULL, preexec_fn=die_with_us)
child = subprocess.Popen([server, "--no-defaults", "--datadir=" + data, "--bind-address=127.0.0.1", "--port=" + port,
    "--socket=" + join(folder, "s"), "--pid-file=" + join(folder, "pid"), "--tmpdir=" + folder, "--innodb-buffer-pool-size=8M",
    "--init-file=" + join(folder, "users.sql"), "--ssl-cert=" + join(folder, "cert.pem"), "--ssl-key=" + join(folder, "key.pem")] + root,
    stdin=subprocess.DEVNULL, preexec_fn=die_with_us)
status(event="started", pid=child.pid)
while not ended.wait(0.1) and child.poll() is None:
    pass
child.terminate()
try:
    child.wait(8)
except subprocess.TimeoutExpired:
    child.kill()
if not ended.is_set():
    sys.exit(1)
shutil.rmtree(folder, ignore_errors=True)
`;

/** The name that the server's certificate is for. */
export const CERTIFIED_NAME = 'mariadb.test';

/** A MariaDB of one test file. */
export interface MariaDb extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The certificate that signs the server's, as a file. */
  readonly ca: string;
  /** Makes a database (dropped first where there is one) and runs statements in it. */
  load(database: string, statements: string): Promise<void>;
}

const USER = 'milvus';
const PASSWORD = `p'w "${Math.random().toString(36).slice(2)}"`;
const START_TIMEOUT_MS = 240_000;

interface Programs {
  readonly server: string;
  readonly install: string;
  readonly openssl: string;
}

function findPrograms(): Programs | undefined {
  const server = findProgram(['mariadbd', 'mysqld']);
  const install = findProgram(['mariadb-install-db', 'mysql_install_db']);
  const openssl = findProgram(['openssl']);
  return server && install && openssl ? { server, install, openssl } : undefined;
}

function connect(port: number): Promise<Connection> {
  return createConnection({
    host: '127.0.0.1',
    port,
    user: USER,
    password: PASSWORD,
    charset: 'utf8mb4',
    multipleStatements: true,
  });
}

async function loadInto(port: number, database: string, statements: string): Promise<void> {
  const connection = await connect(port);
  try {
    await connection.query(`DROP DATABASE IF EXISTS \`${database}\``);
    await connection.query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
    await connection.query(`USE \`${database}\``);
    await connection.query(statements);
  } finally {
    await connection.end();
  }
}

/** The certificate and the accounts: `milvus` may do everything, `nobody` nothing. */
async function prepare(folder: string, openssl: string): Promise<void> {
  const quoted = PASSWORD.replaceAll("'", "''");
  const users = [USER, 'nobody'].map((user) => `CREATE USER '${user}'@'%' IDENTIFIED BY '${quoted}';`);
  const grant = `GRANT ALL ON *.* TO '${USER}'@'%' WITH GRANT OPTION;`;
  await writeFile(join(folder, 'users.sql'), [...users, grant, ''].join('\n'), { mode: 0o600 });
  const subject = ['-subj', `/CN=${CERTIFIED_NAME}`, '-addext', `subjectAltName=DNS:${CERTIFIED_NAME}`];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  await run(openssl, ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files]);
}

/**
 * Starts a MariaDB of our own with fresh data at a free port, installing the distribution's package where it is missing
 * and we are root. Stopped and its data removed when disposed of, and also when this process dies. Throws with the end
 * of the server's log.
 */
export async function ensureMariaDb(): Promise<MariaDb> {
  const { server, install, openssl } = await ensurePackages(['mariadb-server', 'openssl'], findPrograms);
  const folder = await mkdtemp(join(tmpdir(), 'milvusdm-mariadb-'));
  await prepare(folder, openssl);
  const port = await freePort();
  const logFile = join(folder, 'server.log');
  const guarded = await startGuarded({
    python: await findPython(),
    script: RUN,
    args: [folder, install, server, String(port)],
    logFile,
  });
  const dispose = async (): Promise<void> => {
    await guarded.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const end = Date.now() + START_TIMEOUT_MS;
  const exited = guarded.exited.then(() => 'exited' as const);
  for (let last: unknown = 'not started'; last !== undefined; ) {
    last = await connect(port).then(
      (connection) => connection.end(),
      (thrown: unknown) => thrown,
    );
    if (last === undefined) break;
    if (Date.now() < end && (await Promise.race([exited, sleep(100)])) !== 'exited') continue;
    const said = logTail(logFile, 30);
    await dispose();
    throw new Error(`MariaDB did not start; its log ended:${said}`, { cause: last });
  }
  return {
    host: '127.0.0.1',
    port,
    user: USER,
    password: PASSWORD,
    ca: join(folder, 'cert.pem'),
    load: (database, statements) => loadInto(port, database, statements),
    [Symbol.asyncDispose]: dispose,
  };
}
