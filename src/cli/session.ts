import type { JobConfig } from '../config/types.js';
import { createJob, type Job } from '../job/job.js';
import { fail } from '../util/errors.js';
import { type Log, type LogLevel, openLog } from '../util/log.js';
import { type GlobalOptions, mayColor } from './options.js';
import { barView, lineView, type ProgressView } from './render/progress.js';

/** A job with its log, its progress on stderr and its signals. */
export interface Session extends Disposable {
  readonly job: Job;
  readonly log: Log;
}

/** Progress on stderr: a bar on a terminal, else a line now and then. */
export async function openView(options: GlobalOptions, level: LogLevel): Promise<ProgressView> {
  const silent = options.quiet === true || level === 'silent';
  if (silent) return { show() {}, line: (text) => process.stderr.write(`${text}\n`), stop() {} };
  if (process.stderr.isTTY && options.logFormat === 'text') return barView(mayColor(options, process.stderr));
  const write = (line: string): boolean => process.stderr.write(`${line}\n`);
  if (options.logFormat === 'text') return lineView(write);
  return lineView(write, (msg) => JSON.stringify({ level: 'info', time: new Date().toISOString(), msg }));
}

/** What --log-level and --quiet ask for together. */
export function logLevelOf(options: GlobalOptions): LogLevel {
  return options.quiet && options.logLevel === 'info' ? 'error' : options.logLevel;
}

/** SIGINT and SIGTERM end the batches in flight; a second one gives them up. */
function onSignals(job: Job, log: Log): () => void {
  const handler = (signal: NodeJS.Signals): void => {
    log.warn(`${signal}: finishing the batches in flight; once more stops at once`);
    job.stop();
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return () => {
    process.off('SIGINT', handler);
    process.off('SIGTERM', handler);
  };
}

/** The configuration with what the command line adds to it. */
function withOptions(config: JobConfig, { limit, restart, profile }: GlobalOptions): JobConfig {
  if ('options' in config) {
    const extra = {
      ...(limit === undefined ? {} : { limit }),
      ...(restart ? { restart } : {}),
      ...(profile ? { profile } : {}),
    };
    return { ...config, options: { ...config.options, ...extra } };
  }
  if (limit !== undefined) {
    throw fail('USAGE', `--limit is given with a ${config.task}, of which there is no rehearsal on some rows`, {
      hint: 'Use --dry-run to see what it would do.',
    });
  }
  if (profile) {
    throw fail('USAGE', `--profile is given with a ${config.task}, which has no stages to be measured`, {
      hint: 'Leave --profile out.',
    });
  }
  // A RESTORE starts over always, and of a SNAPSHOT nothing is left to go on with.
  return restart && config.task === 'BACKUP' ? { ...config, restart } : config;
}

/** Opens everything around a job of this configuration. Disposing ends the progress and the signal handlers. */
export async function openSession(
  config: JobConfig,
  options: GlobalOptions,
  make: (config: JobConfig) => Job = createJob,
): Promise<Session> {
  const level = logLevelOf(options);
  const view = await openView(options, level);
  const log = await openLog({
    level,
    format: options.logFormat,
    secrets: config.secrets,
    write: (line) => view.line(line),
  });
  const job = make(withOptions(config, options));
  const off = job.on((event) => {
    if (event.type === 'log') log.info(event.message);
    else if (event.type === 'warning') log.warn(`warning: ${event.message}`);
    else {
      if (event.type === 'phase') log.file(`phase ${event.phase}`);
      view.show(event);
    }
  });
  const offSignals = onSignals(job, log);
  return {
    job,
    log,
    [Symbol.dispose]() {
      off();
      offSignals();
      view.stop();
    },
  };
}
