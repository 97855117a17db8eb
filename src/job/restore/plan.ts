import type { Action, SourceInfo } from '../../adapters/types.js';
import type { MilvusType } from '../../batch/fields.js';
import type { RestoreConfig } from '../../config/types.js';
import { DATA_TYPE } from '../../milvus/encode.js';
import { formatBytes, formatCount, plural } from '../../util/bytes.js';
import { EXIT } from '../../util/exit-codes.js';
import type { Emit } from '../open-job.js';
import { type PlanReport, REPORT_VERSION } from '../report.js';
import { shownName } from './choose.js';
import { type OpenRestore, openRestore, type PlannedItem } from './open-restore.js';
import { planRbac } from './rbac.js';

const TYPES = new Map(Object.entries(DATA_TYPE).map(([name, number]) => [number, name as MilvusType]));

function sourceInfo({ item, files }: PlannedItem): SourceInfo {
  const vector = item.info.schema?.fields.find(({ data_type: type }) => type >= DATA_TYPE.BINARY_VECTOR);
  const metric = item.info.index_infos.find(({ field_name: name }) => name === vector?.name)?.params.metric_type;
  return {
    path: item.source,
    format: 'backup',
    kind: 'collection of a backup',
    rows: files.units.reduce((sum, { rows }) => sum + rows, 0),
    dim: Number(vector?.type_params.find(({ key }) => key === 'dim')?.value ?? 0),
    vectorType: TYPES.get(vector?.data_type ?? 0) ?? 'FLOAT_VECTOR',
    ...(metric === undefined ? {} : { metric }),
    ids: 'stored',
    bytes: files.files.reduce((sum, { size }) => sum + size, 0),
    fields: [],
    details: [],
  };
}

function actionsOf(planned: PlannedItem, { databases }: OpenRestore): Action[] {
  const { item, what, files, insert } = planned;
  const target = shownName(item);
  if (what === 'skip') return [{ kind: 'skip', target, detail: 'it exists, and mode is skip' }];
  const rows = files.units.reduce((sum, { rows: own }) => sum + own, 0);
  const bytes = files.files.reduce((sum, { size }) => sum + size, 0);
  const how = insert ? 'inserted' : `in ${plural(files.units.length, 'import')}`;
  const detail = `${plural(rows, 'row')} (${formatBytes(bytes)}) ${how}`;
  const { aliases, index_infos: indexes, partition_backups: partitions } = item.info;
  const parts = [
    plural(partitions.length, 'partition'),
    `${formatCount(indexes.length)} ${indexes.length === 1 ? 'index' : 'indexes'}`,
  ];
  if (aliases.length > 0) parts.push(`aliases ${aliases.join(', ')}`);
  return [
    ...(databases.has(item.db) ? [] : [{ kind: 'create', target: item.db, detail: 'database' } as const]),
    { kind: 'create', target, detail: `${detail}; ${parts.join(', ')}` },
    ...(what === 'replace'
      ? [{ kind: 'drop', target, detail: 'what is there now, once the restored one is complete' } as const]
      : []),
  ];
}

/** The users and roles of a plan, which come before the collections. */
export function usersAction(users: { readonly detail: string } | undefined): Action[] {
  return users ? [{ kind: 'create', target: 'users and roles', detail: users.detail }] : [];
}

/** What a run would do; reads only. Throws what a run would refuse. */
export async function planRestore(
  config: RestoreConfig,
  id: string,
  emit: Emit,
  signal: AbortSignal,
): Promise<PlanReport> {
  await using open = await openRestore(config, emit, signal);
  const log = (message: string): void => emit({ type: 'log', message });
  const users = config.rbac ? await planRbac({ config, rbac: open.info.rbac_meta, signal, log }) : undefined;
  const sources = open.items.map(sourceInfo);
  return {
    version: REPORT_VERSION,
    task: 'RESTORE',
    status: 'planned',
    exit_code: EXIT.ok,
    job_id: id,
    server: open.databases.main.address,
    collections: open.items.map(({ item }) => shownName(item)),
    metric: [...new Set(sources.flatMap(({ metric }) => metric ?? []))].join(', '),
    sources,
    rows: sources.reduce((sum, { rows }) => sum + rows, 0),
    bytes: sources.reduce((sum, { bytes }) => sum + bytes, 0),
    actions: [...usersAction(users), ...open.items.flatMap((item) => actionsOf(item, open))],
    warnings: [...open.warnings, ...(users?.warnings ?? [])],
  };
}
