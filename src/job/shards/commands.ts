import { shellWord } from '../command.js';

/** The command that prepares a job, for hints. */
export function prepareCommand(file: string | undefined, shards: number): string {
  return file === undefined ? 'the same command' : `milvusdm prepare ${shellWord(file)} --shards ${shards}`;
}

/** The command that runs a shard, for hints. */
export function shardCommand(file: string | undefined, shard: number, shards: number): string {
  return file === undefined ? 'the same command' : `milvusdm run ${shellWord(file)} --shard ${shard}/${shards}`;
}

/** The command that ends a job of many machines, for hints. */
export function finishCommand(file: string | undefined): string {
  return file === undefined ? 'the same command' : `milvusdm finish ${shellWord(file)}`;
}
