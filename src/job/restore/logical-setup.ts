import type { Action } from '../../adapters/types.js';
import type { LogicalManifest } from '../../backup/logical.js';
import type { RestoreConfig } from '../../config/types.js';
import type { Emit } from '../open-job.js';
import { openDatabases } from './databases.js';
import { planRbac, restoreRbac } from './rbac.js';

const DEFAULT_DB = 'default';

/** What a logical restore does before its first row. */
export interface Setup {
  readonly config: RestoreConfig;
  readonly manifest: LogicalManifest;
  /** That collections go to. */
  readonly databases: readonly string[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

function othersOf({ databases }: Setup): string[] {
  return [...new Set(databases)].filter((db) => db !== DEFAULT_DB);
}

async function connect({ config, manifest, signal }: Setup, log: (message: string) => void) {
  const database_backups = manifest.databases.map(({ name, properties }) => ({
    db_name: name,
    db_id: 0n,
    ezk: '',
    properties: Object.entries(properties).map(([key, value]) => ({ key, value })),
  }));
  return await openDatabases({ config, info: { database_backups }, log, signal });
}

/** Makes users and roles, where they are asked for, and databases that are missing. Gives warnings. Throws CFG_CONFLICT, NET_*, DST_*. */
export async function setUp(setup: Setup): Promise<string[]> {
  const { config, manifest, emit, signal } = setup;
  const log = (message: string): void => emit({ type: 'log', message });
  const warnings = config.rbac ? await restoreRbac({ config, rbac: manifest.rbac, signal, log }) : [];
  const names = othersOf(setup);
  if (names.length === 0) return warnings;
  await using databases = await connect(setup, log);
  for (const name of names) await databases.open(name);
  return warnings;
}

/** What {@link setUp} would do. Asks the server only where that is needed. */
export async function planSetup(
  setup: Setup,
): Promise<{ readonly actions: readonly Action[]; readonly warnings: readonly string[] }> {
  const { config, manifest, emit, signal } = setup;
  const log = (message: string): void => emit({ type: 'log', message });
  const users = config.rbac ? await planRbac({ config, rbac: manifest.rbac, signal, log }) : undefined;
  const actions: Action[] = users ? [{ kind: 'create', target: 'users and roles', detail: users.detail }] : [];
  const names = othersOf(setup);
  if (names.length > 0) {
    await using databases = await connect(setup, log);
    for (const target of names.filter((name) => !databases.has(name))) {
      actions.push({ kind: 'create', target, detail: 'database' });
    }
  }
  return { actions, warnings: users?.warnings ?? [] };
}
