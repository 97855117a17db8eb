import type { TaskConfig } from '../../config/types.js';
import { shellWord } from '../command.js';

/** What of a task its commands say. */
type Said = Pick<TaskConfig, 'file' | 'workArgument'>;

function command(verb: string, { file, workArgument }: Said, options: string): string {
  if (file === undefined) return 'the same command';
  const work = workArgument === undefined ? '' : ` --work ${shellWord(workArgument)}`;
  return `milvusdm ${verb} ${shellWord(file)}${options}${work}`;
}

/** The command that prepares a job, for hints. */
export function prepareCommand(config: Said, shards: number): string {
  return command('prepare', config, ` --shards ${shards}`);
}

/** The command that runs a shard, for hints. */
export function shardCommand(config: Said, shard: number, shards: number): string {
  return command('run', config, ` --shard ${shard}/${shards}`);
}

/** The command that ends a job of many machines, for hints. */
export function finishCommand(config: Said): string {
  return command('finish', config, '');
}
