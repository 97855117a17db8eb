import type { SnapshotConfig } from '../../config/types.js';
import type { Emit } from '../open-job.js';
import type { TargetReport } from '../report.js';
import type { OpenKeeper } from './open-keeper.js';
import type { SnapshotReport } from './report.js';

/** What an action needs. */
export interface ActionContext {
  readonly config: SnapshotConfig;
  readonly open: OpenKeeper;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  readonly now: number;
}

/** What an action has done: its part of the report, and the collections that it has filled. */
export interface ActionResult extends Omit<SnapshotReport, 'action' | 'keeper' | 'server' | 'notes'> {
  readonly notes?: readonly string[];
  readonly targets?: readonly TargetReport[];
  /** Some of what was asked for could not be done. */
  readonly partial?: boolean;
}

/** The database and collection that a task names, where it names them. */
export function scopeOf({ db, collection }: SnapshotConfig): { readonly db?: string; readonly collection?: string } {
  return { ...(db === undefined ? {} : { db }), ...(collection === undefined ? {} : { collection }) };
}

/** The name and the scope of a task whose rules require a name. */
export function askedSnapshot(config: SnapshotConfig): { name: string; db?: string; collection?: string } {
  return { name: config.name ?? '', ...scopeOf(config) };
}
