import { randomUUID } from 'node:crypto';
import { probeBackup } from '../../backup/open.js';
import type { SideFile } from '../../backup/side-file.js';
import type { RbacInfo } from '../../backup/types.js';
import type { BackupConfig } from '../../config/types.js';
import { openCalls } from '../../milvus/calls.js';
import { isUnimplemented } from '../../milvus/status.js';
import { describeCollections } from '../../segments/describe.js';
import { withSegmentsOverHttp } from '../../segments/rest-segments.js';
import { type SegmentServer, segmentServer } from '../../segments/server.js';
import { openStore } from '../../store/index.js';
import type { ObjectStore } from '../../store/types.js';
import { createDisposables } from '../../util/disposables.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { Emit } from '../open-job.js';
import { openBase } from './base.js';
import { chooseCollections } from './choose.js';
import type { PreparedBackup } from './context.js';
import { missingStore } from './missing-store.js';

export interface PrepareOptions {
  /** For a task that names none: that of a run that was cut short, if there was one, and a new one. */
  readonly names: { readonly begun: string | undefined; readonly fresh: string };
  /** Make the folder of the store where it is missing; otherwise nothing at all is written. */
  readonly write: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Start over where a run under this name was cut short. */
  readonly restart: boolean;
}

function strategyOf({ strategy, storage }: BackupConfig): 'storage' | 'logical' {
  if (strategy !== 'auto') return strategy;
  return storage === undefined ? 'logical' : 'storage';
}

async function openPlace(
  config: BackupConfig,
  o: PrepareOptions,
  log: (message: string) => void,
): Promise<ObjectStore> {
  const { store, retryFor } = config;
  try {
    return await openStore(store, { retryFor, log, create: o.write });
  } catch (thrown) {
    const missing = thrown instanceof MilvusdmError && thrown.code === 'STORE_NOT_FOUND';
    if (o.write || !missing || store.type !== 'local') throw thrown;
    return missingStore(store.path);
  }
}

/** A name of its own stays; otherwise a run that was cut short is gone on with, if there is anything of it. */
async function nameFor(
  config: BackupConfig,
  store: ObjectStore,
  { names, restart, signal }: PrepareOptions,
): Promise<string> {
  if (config.name !== undefined) return config.name;
  if (names.begun === undefined || restart) return names.fresh;
  const { state } = await probeBackup(store, names.begun, { signal });
  return state === 'unfinished' ? names.begun : names.fresh;
}

/** A place that is free, or has the rest of a run of ours that was cut short. Throws DST_REFUSED. */
export async function requirePlace(
  store: ObjectStore,
  name: string,
  strategy: 'storage' | 'logical',
  signal: AbortSignal,
): Promise<SideFile | undefined> {
  const probe = await probeBackup(store, name, { signal });
  if (probe.state === 'missing') return undefined;
  if (probe.state === 'complete') {
    throw fail('DST_REFUSED', `backup "${name}" is in ${store.name} already`, {
      hint: 'Choose another backup_name, or remove it with `milvusdm backup delete`.',
    });
  }
  if (probe.side?.strategy === strategy) return probe.side;
  const what = probe.side ? `an unfinished ${probe.side.strategy} backup` : 'files that milvusdm has not written';
  throw fail('DST_REFUSED', `${store.name} has ${what} under "${name}"`, {
    hint: 'Choose another backup_name, or remove them with `milvusdm backup delete`.',
  });
}

async function rbacOf(config: BackupConfig, server: SegmentServer): Promise<RbacInfo | undefined> {
  if (!config.rbac) return undefined;
  try {
    return await server.rbac();
  } catch (thrown) {
    if (!isUnimplemented(thrown)) throw thrown;
    const which = `the server at ${server.address} (${server.version})`;
    throw fail('DST_UNSUPPORTED', `rbac is true, but ${which} has no users and roles`, {
      hint: 'Leave `rbac` out: collections and rows need none of it.',
      cause: thrown,
    });
  }
}

/** The user that every Milvus has is no loss. */
function passwordWarnings(rbac: RbacInfo | undefined): string[] {
  const lost = (rbac?.users ?? []).filter(({ user, password }) => password === '' && user !== 'root');
  if (lost.length === 0) return [];
  const names = lost.map(({ user }) => `"${user}"`).join(', ');
  return [
    `the server tells no passwords: a restore makes the users ${names} only with those that user_passwords gives`,
  ];
}

/**
 * Opens the server and the stores and finds out what is to be backed up.
 * Throws what a run would refuse: a name that is taken, a base that is missing, an unknown collection, a server without
 * users.
 */
export async function prepareBackup(config: BackupConfig, o: PrepareOptions): Promise<PreparedBackup> {
  const { emit, signal } = o;
  await using stack = createDisposables();
  const strategy = strategyOf(config);
  const log = (message: string): void => emit({ type: 'log', message });
  emit({ type: 'phase', phase: 'connect' });
  const dest = stack.use(await openPlace(config, o, log));
  const name = await nameFor(config, dest, o);
  const unfinished = await requirePlace(dest, name, strategy, signal);
  const base = config.base === undefined ? undefined : await openBase(dest, config.base, name, { signal });
  const source = config.storage && stack.use(await openStore(config.storage, { retryFor: config.retryFor, log }));
  const retry = { totalMs: config.retryFor * 1000, signal };
  const calls = stack.use(await openCalls(config.endpoint, { log, retry, signal }));
  const server = withSegmentsOverHttp(segmentServer(calls, signal), { endpoint: config.endpoint, retry, log });
  emit({ type: 'phase', phase: 'plan' });
  const rbac = await rbacOf(config, server);
  const databases = (await server.databases()).sort((a, b) => (a.db_name < b.db_name ? -1 : 1));
  const names = await Promise.all(databases.map(({ db_name }) => server.collections(db_name)));
  const { chosen, warnings } = chooseCollections(names.flat(), config.select, config.exclude);
  const id = randomUUID();
  const collections = await describeCollections(server, chosen, id);
  const used = new Set(collections.map(({ of }) => of.db));
  const kept = stack.release();
  return {
    id,
    config,
    name,
    strategy,
    server,
    source,
    dest,
    databases: databases.filter(({ db_name }) => used.has(db_name) || isWhole(config)),
    collections,
    rbac,
    base,
    unfinished: o.restart ? undefined : unfinished,
    warnings: [...warnings, ...passwordWarnings(rbac)],
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** Whether everything is backed up: a backup of the cluster, not of collections. */
export function isWhole({ select, exclude }: BackupConfig): boolean {
  return select.includes('*.*') && exclude.length === 0;
}
