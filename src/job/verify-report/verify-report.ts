import type { TaskConfig } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import { EXIT, type ExitCode } from '../../util/exit-codes.js';
import { REPORT_VERSION } from '../report.js';
import type { SavedReport } from '../saved-report.js';
import { type CheckedTarget, type CheckOptions, checkCollection } from './check.js';

/** What `milvusdm verify --json` prints (`schemas/verify.schema.json`). */
export interface VerifyReport {
  readonly version: typeof REPORT_VERSION;
  readonly command: 'verify';
  readonly status: 'equal' | 'different';
  readonly exit_code: ExitCode;
  readonly job_id: string | null;
  /** End of the run that is compared with. */
  readonly finished: string;
  readonly targets: readonly CheckedTarget[];
  readonly seconds: number;
}

/**
 * Compares the targets of a run with its report, reading only. A difference is no error of this function; throws what
 * opening and reading throw, and CFG_FILE when the report has nothing to compare with.
 * @param config of the run's own YAML file
 */
export async function verifyReport(saved: SavedReport, config: TaskConfig, o: CheckOptions): Promise<VerifyReport> {
  const started = performance.now();
  const limit = saved.run.limit === null ? {} : { limit: saved.run.limit };
  const task = { ...config, options: { ...config.options, ...limit } };
  const targets: CheckedTarget[] = [];
  for (const collection of new Set(saved.targets.map((t) => t.collection))) {
    const recorded = saved.run.collections.find((c) => c.collection === collection);
    const own = saved.targets.filter((t) => t.collection === collection);
    targets.push(...(await checkCollection(task, recorded, own, o)));
  }
  if (targets.every((t) => t.status === 'unchecked')) {
    throw fail('CFG_FILE', 'the report has no target with a digest: its run wrote nothing, or failed before', {
      hint: 'Compare with the source instead: milvusdm diff A B.',
    });
  }
  const equal = targets.every((t) => t.status === 'equal' || t.status === 'unchecked');
  return {
    version: REPORT_VERSION,
    command: 'verify',
    status: equal ? 'equal' : 'different',
    exit_code: equal ? EXIT.ok : EXIT.verify,
    job_id: saved.job_id,
    finished: saved.run.finished,
    targets,
    seconds: Math.round(performance.now() - started) / 1000,
  };
}
