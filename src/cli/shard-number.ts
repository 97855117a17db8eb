import { fail, type MilvusdmError } from '../util/errors.js';
import type { GlobalOptions, ShardNumber } from './options.js';

function needed(name: string, text: string, what: string): MilvusdmError {
  return fail('USAGE', `${name} is ${JSON.stringify(text)}, and ${what} is needed`);
}

function count(name: string, text: string): number {
  if (!/^[0-9]{1,6}$/.test(text)) throw needed(name, text, 'a whole number');
  return Number(text);
}

/**
 * The shard that this process is to write: that of --shard, or where --shards or JOB_COMPLETIONS says how many there are, that of
 * JOB_COMPLETION_INDEX, which Kubernetes gives to the pods of an Indexed Job. Undefined for a run of the whole. Throws USAGE.
 */
export function shardOf(options: GlobalOptions, env: NodeJS.ProcessEnv): ShardNumber | undefined {
  const { shard, shards } = options;
  if (shard) {
    if (shards === undefined || shards === shard.of) return shard;
    throw fail('USAGE', `--shard ${shard.index}/${shard.of} and --shards ${shards} contradict each other`, {
      hint: 'Leave --shards out.',
    });
  }
  const { JOB_COMPLETION_INDEX: index, JOB_COMPLETIONS: completions } = env;
  const of = shards ?? (index && completions ? count('JOB_COMPLETIONS', completions) : undefined);
  if (of === undefined) {
    if (options.work === undefined && options.wait === undefined) return undefined;
    throw fail('USAGE', 'it is not said which shard is to be run', { hint: 'Give --shard I/N, counted from 0.' });
  }
  if (!index) {
    throw fail('USAGE', `it is not said which of ${of} shards is to be run: JOB_COMPLETION_INDEX is not set`, {
      hint: 'Give --shard I/N, counted from 0; an Indexed Job of Kubernetes sets the variable.',
    });
  }
  const number = count('JOB_COMPLETION_INDEX', index);
  if (number < of) return { index: number, of };
  throw needed('JOB_COMPLETION_INDEX', index, `a number from 0 to ${of - 1}`);
}
