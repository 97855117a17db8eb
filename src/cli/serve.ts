import { toMilvusdmError } from '../util/errors.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { openLog } from '../util/log.js';
import type { GlobalOptions } from './options.js';
import { logLevelOf } from './session.js';

export interface ServeCommandOptions extends GlobalOptions {
  readonly host: string;
  readonly port: number;
  readonly tokenFile?: string;
  readonly connections?: string;
  readonly maxJobs: number;
  readonly maxJobsPerConnection: number;
  readonly allowPath?: readonly string[];
}

/** Resolves with the first SIGINT or SIGTERM; a second one ends the process. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let told = false;
    const handler = (signal: NodeJS.Signals): void => {
      if (told) process.exit(EXIT.interrupted);
      told = true;
      resolve(signal);
    };
    process.on('SIGINT', handler);
    process.on('SIGTERM', handler);
  });
}

/** `milvusdm serve`: answers requests until it is stopped by a signal, which is how it ends well. */
export async function serveCommand(options: ServeCommandOptions): Promise<ExitCode> {
  const log = await openLog({
    level: logLevelOf(options),
    format: options.logFormat,
    secrets: [],
    write: (line) => process.stderr.write(`${line}\n`),
  });
  const { startServer } = await import('../server/serve.js');
  const { host, port, tokenFile, connections, maxJobs, maxJobsPerConnection, allowPath = [] } = options;
  const stopped = firstSignal();
  const server = await startServer({
    host,
    port,
    maxJobs,
    maxJobsPerServer: maxJobsPerConnection,
    allowPaths: allowPath,
    log: (message) => log.info(message),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(connections === undefined ? {} : { connections }),
  });
  const ready = options.json ? JSON.stringify({ version: 1, command: 'serve', url: server.url }) : server.url;
  process.stdout.write(`${options.json ? ready : `milvusdm listens on ${ready}`}\n`);
  const signal = await stopped;
  log.info(`${signal}: running jobs end their batches and go on with the next start; once more stops at once`);
  await server.stop().catch((thrown: unknown) => {
    log.error(toMilvusdmError(thrown).message);
    throw thrown;
  });
  return EXIT.ok;
}
