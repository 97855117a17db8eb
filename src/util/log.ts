import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stateFolder } from './home.js';
import { redact } from './redact.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** A line for the file alone. */
  file(message: string): void;
  /** The file of today; undefined when it could not be opened. */
  readonly path: string | undefined;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  readonly secrets: readonly string[];
  /** Where lines for the terminal go. */
  readonly write: (line: string) => void;
}

/** Log files kept when `LOGS_NUM` does not say otherwise. */
const DEFAULT_FILES = 10;
const FILE_NAME = /^milvusdm-\d{4}-\d{2}-\d{2}\.log$/;

/** Makes room for the file of today among those that are kept. */
function openFolder(env: NodeJS.ProcessEnv, today: string): string | undefined {
  const folder = join(stateFolder(env), 'logs');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const keep = Math.max(1, Number(env.LOGS_NUM) || DEFAULT_FILES);
    const old = readdirSync(folder)
      .filter((name) => FILE_NAME.test(name) && name !== today)
      .sort()
      .reverse();
    for (const name of old.slice(keep - 1)) rmSync(join(folder, name), { force: true });
    return folder;
  } catch {
    // A read-only home must not stop a migration; the terminal still gets every line.
    return undefined;
  }
}

/**
 * Opens the log: every line as JSON in the day's file under `$MILVUSDM_PATH/logs`, of which `LOGS_NUM` are kept, and lines
 * of `level` and above on the terminal. Secrets are taken out of both.
 */
export async function openLog(o: LogOptions, env: NodeJS.ProcessEnv = process.env): Promise<Log> {
  const { pino } = await import('pino');
  const today = `milvusdm-${new Date().toISOString().slice(0, 10)}.log`;
  const folder = openFolder(env, today);
  const file = folder && join(folder, today);
  const streams = [];
  if (file) {
    const destination = pino.destination({ dest: file, append: true, sync: true, mode: 0o600 });
    destination.on('error', () => {});
    streams.push({ level: 'debug' as const, stream: destination });
  }
  const logger = pino(
    { level: 'debug', base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.multistream(streams),
  );
  const rank = (level: LogLevel): number => LOG_LEVELS.indexOf(level);
  const emit = (level: Exclude<LogLevel, 'silent'>, text: string): void => {
    const message = redact(text, o.secrets);
    logger[level](message);
    if (rank(level) < rank(o.level)) return;
    const line =
      o.format === 'json' ? JSON.stringify({ level, time: new Date().toISOString(), msg: message }) : message;
    o.write(line);
  };
  return {
    path: file,
    file: (message) => logger.debug(redact(message, o.secrets)),
    debug: (message) => emit('debug', message),
    info: (message) => emit('info', message),
    warn: (message) => emit('warn', message),
    error: (message) => emit('error', message),
  };
}
