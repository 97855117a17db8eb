import type { WritePath } from '../../../config/types.js';
import { describeCollection } from '../../../milvus/collections.js';
import type { Connection } from '../../../milvus/connection.js';
import { fail } from '../../../util/errors.js';
import type { Action, PlanOptions, SetFate, WritePlan, Writer, WriterRequest } from '../../types.js';
import type { Mapping } from '../match.js';
import { decidePath } from './choose.js';
import { policyFor } from './import-set.js';
import { fateOf } from './import-task.js';
import type { FieldLimits } from './limits.js';
import { createLoader, type Loader } from './loader.js';
import type { FileKind } from './set-files.js';
import { openStage, type Stage } from './stage.js';

/** An index that the server builds for rows that were imported can keep them out of a count for so long. */
const COUNT_PATIENCE_MS = 300_000;

export interface BulkOptions {
  readonly mapping: () => Mapping;
  readonly retryForMs: number;
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal;
}

function planned(plan: WritePlan, path: WritePath, action: Action | undefined): WritePlan {
  const { actions } = plan;
  const after = actions.findIndex(({ kind }) => kind === 'index' || kind === 'load');
  const at = after < 0 ? actions.length : after;
  return {
    ...plan,
    path,
    actions: action ? [...actions.slice(0, at), action, ...actions.slice(at)] : actions,
  };
}

/**
 * A writer of the same collection that has the server import files where the plan comes to that, and inserts like `base`
 * otherwise. It disposes of `base`.
 */
export function bulkWriter(base: Writer, connection: Connection, request: WriterRequest, o: BulkOptions): Writer {
  const bulk = request.write?.bulk;
  let stage: Stage | undefined;
  let loader: Loader | undefined;
  let resumed = false;
  let limits: ReadonlyMap<string, FieldLimits> = new Map();

  async function openLoader(kind: FileKind): Promise<void> {
    if (!bulk || stage) return;
    stage = await openStage(bulk, request.job ?? request.collection, { retryFor: o.retryForMs / 1000, log: o.log });
    const { maxFileBytes, parallelJobs, keepFiles } = bulk;
    const { collection } = request;
    const { mapping, log } = o;
    const sizes = { maxFileBytes, parallelJobs, keepFiles };
    loader = createLoader(connection, { collection, stage, kind, mapping, limits: () => limits, ...sizes, log });
  }

  async function readLimits(): Promise<Map<string, FieldLimits>> {
    const fields = (await describeCollection(connection, request.collection))?.fields ?? [];
    const limitsOf = ({ maxLength, maxCapacity }: FieldLimits): FieldLimits => ({
      ...(maxLength === undefined ? {} : { maxLength }),
      ...(maxCapacity === undefined ? {} : { maxCapacity }),
    });
    return new Map(fields.map((field) => [field.name, limitsOf(field)]));
  }

  async function clear(): Promise<void> {
    if (stage && !bulk?.keepFiles) await stage.clear();
  }

  async function settleSets(sets: ReadonlyMap<string, readonly bigint[]>): Promise<ReadonlyMap<string, SetFate>> {
    const at = stage;
    if (!at) throw fail('INTERNAL', 'sets of files were settled before that was planned');
    const wait = { retry: policyFor(connection, o.signal), ...(o.signal ? { signal: o.signal } : {}) };
    const fates = new Map<string, SetFate>();
    for (const [set, tasks] of sets) {
      const owns = (file: string): boolean => at.owns(set, file);
      const fate = await fateOf(connection, { collection: request.collection, tasks, owns }, wait);
      o.log(`the files ${set} of an earlier run: ${fate}`);
      fates.set(set, fate);
      // Its import does not go on any more.
      if (!bulk?.keepFiles) await at.clear(set);
    }
    return fates;
  }

  return {
    ...base,
    get replacedRows() {
      return base.replacedRows;
    },
    async plan(schema, units, options: PlanOptions) {
      const plan = await base.plan(schema, units, options);
      if (plan.units.every((unit) => !unit.write)) return plan;
      const { features } = connection;
      const earlier = options.resume?.target === undefined ? undefined : (options.resume.path ?? 'insert');
      const decision = decidePath({ write: request.write, schema, features, bytes: options.bytes, earlier });
      resumed = earlier !== undefined;
      if (decision.path === 'bulk') await openLoader(decision.files);
      const where = stage && decision.path === 'bulk' ? `, ${decision.files} files in ${stage.store.name}` : '';
      const detail = decision.reason === undefined ? undefined : `${decision.reason}${where}`;
      const action =
        detail === undefined ? undefined : ({ kind: 'write', target: request.collection, detail } as const);
      return planned(plan, decision.path, action);
    },
    async prepare(plan) {
      // Also shows that the store can be reached, before anything is dropped. What an earlier run has left may be in use still.
      if (stage && !resumed) await stage.clear();
      const identity = await base.prepare(plan);
      if (loader) limits = await readLimits();
      return identity;
    },
    get finiteScalars() {
      return loader !== undefined || (base.finiteScalars ?? false);
    },
    get countPatienceMs() {
      return loader ? COUNT_PATIENCE_MS : undefined;
    },
    write: (batch, options) => (loader ? loader.write(batch, options) : base.write(batch, options)),
    async completeUnit(unit) {
      await loader?.close(unit.partition);
    },
    settleSets,
    async commit(progress) {
      await loader?.finish();
      await clear();
      await base.commit(progress);
    },
    async [Symbol.asyncDispose]() {
      // Nothing is cleared here: every set removes its own files, and this may be a plan beside a run of the same job.
      await stage?.[Symbol.asyncDispose]();
      await base[Symbol.asyncDispose]();
    },
  };
}
