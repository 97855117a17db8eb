import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { S3Storage } from '../../src/config/types.js';
import { logTail, startGuarded } from '../../src/milvus/embedded-process.js';
import { findPython } from '../../src/milvus/embedded-python.js';
import { clientSettings } from '../../src/store/s3/client.js';
import { sleep } from '../../src/util/abort.js';
import { CACHE } from './environments.js';
import { freePort } from './ports.js';
import { isAlive } from './processes.js';

/** The last version that its authors published; its module needs Go 1.24 or newer. */
const VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c';
const FOLDER = join(CACHE, 'minio');
const PROGRAM = join(FOLDER, VERSION, 'minio');
const LOCK = join(FOLDER, `${VERSION}.building`);
const LOG = join(FOLDER, `${VERSION}.build.log`);
const START_TIMEOUT_MS = 240_000;
const USER = 'milvusdm-tests';
const PASSWORD = `pw+/${Math.random().toString(36).slice(2)}`;

/** Runs the server and removes its folder at the end. The kernel kills the server with this process. */
const RUN = `
import ctypes, shutil, subprocess
from os.path import join
folder, program, port, console, user, password = sys.argv[1:]
libc = ctypes.CDLL(None)
child = subprocess.Popen([program, "server", "--quiet", "--address", "127.0.0.1:" + port, "--console-address", "127.0.0.1:" + console,
    join(folder, "data")], cwd=folder, stdin=subprocess.DEVNULL,
    env={**os.environ, "HOME": folder, "MINIO_ROOT_USER": user, "MINIO_ROOT_PASSWORD": password, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"},
    preexec_fn=lambda: libc.prctl(1, signal.SIGKILL))
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

/** Takes the lock of the build; the id of the process that holds it where that is another living one. */
async function takeLock(): Promise<number | undefined> {
  for (;;) {
    try {
      const file = await open(LOCK, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return undefined;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    }
    const holder = existsSync(LOCK) ? Number(readFileSync(LOCK, 'utf8')) : 0;
    if (holder === process.pid || (holder > 0 && isAlive(holder))) return holder;
    // Between making and filling it a moment passes.
    await sleep(200);
    if (existsSync(LOCK) && Number(readFileSync(LOCK, 'utf8')) === holder) await rm(LOCK, { force: true });
  }
}

async function build(signal: AbortSignal | undefined): Promise<void> {
  process.stderr.write(
    `test set-up: building MinIO ${VERSION} into ${FOLDER}, once (some minutes, in the background)\n`,
  );
  const [bin, scratch] = [join(FOLDER, `${VERSION}.${process.pid}.tmp`), join(FOLDER, 'build')];
  const log = openSync(LOG, 'w');
  try {
    const env = {
      ...process.env,
      GOBIN: bin,
      // Kept until the build has succeeded, so that one that was cut short goes on where it was.
      GOPATH: join(scratch, 'path'),
      GOCACHE: join(scratch, 'cache'),
      GOFLAGS: `${process.env.GOFLAGS ?? ''} -modcacherw`.trim(),
      CGO_ENABLED: '0',
    };
    const args = ['install', '-trimpath', '-ldflags=-s -w', `github.com/minio/minio@${VERSION}`];
    const child = spawn('go', args, { env, stdio: ['ignore', log, log], ...(signal ? { signal } : {}) });
    const ended = once(child, 'exit');
    ended.catch(() => {});
    await once(child, 'spawn').catch((cause) => {
      throw new Error(
        'the tests of object stores need MinIO, which is built with Go: install Go 1.24 or newer (go must be on the PATH)',
        { cause },
      );
    });
    // Other tests run beside it.
    if (child.pid !== undefined) setPriority(child.pid, 10);
    const [code] = (await ended) as [number | null];
    if (code !== 0) throw new Error(`MinIO could not be built (go install ended with ${code}):${logTail(LOG, 20)}`);
    await rename(bin, join(FOLDER, VERSION)).catch((thrown) => {
      if (!existsSync(PROGRAM)) throw thrown;
    });
    await rm(scratch, { recursive: true, force: true });
  } finally {
    closeSync(log);
    await rm(bin, { recursive: true, force: true });
  }
}

/**
 * Path of the MinIO server, which is built with Go where it is missing; of several processes one builds and the others
 * wait. Throws where there is no Go, or with the end of its output.
 */
export async function minioProgram(signal?: AbortSignal): Promise<string> {
  while (!existsSync(PROGRAM)) {
    await mkdir(FOLDER, { recursive: true });
    if ((await takeLock()) !== undefined) {
      await sleep(500, signal);
      continue;
    }
    try {
      if (!existsSync(PROGRAM)) await build(signal);
    } finally {
      await rm(LOCK, { force: true });
    }
  }
  return PROGRAM;
}

/** A MinIO of one test file. */
export interface Minio extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Of the server itself, for tests that stop it. */
  readonly pid: number;
  /** Makes a bucket and tells how to reach it, with a root of its own. */
  bucket(name: string, root?: string): Promise<S3Storage>;
  /** Keys with an upload that was neither ended nor given up. */
  uploads(bucket: string): Promise<string[]>;
  /** The same store with temporary credentials that may list, read, write and remove below its root, and nothing else. */
  narrowed(config: S3Storage): Promise<S3Storage>;
}

async function ask<T>(config: S3Storage, request: (client: S3Client) => Promise<T>): Promise<T> {
  const client = new S3Client(clientSettings(config, {}));
  try {
    return await request(client);
  } finally {
    client.destroy();
  }
}

/** The least that milvusdm needs. */
function policyFor({ bucket, root }: S3Storage): string {
  const allow = (actions: readonly string[], resource: string, more: object = {}): object => ({
    Effect: 'Allow',
    Action: actions.map((action) => `s3:${action}`),
    Resource: [`arn:aws:s3:::${resource}`],
    ...more,
  });
  const Statement = [
    allow(['ListBucket'], bucket, { Condition: { StringLike: { 's3:prefix': [`${root}/*`] } } }),
    allow(['GetObject', 'PutObject', 'DeleteObject', 'AbortMultipartUpload'], `${bucket}/${root}/*`),
  ];
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** Credentials of MinIO's token service that may only do what the policy says. */
async function narrowed(config: S3Storage): Promise<S3Storage> {
  const { region, credentials, endpoint } = clientSettings({ ...config, accessKey: USER, secretKey: PASSWORD }, {});
  const client = new STSClient({ region: region!, credentials: credentials!, endpoint: endpoint as string });
  const RoleArn = 'arn:aws:iam::000000000000:role/unused';
  const assume = new AssumeRoleCommand({ RoleArn, RoleSessionName: 'narrow', Policy: policyFor(config) });
  const { Credentials } = await client.send(assume).finally(() => client.destroy());
  const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials!;
  return { ...config, accessKey: AccessKeyId!, secretKey: SecretAccessKey!, sessionToken: SessionToken! };
}

