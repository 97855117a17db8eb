import { metaKey } from '../../backup/layout.js';
import { decodeManifest, type LogicalCollection, type LogicalManifest } from '../../backup/logical.js';
import { backupCodec, collectionCodec } from '../../backup/meta.js';
import { probeBackup } from '../../backup/open.js';
import type { RestoreConfig, TaskConfig } from '../../config/types.js';
import { openStore } from '../../store/index.js';
import { fail, toMilvusdmError } from '../../util/errors.js';
import { EXIT } from '../../util/exit-codes.js';
import { jobId } from '../job-id.js';
import type { Emit, JobSignals } from '../open-job.js';
import { errorReport, type PlanReport, REPORT_VERSION, type Report } from '../report.js';
import { executeRun } from '../run.js';
import { chooseItems, type RestoreItem, shownName } from './choose.js';
import { planSetup, setUp } from './logical-setup.js';
import { rowMove } from './row-move.js';

/** The manifest of a backup that is a logical one; undefined for every other, whose faults others find. */
export async function logicalManifest(
  config: RestoreConfig,
  signal: AbortSignal,
): Promise<LogicalManifest | undefined> {
  await using store = await openStore(config.store, { retryFor: config.retryFor });
  const probe = await probeBackup(store, config.name, { signal });
  if (probe.strategy !== 'logical' || probe.state !== 'complete') return undefined;
  const key = metaKey(config.name, 'manifest');
  return decodeManifest(await store.read(key, { signal }), `${key} in ${store.name}`);
}

/** The collections of a run: of one database, into one, loaded in the end or not. */
interface Group {
  readonly from: string;
  readonly to: string;
  readonly load: boolean;
  readonly items: RestoreItem[];
}

function loads(config: RestoreConfig, { loaded }: LogicalCollection): boolean {
  return config.load === 'restore' ? loaded : config.load;
}

function groupsOf(config: RestoreConfig, manifest: LogicalManifest): { groups: Group[]; warnings: readonly string[] } {
  if (config.way === 'import' && config.bulk === undefined) {
    throw fail(
      'CFG_CONFLICT',
      'a logical backup has no files that a server imports: `write: import` needs `dest_storage`',
      {
        hint: 'Name the store of the target in dest_storage, or leave `write` out.',
      },
    );
  }
  const collection_backups = manifest.collections.map(({ db, name }) => ({
    ...collectionCodec.zero,
    db_name: db,
    collection_name: name,
  }));
  const { items, warnings } = chooseItems({ ...backupCodec.zero, collection_backups }, config);
  const groups = new Map<string, Group>();
  for (const item of items) {
    const { db_name: from, collection_name: name } = item.info;
    const load = loads(config, manifest.collections.find((c) => c.db === from && c.name === name)!);
    const key = JSON.stringify([from, item.db, load]);
    const group = groups.get(key) ?? { from, to: item.db, load, items: [] };
    group.items.push(item);
    groups.set(key, group);
  }
  return { groups: [...groups.values()], warnings };
}

/** The run that brings a group back: M2M with the backup as its source. */
function moveOf(config: RestoreConfig, { from, to, load, items }: Group): TaskConfig {
  return rowMove(config, {
    source: {
      adapter: 'backup',
      storage: config.store,
      name: config.name,
      db: from,
      select: Object.fromEntries(items.map(({ info }) => [info.collection_name, null])),
      ...(config.metaOnly ? { rowless: true } : {}),
    },
    db: to,
    load,
    names: new Map(items.map(({ info, name }) => [info.collection_name, name])),
  });
}

