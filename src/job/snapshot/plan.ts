import type { Action } from '../../adapters/types.js';
import { EXIT } from '../../util/exit-codes.js';
import { type PlanReport, REPORT_VERSION } from '../report.js';
import { createWarnings, takeAction } from './actions.js';
import { type ActionContext, askedSnapshot } from './context.js';
import { resolveSnapshot, shownCollection } from './names.js';
import { planSnapshotRestore } from './restore.js';

interface Planned {
  readonly actions: readonly Action[];
  readonly collections: readonly string[];
  readonly warnings: readonly string[];
  readonly rows: number;
  readonly bytes: number;
}

const NOTHING: Planned = { actions: [], collections: [], warnings: [], rows: 0, bytes: 0 };

async function planCreate(context: ActionContext): Promise<Planned> {
  const { config, open } = context;
  const of = { db: config.db ?? 'default', collection: config.collection ?? '' };
  const names = (await open.keeper.list(of)).map(({ name }) => name);
  const taken = names.includes(config.name ?? '') ? ['it has a snapshot of this name already: a run would fail'] : [];
  const how =
    open.keeper.kind === 'native' ? 'metadata of the server, which keeps the files' : 'copies of all its files';
  return {
    ...NOTHING,
    actions: [{ kind: 'create', target: `snapshot "${config.name}" of ${shownCollection(of)}`, detail: how }],
    collections: [shownCollection(of)],
    warnings: [...createWarnings(context), ...taken],
  };
}

async function planRestore(context: ActionContext): Promise<Planned> {
  const { details, to, notes, warnings } = await planSnapshotRestore(context);
  const detail = [`from snapshot "${details.name}" of ${shownCollection(details)}`, ...notes].join('; ');
  return {
    actions: [{ kind: 'create', target: shownCollection(to), detail }],
    collections: [shownCollection(to)],
    warnings,
    rows: Number(details.rows ?? 0),
    bytes: details.bytes ?? 0,
  };
}

async function planDrop({ config, open }: ActionContext): Promise<Planned> {
  const ref = await resolveSnapshot(open.keeper, askedSnapshot(config));
  const frees = await open.keeper.freedBy(ref);
  const action: Action = {
    kind: 'drop',
    target: `snapshot "${ref.name}" of ${shownCollection(ref)}`,
    detail: 'for good',
  };
  return { ...NOTHING, actions: [action], collections: [shownCollection(ref)], bytes: frees ?? 0 };
}

async function planPrune(context: ActionContext): Promise<Planned> {
  const dry = { ...context, config: { ...context.config, apply: false } };
  const { pruned = [], notes = [] } = await takeAction(dry);
  const actions = pruned.map(
    (one): Action => ({
      kind: 'drop',
      target: `snapshot "${one.name}" of ${shownCollection(one)}`,
      detail: 'it is old',
    }),
  );
  const bytes = pruned.reduce((sum, { frees }) => sum + (frees ?? 0), 0);
  const warnings = context.config.apply ? notes : [...notes, 'apply is not set: a run only says what would go'];
  return { ...NOTHING, actions, warnings, bytes };
}

async function planAction(context: ActionContext): Promise<Planned> {
  switch (context.config.action) {
    case 'create':
      return await planCreate(context);
    case 'restore':
      return await planRestore(context);
    case 'drop':
      return await planDrop(context);
    case 'prune':
      return await planPrune(context);
    default:
      return { ...NOTHING, warnings: [`action: ${context.config.action} reads only, there is nothing to plan`] };
  }
}

/** What a SNAPSHOT would do; reads only. Throws what a run would refuse. */
export async function planSnapshot(context: ActionContext, id: string): Promise<PlanReport> {
  const { actions, collections, warnings, rows, bytes } = await planAction(context);
  return {
    version: REPORT_VERSION,
    task: 'SNAPSHOT',
    status: 'planned',
    exit_code: EXIT.ok,
    job_id: id,
    server: context.open.address,
    collections,
    metric: '',
    sources: [],
    rows,
    bytes,
    actions,
    warnings: [...context.config.notes, ...context.open.keeper.notes, ...warnings],
  };
}
