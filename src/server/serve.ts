import { mkdirSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { fileURLToPath } from 'node:url';
import { fail } from '../util/errors.js';
import type { ServerContext } from './context.js';
import { createHelper } from './helper/helper.js';
import { buildApp } from './http/app.js';
import { isLoopback } from './http/guard.js';
import { readTokens, tokenCheck } from './http/tokens.js';
import { createQueue, type Queue } from './queue/queue.js';
import { type Clock, createClock } from './schedule/clock.js';
import { fire } from './schedule/fire.js';
import { afterBackup } from './schedule/retention.js';
import { backupTable } from './state/backups.js';
import { connectionTable } from './state/connections.js';
import { type Database, openDatabase } from './state/database.js';
import { serverFolder } from './state/folders.js';
import { jobTable } from './state/jobs.js';
import { scheduleTable } from './state/schedules.js';
import { allowedPaths } from './tasks/allowed-paths.js';
import type { ConnectionBody } from './tasks/connection.js';
import { checkConnection } from './tasks/connection-task.js';
import { readConnections } from './tasks/connections-file.js';
import { startWorkers } from './worker/start.js';

export interface ServeOptions {
  readonly host: string;
  /** 0 for one that is free. */
  readonly port: number;
  readonly tokenFile?: string;
  /** A YAML file of connections, which are put in at the start. */
  readonly connections?: string;
  /** Jobs at a time. */
  readonly maxJobs: number;
  /** Jobs at a time that use one Milvus. */
  readonly maxJobsPerServer: number;
  /** Folders that tasks may use; everything where there is none. */
  readonly allowPaths: readonly string[];
  readonly log: (message: string) => void;
}

export interface RunningServer {
  /** `http://host:port`. */
  readonly url: string;
  /** Takes no new jobs, stops what runs and waits for it; the next server continues. */
  stop(): Promise<void>;
}

/** Jobs that have ended and are remembered. */
const KEPT_JOBS = 2000;
/** How long the batches in flight have when the server is stopped. */
const GRACE_MS = 60_000;
const WEB = fileURLToPath(new URL('../web', import.meta.url));

function tokensOf({ host, tokenFile }: ServeOptions): ReturnType<typeof tokenCheck> | undefined {
  if (tokenFile !== undefined) return tokenCheck(readTokens(tokenFile));
  if (isLoopback(host)) return undefined;
  throw fail('SRV_LISTEN', `--host ${host} can be reached from other machines, and there is no --token-file`, {
    hint: 'Make a file with a token (openssl rand -hex 32 > tokens) and name it with --token-file, or leave --host out.',
  });
}

interface Parts {
  readonly context: ServerContext;
  readonly queue: Queue;
  readonly clock: Clock;
}

function assemble(db: Database, server: string, o: ServeOptions): Parts {
  const [jobs, connections] = [jobTable(db), connectionTable(db)];
  const queue = createQueue({
    jobs,
    server,
    start: startWorkers(server),
    limits: { jobs: o.maxJobs, perServer: o.maxJobsPerServer },
    keep: KEPT_JOBS,
    log: o.log,
    onEnd: (job) => void afterBackup(context, job),
  });
  const connection = (name: string): ConnectionBody => {
    const found = connections.get(name);
    if (!found) throw fail('SRV_NOT_FOUND', `there is no connection ${name}`);
    return found.body;
  };
  const around = { cwd: process.cwd(), paths: allowedPaths(o.allowPaths), connection };
  const schedules = scheduleTable(db);
  const tables = { jobs, connections, backups: backupTable(db), schedules };
  const context: ServerContext = { ...tables, queue, helper: createHelper(), around, server, log: o.log };
  const clock = createClock({ schedules, log: o.log, fire: (schedule) => fire(schedule, context) });
  return { queue, context, clock };
}

function takeConnections(file: string | undefined, { connections, around }: ServerContext): void {
  if (file === undefined) return;
  const found = readConnections(file, (body) => checkConnection(body, around));
  for (const [name, body] of found) connections.put(name, body, new Date());
}

async function listen(app: Awaited<ReturnType<typeof buildApp>>, { host, port }: ServeOptions): Promise<string> {
  try {
    await app.fastify.listen({ host, port });
  } catch (cause) {
    throw fail('SRV_LISTEN', `nothing can listen on ${host}:${port}: ${(cause as Error).message}`, { cause });
  }
  const address = app.fastify.server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${bound}`;
}

/**
 * Starts the server of this state folder and lets its jobs go on. Throws SRV_LISTEN, SRV_RUNNING, ENV_STATE, and what the
 * files of tokens and connections are to blame for.
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const tokens = tokensOf(options);
  const server = serverFolder();
  mkdirSync(server, { recursive: true, mode: 0o700 });
  const db = await openDatabase(server);
  try {
    const { context, queue, clock } = assemble(db, server, options);
    takeConnections(options.connections, context);
    const app = await buildApp({ context, clock, web: WEB, ...(tokens ? { tokens } : {}) });
    const url = await listen(app, options);
    queue.open();
    clock.look();
    return {
      url,
      async stop() {
        clock[Symbol.dispose]();
        await queue.close(GRACE_MS);
        app.watchers.close();
        await app.fastify.close();
        context.helper[Symbol.dispose]();
        await db[Symbol.asyncDispose]();
      },
    };
  } catch (thrown) {
    await db[Symbol.asyncDispose]();
    throw thrown;
  }
}