/** One report of several runs. The first that failed says how the whole ended, unless others have succeeded. */
function together(id: string, reports: readonly Report[], warnings: readonly string[], seconds: number): Report {
  const failed = reports.filter(({ error }) => error);
  const [first] = failed;
  const mixed = first && first.error?.code !== 'INTERRUPTED' && failed.length < reports.length;
  const summary = failed.map(({ error }) => `${error!.code}: ${error!.message}`).join('; ');
  const error = mixed ? fail('TARGETS_FAILED', `some collections failed: ${summary}`) : undefined;
  const skipped = reports.length > 0 && reports.every(({ status }) => status === 'skipped');
  const status = first ? (mixed ? 'partial' : first.status) : skipped ? 'skipped' : 'done';
  return {
    version: REPORT_VERSION,
    task: 'RESTORE',
    status,
    exit_code: error?.exitCode ?? first?.exit_code ?? EXIT.ok,
    job_id: id,
    resumable: failed.some(({ resumable }) => resumable),
    targets: reports.flatMap(({ targets }) => targets),
    warnings: [...warnings, ...reports.flatMap((report) => report.warnings)],
    error: error ? errorReport(error) : (first?.error ?? null),
    seconds,
    bytes: reports.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

export interface LogicalRestore {
  readonly config: RestoreConfig;
  readonly id: string;
  readonly signals: JobSignals;
  readonly emit: Emit;
}

/**
 * Restores a logical backup: its rows are inserted by ordinary runs, one for each database, which note what has arrived and
 * go on after an interruption. A failure is part of the report, never thrown.
 */
export async function executeLogicalRestore(
  { config, id, signals, emit }: LogicalRestore,
  manifest: LogicalManifest,
): Promise<Report> {
  const began = performance.now();
  const reports: Report[] = [];
  let warnings: readonly string[] = [];
  try {
    const found = groupsOf(config, manifest);
    const databases = found.groups.map(({ to }) => to);
    const made = await setUp({ config, manifest, databases, emit, signal: signals.stop });
    warnings = [...config.notes, ...found.warnings, ...made];
    for (const message of warnings) emit({ type: 'warning', message });
    for (const group of found.groups) {
      const move = moveOf(config, group);
      reports.push(await executeRun(move, jobId(move), signals, emit));
      if (signals.stop.aborted) break;
    }
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    reports.push({
      ...together(id, [], [], 0),
      status: 'failed',
      exit_code: error.exitCode,
      error: errorReport(error),
    });
  }
  return together(id, reports, warnings, Math.round(performance.now() - began) / 1000);
}

/** What a restore of a logical backup would do with its collections, by the manifest alone. Throws what a run would refuse. */
export async function planLogicalRestore(
  config: RestoreConfig,
  id: string,
  manifest: LogicalManifest,
  o: Pick<LogicalRestore, 'emit'> & { readonly signal: AbortSignal },
): Promise<PlanReport> {
  const { groups, warnings } = groupsOf(config, manifest);
  const setup = await planSetup({ config, manifest, databases: groups.map(({ to }) => to), ...o });
  const items = groups.flatMap((group) => group.items);
  const partsOf = ({ info }: RestoreItem) =>
    manifest.collections
      .find((c) => c.db === info.db_name && c.name === info.collection_name)!
      .partitions.flatMap(({ parts }) => (config.metaOnly ? [] : parts));
  const rowsOf = (item: RestoreItem): number => partsOf(item).reduce((sum, { rows }) => sum + rows, 0);
  return {
    version: REPORT_VERSION,
    task: 'RESTORE',
    status: 'planned',
    exit_code: EXIT.ok,
    job_id: id,
    server: config.endpoint.at.kind === 'server' ? config.endpoint.at.address : config.endpoint.at.folder,
    collections: items.map(shownName),
    metric: '',
    sources: [],
    rows: items.reduce((sum, item) => sum + rowsOf(item), 0),
    bytes: items.flatMap(partsOf).reduce((sum, { size }) => sum + size, 0),
    actions: [
      ...setup.actions,
      ...items.map((item) => ({
        kind: 'create' as const,
        target: shownName(item),
        detail: `${config.metaOnly ? `as ${item.source} was, without rows` : `${rowsOf(item)} rows of ${item.source} are inserted`}${config.mode === 'skip' ? ', unless it exists' : ''}`,
      })),
    ],
    warnings: [...config.notes, ...warnings, ...setup.warnings],
  };
}
