import type { LogLevel } from '../util/log.js';

/** Options that the commands share, as commander gives them. */
export interface GlobalOptions {
  readonly yaml?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
  readonly quiet?: boolean;
  readonly limit?: number;
  readonly dryRun?: boolean;
  readonly restart?: boolean;
  readonly reportDir?: string;
  readonly profile?: boolean;
  readonly report?: string;
  /** One shard of many, as I/N. */
  readonly shard?: ShardNumber;
  readonly shards?: number;
  readonly work?: string;
  /** Milliseconds. */
  readonly wait?: number;
}

/** Shards are counted from 0. */
export interface ShardNumber {
  readonly index: number;
  readonly of: number;
}

/** Options of `diff`: how to get into each side. */
export interface DiffCommandOptions extends GlobalOptions {
  readonly idStart?: bigint;
  readonly tokenA?: string;
  readonly tokenB?: string;
  readonly userA?: string;
  readonly userB?: string;
  readonly passwordA?: string;
  readonly passwordB?: string;
  readonly dbA?: string;
  readonly dbB?: string;
  readonly caA?: string;
  readonly caB?: string;
}

/** Whether text on this stream may be coloured: a terminal, no --no-color, no NO_COLOR. */
export function mayColor(options: Pick<GlobalOptions, 'color'>, stream: NodeJS.WriteStream): boolean {
  return options.color !== false && stream.isTTY === true && !process.env.NO_COLOR;
}
