import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { throwIfAborted } from '../util/abort.js';
import { fail, type MilvusdmError } from '../util/errors.js';
import { stateFolder } from '../util/home.js';
import { ensureEnvironment } from './embedded-environment.js';
import { type GuardedProcess, logTail, startGuarded } from './embedded-process.js';

/** The release of Milvus Lite that is run. */
export const MILVUS_LITE_VERSION = '3.2.2';

/** Its server takes its protobuf classes from pymilvus, which the package does not ask for itself. */
const REQUIREMENTS = [`milvus-lite==${MILVUS_LITE_VERSION}`, 'pymilvus==3.0.2'] as const;

const START_TIMEOUT_MS = 60_000;
const KEPT_LOGS = 20;

/**
 * What `milvus-lite server` does, with four differences: the port is given by the system and reported, never shared with another
 * server (the default SO_REUSEPORT would spread requests over both); keep-alive pings are welcome (by default the third one
 * within five idle minutes ends the connection); it ends with us; and the collections are closed, that is flushed, on any end.
 */
const SERVE = `
from concurrent import futures
import grpc
from pymilvus.grpc_gen import milvus_pb2_grpc
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.db import MilvusLite
from milvus_lite.exceptions import DataDirLockedError
try:
    db = MilvusLite(sys.argv[1])
except DataDirLockedError:
    status(event="locked")
    sys.exit(1)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=10), options=[
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 256 << 20),
    ("grpc.max_send_message_length", 256 << 20),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
])
milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(db), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
status(event="serving", port=port)
ended.wait()
server.stop(grace=5).wait()
db.close()
`;

/** A running Milvus Lite. The one who starts it disposes of it; then it flushes, ends and frees its folder. */
export interface EmbeddedServer extends AsyncDisposable {
  /** 127.0.0.1:port. Connect with the channel option `grpc.enable_http_proxy: 0`. */
  readonly address: string;
  /** Release of Milvus Lite. */
  readonly version: string;
  /** Takes everything that the server prints. */
  readonly logFile: string;
}

export interface EmbeddedOptions {
  /** Takes what the user should know: that something is installed, into where. */
  log(message: string): void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Path of the Python that has Milvus Lite, installed on first use into a private environment: `milvus-lite-<version>/` in
 * `$MILVUSDM_EMBEDDED_PATH`, default `embedded/` in the state folder. The variable lets several state folders share one
 * installation. Throws ENV_PYTHON, ENV_INSTALL or INTERRUPTED.
 */
export function installEmbedded(o: EmbeddedOptions): Promise<string> {
  const root = process.env.MILVUSDM_EMBEDDED_PATH || join(stateFolder(), 'embedded');
  const folder = join(root, `milvus-lite-${MILVUS_LITE_VERSION}`);
  return ensureEnvironment({
    folder,
    requirements: REQUIREMENTS,
    notice:
      `first use: installing Milvus Lite ${MILVUS_LITE_VERSION} into ${folder} ` +
      '(about 110 MB to download, 460 MB on disk), once',
    prepare: 'import milvus_lite.adapter.grpc.server',
    log: o.log,
    signal: o.signal,
  });
}

/**
 * Starts Milvus Lite on a data folder (made when missing, for its owner alone) at a free port of the loopback interface;
 * installs it on first use. It has a process group of its own, so Ctrl-C does not reach it, and it ends when our process
 * does, in whatever way that happens. Its log is kept in `embedded/logs/` of the state folder.
 * Throws what {@link installEmbedded} throws, and ENV_START: folder in use, server died or did not answer within 60 s.
 */
export async function startEmbedded(folder: string, o: EmbeddedOptions): Promise<EmbeddedServer> {
  await makeDataFolder(folder);
  const python = await installEmbedded(o);
  const logFile = await newLogFile(join(stateFolder(), 'embedded', 'logs'));
  throwIfAborted(o.signal);
  const server = await startGuarded({ python, script: SERVE, args: [folder], logFile });
  try {
    const address = `127.0.0.1:${await servingPort(server, folder, logFile, o.signal)}`;
    await answers(address, logFile);
    server.unref();
    return { address, version: MILVUS_LITE_VERSION, logFile, [Symbol.asyncDispose]: server.stop };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function makeDataFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const why = taken
      ? 'a file of that name exists (Milvus Lite 3 keeps its data in a folder)'
      : (cause as Error).message;
    throw fail('ENV_START', `cannot make the data folder ${folder} of Milvus Lite: ${why}`, {
      hint: 'Choose another path as dest_uri.',
      cause,
    });
  }
}

/** A new log in the folder, of which the newest are kept. */
async function newLogFile(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const old = (await readdir(folder)).filter((name) => name.startsWith('milvus-lite-')).sort();
  await Promise.all(
    old.slice(0, Math.max(0, old.length - KEPT_LOGS + 1)).map((name) => rm(join(folder, name), { force: true })),
  );
  const time = new Date().toISOString().replaceAll(/[-:]/g, '');
  return join(folder, `milvus-lite-${time}-${process.pid}.log`);
}

async function servingPort(
  server: GuardedProcess,
  folder: string,
  logFile: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const said = await server.status({ timeoutMs: START_TIMEOUT_MS, signal });
  if (said === 'timeout') throw notStarted(`is not ready after ${START_TIMEOUT_MS / 1000} s`, logFile);
  if (said?.event === 'locked') {
    throw fail('ENV_START', `the folder ${folder} is in use by another Milvus Lite server`, {
      hint: 'Wait until the other run is over or stop it; if it is a server of your own, give its host:port as dest_uri.',
    });
  }
  if (typeof said?.port !== 'number') throw notStarted('ended at once', logFile);
  return said.port;
}

/** One call of the real service, so that the address is known to be reachable from here. */
async function answers(address: string, logFile: string): Promise<void> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  const bytes = (b: Buffer): Buffer => b;
  const deadline = Date.now() + START_TIMEOUT_MS;
  try {
    await new Promise<void>((resolve, reject) => {
      const method = '/milvus.proto.milvus.MilvusService/GetVersion';
      client.makeUnaryRequest(method, bytes, bytes, Buffer.alloc(0), new grpc.Metadata(), { deadline }, (error) =>
        error ? reject(notStarted(`does not answer at ${address} (${error.details})`, logFile)) : resolve(),
      );
    });
  } finally {
    client.close();
  }
}

function notStarted(what: string, logFile: string): MilvusdmError {
  return fail('ENV_START', `Milvus Lite ${MILVUS_LITE_VERSION} ${what}; its log ${logFile} ends:${logTail(logFile)}`);
}
