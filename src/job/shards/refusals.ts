import type { JobConfig, TaskConfig } from '../../config/types.js';
import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { UnitLine } from '../ledger/lines.js';
import type { OpenCollection } from '../open-job.js';
import type { Preflight } from '../preflight.js';
import type { Run } from '../run-state.js';

/** Throws USAGE or CFG_CONFLICT for a task that several machines cannot share. */
export function requireShareable(config: JobConfig): TaskConfig {
  if (!('options' in config) || config.task === 'M2H') {
    throw fail('USAGE', `a ${config.task} is not shared among machines, only tasks that write into a Milvus server`, {
      hint: 'Use `milvusdm run` on one machine.',
    });
  }
  if (config.dest.at.kind === 'embedded') {
    throw fail('CFG_CONFLICT', 'the target is an embedded Milvus Lite, which takes one writer only', {
      hint: 'Point dest_uri at a Milvus server, or use `milvusdm run`.',
    });
  }
  return config;
}

/** Whether a source cannot have an id twice within a unit: a Milvus shows each id once, unless partitions are merged. */
function showsIdsOnce({ source, merge, partition }: TaskConfig): boolean {
  return source.adapter === 'milvus' && merge === undefined && partition === undefined;
}

/**
 * Throws CFG_CONFLICT where what was in flight at the death of one shard could not be told from what another one writes at the
 * same time: keys of the server are counted, and ids that occur several times are looked up.
 */
export function refuseUnsettleable(
  { config }: Run,
  { plan }: OpenCollection,
  units: readonly UnitLine[],
  { duplicates }: Preflight,
): void {
  const written = units.filter((u) => u.write);
  const name = `"${config.collection}"`;
  if (written.some((u) => u.settling === 'count')) {
    const why = plan.autoId ? 'the server makes its keys' : 'it cannot be queried';
    throw fail('CFG_CONFLICT', `${name} takes one batch at a time (${why}), so that it cannot be written by shards`, {
      hint: 'Use --shards 1, or `milvusdm run`; or keep the ids of the source.',
    });
  }
  // Of imports that the server has forgotten the ids are looked up, too.
  if (!written.some((u) => u.settling === 'lookup' || u.settling === 'import')) return;
  if (duplicates && duplicates.extraRows > 0 && config.options.onDuplicateId === 'keep') {
    throw fail(
      'CFG_CONFLICT',
      `${name} gets ${plural(duplicates.ids, 'id')} several times, which shards cannot tell apart after a death`,
      { hint: 'Set on_duplicate_id: first or last; or use --shards 1, or `milvusdm run`.' },
    );
  }
  if (!duplicates && !showsIdsOnce(config)) {
    throw fail('CFG_CONFLICT', `whether ids of the source of ${name} repeat is not known, which shards have to know`, {
      hint: 'Set preflight: full, or on_duplicate_id: first or last; or use --shards 1.',
    });
  }
}
