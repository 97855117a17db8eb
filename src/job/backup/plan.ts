import type { Action } from '../../adapters/types.js';
import { takeCapture } from '../../segments/capture.js';
import { fullName } from '../../segments/server.js';
import { formatBytes, plural } from '../../util/bytes.js';
import { EXIT } from '../../util/exit-codes.js';
import { type PlanReport, REPORT_VERSION } from '../report.js';
import type { PreparedBackup } from './context.js';
import { isWhole } from './prepare.js';

/**
 * What a run of a prepared backup would do. Rows and bytes are those that the server has on its disk now: a run flushes
 * first, and finds what is in memory, too.
 */
export async function planBackup(prepared: PreparedBackup, id: string, signal: AbortSignal): Promise<PlanReport> {
  const { config, name, server, source, dest, unfinished } = prepared;
  const actions: Action[] = [];
  const warnings = [...config.notes, ...prepared.warnings];
  let [rows, bytes] = [0, 0];
  for (const collection of prepared.collections) {
    const { segments } = source ? await takeCapture(server, source, collection, { signal }) : { segments: [] };
    const held = segments.reduce((sum, segment) => sum + segment.num_of_rows, 0);
    const size = segments.reduce((sum, segment) => sum + segment.size, 0);
    rows += held;
    bytes += size;
    const onDisk = `${plural(segments.length, 'segment')}, ${plural(held, 'row')}, ${formatBytes(size)} on the server's disk`;
    const detail = prepared.strategy === 'logical' ? 'its rows, read through the server' : onDisk;
    actions.push({ kind: 'copy', target: fullName(collection.of), detail });
  }
  if (unfinished) warnings.push(`goes on with a run of ${unfinished.started} that was cut short`);
  const kind = isWhole(config) ? 'cluster' : 'collections';
  const detail = `${kind}, ${prepared.strategy}${config.base === undefined ? '' : `, on top of "${config.base}"`}${config.link ? ', hard links' : ''}`;
  return {
    version: REPORT_VERSION,
    task: 'BACKUP',
    status: 'planned',
    exit_code: EXIT.ok,
    job_id: id,
    server: server.address,
    collections: prepared.collections.map(({ of }) => fullName(of)),
    metric: '',
    sources: [],
    rows,
    bytes,
    actions: [{ kind: 'create', target: `backup "${name}" in ${dest.name}`, detail }, ...actions],
    warnings,
  };
}
