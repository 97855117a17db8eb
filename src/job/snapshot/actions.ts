import type { SnapshotAction } from '../../config/types.js';
import { type ActionContext, type ActionResult, askedSnapshot, scopeOf } from './context.js';
import { nameAdvice, resolveSnapshot } from './names.js';
import { pruneSnapshots } from './prune.js';
import { describedEntry, entryOf, restoreEntry } from './report.js';
import { restoreJob, restoreSnapshot } from './restore.js';

/** What a user may want to know before a snapshot is made. */
export function createWarnings({ config, open }: ActionContext): string[] {
  const warnings = nameAdvice(config.name ?? '');
  if (!config.flush) {
    warnings.push('without a flush, rows and deletes that the server holds in memory only are not in the snapshot');
  }
  if (config.compactionProtection > 0 && open.keeper.kind === 'self-contained') {
    warnings.push('compaction_protection has no use here: the files are copied, so that no compaction touches them');
  }
  return warnings;
}

async function createSnapshot(context: ActionContext): Promise<ActionResult> {
  const { config, open, emit, warn } = context;
  for (const warning of createWarnings(context)) warn(warning);
  emit({ type: 'phase', phase: 'copy' });
  const { name = '', collection = '', db = 'default', description, flush, compactionProtection } = config;
  const info = await open.keeper.create({
    name,
    collection,
    db,
    description,
    flush,
    ...(compactionProtection === 0 ? {} : { compactionProtection }),
  });
  return { snapshot: entryOf(info) };
}

async function listSnapshots({ config, open }: ActionContext): Promise<ActionResult> {
  const all = await open.keeper.list(scopeOf(config));
  const key = (one: (typeof all)[number]): string => JSON.stringify([one.db, one.collection]);
  const sorted = [...all].sort((a, b) => (key(a) === key(b) ? a.created - b.created : key(a) < key(b) ? -1 : 1));
  return { snapshots: sorted.map(entryOf) };
}

async function describeSnapshot({ config, open }: ActionContext): Promise<ActionResult> {
  const ref = await resolveSnapshot(open.keeper, askedSnapshot(config));
  return { snapshot: describedEntry(await open.keeper.describe(ref)) };
}

async function dropSnapshot({ config, open }: ActionContext): Promise<ActionResult> {
  const ref = await resolveSnapshot(open.keeper, askedSnapshot(config));
  const { shape: _, ...info } = await open.keeper.describe(ref);
  await open.keeper.drop(ref);
  return { snapshot: entryOf(info) };
}

async function restoreJobs({ config, open }: ActionContext): Promise<ActionResult> {
  return { jobs: (await open.keeper.restoreJobs(scopeOf(config))).map(restoreEntry) };
}

const ACTIONS: Readonly<Record<SnapshotAction, (context: ActionContext) => Promise<ActionResult>>> = {
  create: createSnapshot,
  list: listSnapshots,
  describe: describeSnapshot,
  drop: dropSnapshot,
  restore: restoreSnapshot,
  jobs: restoreJobs,
  job: restoreJob,
  prune: pruneSnapshots,
};

/** Does what a SNAPSHOT asks for. */
export async function takeAction(context: ActionContext): Promise<ActionResult> {
  return await ACTIONS[context.config.action](context);
}
