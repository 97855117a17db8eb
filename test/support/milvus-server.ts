import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { type GuardedProcess, logTail, startGuarded } from '../../src/milvus/embedded-process.js';
import { sleep } from '../../src/util/abort.js';
import { milvusPython } from './environments.js';
import { freePort, isFree } from './ports.js';
import { isAlive } from './processes.js';

/** The ports of Milvus 2.3.5 in standalone mode; the two of etcd come from its own configuration file. */
const PORTS = [
  'proxy_port',
  'etcd_port',
  'etcd_peer_port',
  'metrics_port',
  'proxy_internal_port',
  'root_coord_port',
  'query_coord_port',
  'query_node_port',
  'index_coord_port',
  'index_node_port',
  'data_coord_port',
  'data_node_port',
] as const;

/**
 * Writes the configuration through the package, then runs the unpacked server itself. Left to the package, etcd listens on
 * 2379 and 2380, one server per machine; with `etcd.config.path` it takes any. The kernel kills the server with this process.
 */
const RUN = `
import ctypes, shutil, subprocess, time, milvus
from os.path import join
data, binaries, ports, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
config = milvus.MilvusServerConfig(data_dir=data)
for name, port in ports.items():
    config.set(name, port)
config.resolve_storage()
config.write_config()
peer, client = ["http://127.0.0.1:%d" % ports[n] for n in ("etcd_peer_port", "etcd_port")]
with open(join(data, "etcd.yaml"), "w") as f:
    json.dump({"name": "default", "data-dir": config.get("etcd_data_dir"), "listen-client-urls": client,
        "advertise-client-urls": client, "listen-peer-urls": peer, "initial-advertise-peer-urls": peer,
        "initial-cluster": "default=" + peer}, f)
yaml = join(data, "configs", "milvus.yaml")
with open(yaml) as f:
    text = f.read()
with open(yaml, "w") as f:
    f.write(text.replace("\\n  use:\\n", "\\n  config:\\n    path: %s\\n  use:\\n" % join(data, "etcd.yaml"), 1))
alias = str(ports["proxy_port"])
libc = ctypes.CDLL(None)
server = subprocess.Popen([join(binaries, "milvus"), "run", "standalone", "-alias", alias], cwd=data, stdin=subprocess.DEVNULL,
    env={**os.environ, "DEPLOY_MODE": "STANDALONE", "METRICS_PORT": str(ports["metrics_port"]), "LD_LIBRARY_PATH": binaries, **settings},
    preexec_fn=lambda: libc.prctl(1, signal.SIGKILL))
status(event="started", pid=server.pid)
while not ended.wait(0.1) and server.poll() is None:
    pass
server.terminate()
try:
    server.wait(5)
except subprocess.TimeoutExpired:
    server.kill()
notes = [join(folder, "standalone-%s.pid" % alias) for folder in ("/run/milvus", "/tmp/milvus")]
for path in notes + ["/tmp/milvus/server_id_%d" % server.pid]:
    try:
        os.unlink(path)
    except OSError:
        pass
if not ended.is_set():
    sys.exit(1)
shutil.rmtree(data, ignore_errors=True)
`;

export interface MilvusServer extends AsyncDisposable {
  /** 127.0.0.1:port */
  readonly address: string;
  /** Folder of its local storage, where it has one. */
  readonly storage: string;
  /** Of the server itself, for tests that stop or kill it; another one after {@link restart}. */
  readonly pid: number;
  /** Kills the server where it still runs, and starts it again with its data at its address. Resolves when it serves. */
  restart(): Promise<void>;
}

export interface MilvusServerOptions {
  readonly port?: number;
  readonly deadlineMs?: number;
  /** Settings of milvus.yaml by the names that Milvus gives them in its environment, e.g. PROXY_GRPC_SERVERMAXRECVSIZE. */
  readonly settings?: Readonly<Record<string, string>>;
}

