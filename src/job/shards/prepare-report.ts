import type { TaskName } from '../../config/types.js';
import { plural } from '../../util/bytes.js';
import { EXIT } from '../../util/exit-codes.js';
import { REPORT_VERSION, type Report, type ShardShare } from '../report.js';
import type { WorkPlan } from './work-place.js';

function sharesOf(plan: WorkPlan): ShardShare[] {
  const shares = Array.from({ length: plan.shards }, (_, shard) => ({ shard, parts: 0, rows: 0 }));
  for (const { shard, from, to } of plan.collections.flatMap((c) => c.parts)) {
    shares[shard]!.parts++;
    shares[shard]!.rows += to - from;
  }
  return shares;
}

/**
 * The report of a job that is prepared.
 * @param o.again it was prepared before, and nothing was done now
 */
export function prepareReport(
  task: TaskName,
  plan: WorkPlan,
  o: { readonly work: string; readonly again: boolean; readonly warnings: readonly string[]; readonly seconds: number },
): Report {
  const shards = sharesOf(plan);
  const idle = shards.filter((s) => s.rows === 0).length;
  const few = `of ${plural(plan.shards, 'shard')} ${idle} get no rows: the source does not come in more parts`;
  return {
    version: REPORT_VERSION,
    task,
    status: 'done',
    exit_code: EXIT.ok,
    job_id: plan.job,
    resumable: false,
    targets: [],
    warnings: [...o.warnings, ...(idle > 0 ? [few] : [])],
    error: null,
    seconds: o.seconds,
    bytes: 0,
    prepared: {
      work: o.work,
      again: o.again,
      collections: plan.collections.map((c) => c.into),
      shards,
      set_aside: plan.setAside,
    },
  };
}
