import { resolve } from 'node:path';
import { loadJob } from '../config/load.js';
import type { JobConfig } from '../config/types.js';
import { createSharedJob, type SharedStep } from '../job/shards/shared-job.js';
import { workOf } from '../job/shards/work-place.js';
import { fail } from '../util/errors.js';
import type { ExitCode } from '../util/exit-codes.js';
import { type GlobalOptions, mayColor, type ShardNumber } from './options.js';
import { printResult, toJson } from './output.js';
import { reportText } from './render/text.js';
import { openSession } from './session.js';

const DEFAULT_WAIT_MS = 600_000;

/** The configuration with the shared place that the command line names. */
function withWork(config: JobConfig, { work }: GlobalOptions): JobConfig {
  if (work === undefined || !('options' in config)) return config;
  return { ...config, work: workOf(work, resolve), workArgument: work };
}

async function take(path: string, step: SharedStep, options: GlobalOptions): Promise<ExitCode> {
  const config = withWork(loadJob(path), options);
  // --restart is an option of the step, not of the job.
  const { restart: _, ...rest } = options;
  using session = await openSession(config, rest, (job) => createSharedJob(job, step));
  const report = await session.job.run();
  session.log.file(`report ${toJson(report)}`);
  session[Symbol.dispose]();
  const text = options.json ? toJson(report) : reportText(report, { color: mayColor(options, process.stdout) });
  printResult(text, config.secrets);
  return report.exit_code;
}

/** `milvusdm prepare FILE --shards N`: looks through the source, makes the target and leaves the plan in the shared place. */
export function prepareCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  return take(path, { kind: 'prepare', shards: options.shards ?? 1, restart: options.restart ?? false }, options);
}

/** `milvusdm run FILE --shard I/N`: writes one shard of a job that was prepared. */
export function shardCommand(path: string, shard: ShardNumber, options: GlobalOptions): Promise<ExitCode> {
  const given = [
    ...(options.limit === undefined ? [] : ['--limit']),
    ...(options.restart ? ['--restart'] : []),
    ...(options.dryRun ? ['--dry-run'] : []),
    ...(options.reportDir === undefined ? [] : ['--report-dir']),
  ];
  if (given.length > 0) {
    throw fail('USAGE', `${given.join(' and ')} ${given.length > 1 ? 'are' : 'is'} given for one shard of a job`, {
      hint: '`milvusdm plan` shows what the whole would do, `prepare --restart` starts over.',
    });
  }
  const { wait: waitMs = DEFAULT_WAIT_MS } = options;
  return take(path, { kind: 'shard', shard: shard.index, shards: shard.of, waitMs }, options);
}

/** `milvusdm finish FILE`: ends a job whose shards are done. */
export function finishCommand(path: string, options: GlobalOptions): Promise<ExitCode> {
  return take(path, { kind: 'finish', waitMs: options.wait ?? 0 }, options);
}
