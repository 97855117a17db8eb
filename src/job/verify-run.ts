import type { Transformer } from '../transforms/types.js';
import type { OpenCollection } from './open-job.js';
import type { Preflight } from './preflight.js';
import { continued, type Run, warn } from './run-state.js';
import { verifyUnit } from './verify.js';

/** Verifies every unit that was written, to the level that is asked for, and keeps what was found in `run.verified`. Throws VERIFY_MISMATCH. */
export async function verifyRun(
  run: Run,
  open: OpenCollection,
  pre: Preflight,
  transformers: readonly Transformer[],
): Promise<void> {
  const { config, job } = run;
  const { verify: level, onDuplicateId } = config.options;
  if (level === 'none') return;
  const canQuery = await open.writer.openForReading(job.teller);
  if (!canQuery && level !== 'count' && !open.writer.verifiesItself) {
    warn(job, `"${config.collection}" has no index and cannot be loaded: verified by the server's row count only`);
  }
  job.teller.phase('verify');
  const onlyOne = onDuplicateId === 'first' || onDuplicateId === 'last';
  for (const [name, result] of run.results) {
    if (!result.unit.write) continue;
    const known = pre.digests?.get(name)?.result();
    const input = {
      writer: open.writer,
      reader: open.reader,
      splits: open.splits.filter((s) => s.partition === result.unit.partition),
      transformers,
      ...(known ? { known } : {}),
      autoId: open.plan.autoId,
      config,
      duplicates: onlyOne ? 0 : (run.duplicates ?? undefined),
      continued: continued(run) !== undefined,
      progress: job.teller,
      signal: job.signals.stop,
      warn: (message: string) => warn(job, message),
    };
    run.verified.set(name, await verifyUnit(input, result, canQuery));
  }
}