/**
 * Starts a MinIO with an empty temporary folder at a free port and resolves when it serves. Stopped and its data removed
 * when disposed of, and also when this process dies. Throws with the end of the server's log.
 */
export async function startMinio(): Promise<Minio> {
  const program = await minioProgram();
  const folder = await mkdtemp(join(tmpdir(), 'milvusdm-minio-'));
  const [port, console] = [await freePort(), await freePort()];
  const logFile = join(folder, 'server.log');
  const args = [folder, program, String(port), String(console), USER, PASSWORD];
  const guarded = await startGuarded({ python: await findPython(), script: RUN, args, logFile });
  const dispose = async (): Promise<void> => {
    await guarded.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const started = await guarded.status({ timeoutMs: START_TIMEOUT_MS });
  const end = Date.now() + START_TIMEOUT_MS;
  const exited = guarded.exited.then(() => 'exited' as const);
  const ready = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/minio/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await ready())) {
    if (Date.now() < end && (await Promise.race([exited, sleep(50)])) !== 'exited') continue;
    const said = logTail(logFile, 30);
    await dispose();
    throw new Error(`MinIO did not start; its log ended:${said}`);
  }
  return {
    port,
    user: USER,
    password: PASSWORD,
    pid: typeof started === 'object' ? Number(started.pid) : guarded.pid,
    async bucket(name, root = '') {
      const endpoint = { host: '127.0.0.1', port, tls: false };
      const config: S3Storage = { type: 's3', endpoint, bucket: name, root, accessKey: USER, secretKey: PASSWORD };
      const make = (client: S3Client): Promise<unknown> => client.send(new CreateBucketCommand({ Bucket: name }));
      for (;;) {
        try {
          await ask(config, make);
        } catch (thrown) {
          // It says that it is ready some moments before it is.
          const early = (thrown as Error).name === 'XMinioServerNotInitialized' && Date.now() < end;
          if (early && (await Promise.race([exited, sleep(50)])) !== 'exited') continue;
          if ((thrown as Error).name !== 'BucketAlreadyOwnedByYou') throw thrown;
        }
        return config;
      }
    },
    async uploads(bucket) {
      const endpoint = { host: '127.0.0.1', port, tls: false };
      const config: S3Storage = { type: 's3', endpoint, bucket, root: '', accessKey: USER, secretKey: PASSWORD };
      const list = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'half' });
      const { Uploads = [] } = await ask(config, (client) => client.send(list));
      return Uploads.map(({ Key = '' }) => Key);
    },
    narrowed,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Settings for `startMilvus`, so that a Milvus keeps its data in a bucket. */
export function milvusOn(store: S3Storage): Readonly<Record<string, string>> {
  return {
    COMMON_STORAGETYPE: 'minio',
    MINIO_ADDRESS: store.endpoint?.host ?? '',
    MINIO_PORT: String(store.endpoint?.port),
    MINIO_ACCESSKEYID: store.accessKey ?? '',
    MINIO_SECRETACCESSKEY: store.secretKey ?? '',
    MINIO_USESSL: 'false',
    MINIO_BUCKETNAME: store.bucket,
    MINIO_ROOTPATH: store.root,
  };
}