async function choosePorts(proxyPort: number): Promise<Record<string, number>> {
  if (proxyPort !== 0 && !(await isFree(proxyPort))) {
    throw new Error(
      `port ${proxyPort} is taken: something else listens there, perhaps another Milvus. Stop it, choose another port, ` +
        `or set MILVUS_ADDR=127.0.0.1:${proxyPort} to run the tests against it`,
    );
  }
  const ports: Record<string, number> = {};
  for (const name of PORTS) ports[name] = name === 'proxy_port' && proxyPort !== 0 ? proxyPort : await freePort();
  return ports;
}

interface Launch {
  readonly data: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly settings: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
}

/** Starts the server on its folder and resolves when it serves. */
async function launch({ data, ports, settings, deadlineMs }: Launch): Promise<{ server: GuardedProcess; pid: number }> {
  const { python, binaries } = await milvusPython();
  const logFile = join(data, 'server.log');
  const args = [data, binaries, JSON.stringify(ports), JSON.stringify(settings)];
  const server = await startGuarded({ python, script: RUN, args, logFile });
  try {
    const started = await server.status({ timeoutMs: deadlineMs });
    await untilServing(server, `127.0.0.1:${ports.proxy_port}`, ports.metrics_port!, deadlineMs);
    return { server, pid: typeof started === 'object' ? Number(started.pid) : server.pid };
  } catch (cause) {
    const said = logTail(logFile, 30);
    await server.stop();
    throw new Error(`Milvus 2.3.5 did not start: ${(cause as Error).message}; its log ended:${said}`, { cause });
  }
}

/**
 * Starts the real Milvus 2.3.5 with fresh data in a temporary folder and resolves when it serves. Stopped and its data
 * removed when disposed of, and also when this process dies. Throws with the end of the server's log.
 */
export async function startMilvus(o: MilvusServerOptions = {}): Promise<MilvusServer> {
  const ports = await choosePorts(o.port ?? 0);
  const data = await mkdtemp(join(tmpdir(), 'milvusdm-milvus-'));
  const how: Launch = { data, ports, settings: o.settings ?? {}, deadlineMs: o.deadlineMs ?? 300_000 };
  const remove = (): Promise<void> => rm(data, { recursive: true, force: true });
  let running = await launch(how).catch(async (thrown: unknown) => {
    await remove();
    throw thrown;
  });
  return {
    address: `127.0.0.1:${ports.proxy_port}`,
    storage: join(data, 'data'),
    get pid() {
      return running.pid;
    },
    async restart() {
      if (isAlive(running.pid)) process.kill(running.pid, 'SIGKILL');
      // Its guard ends with it and leaves the data.
      await running.server.exited;
      running = await launch(how);
    },
    async [Symbol.asyncDispose]() {
      await running.server.stop();
      await remove();
    },
  };
}

async function untilServing(
  server: GuardedProcess,
  address: string,
  metricsPort: number,
  deadlineMs: number,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  const exited = server.exited.then(() => 'exited' as const);
  for (let last = ''; last !== 'serving'; ) {
    if (Date.now() > end) throw new Error(`not ready after ${deadlineMs / 1000} s (${last})`);
    if ((await Promise.race([exited, sleep(100)])) === 'exited') throw new Error('its process ended');
    last = await probe(address, metricsPort).catch((error: Error) => error.message);
  }
}

/** "serving" when every component is healthy and a collection can be made, else what is missing. */
async function probe(address: string, metricsPort: number): Promise<string> {
  const health = await fetch(`http://127.0.0.1:${metricsPort}/healthz`, { signal: AbortSignal.timeout(5000) });
  const said = await health.text();
  if (!said.includes('OK')) return `health: ${said.slice(0, 200)}`;
  const client = new MilvusClient({
    address,
    timeout: 10_000,
    maxRetries: 0,
    telemetry: { enabled: false },
    logLevel: 'none',
  });
  try {
    const name = 'milvusdm_test_readiness';
    const made = await client.createCollection({
      collection_name: name,
      fields: [
        { name: 'id', data_type: DataType.Int64, is_primary_key: true },
        { name: 'v', data_type: DataType.FloatVector, dim: 2 },
      ],
    });
    if (made.code !== 0) return `create collection: ${made.reason}`;
    await client.dropCollection({ collection_name: name });
    return 'serving';
  } finally {
    await client.closeConnection();
  }
}
