import { fail } from '../../util/errors.js';
import type { ResumePoint, UnitPlan } from '../types.js';
import { type PlanInput, planTarget, type TargetPlan, type TargetState } from './plan.js';

const START_OVER = 'Run with --restart, which starts over, or put the collection back as it was.';

/** Throws DST_UNFINISHED unless the collection is the one that the earlier run wrote to. */
function requireSame(state: TargetState, input: PlanInput, target: string): void {
  if (!state.info) {
    throw fail('DST_UNFINISHED', `"${input.collection}", which this job was writing to, does not exist any more`, {
      hint: START_OVER,
    });
  }
  if (state.info.identity !== target) {
    throw fail('DST_UNFINISHED', `"${input.collection}" has been made anew since this job was writing to it`, {
      hint: START_OVER,
    });
  }
  const gone = input.units.filter((u) => u.partition !== undefined && !state.info!.partitions.includes(u.partition));
  if (gone.length === 0) return;
  const names = gone.map((u) => u.partition).join(', ');
  throw fail('DST_UNFINISHED', `of "${input.collection}" partitions are gone that this job was writing to: ${names}`, {
    hint: START_OVER,
  });
}

function remembered(units: readonly UnitPlan[], resume: ResumePoint): UnitPlan[] {
  return units.map((unit) => resume.units.find((r) => r.partition === unit.partition) ?? unit);
}

/** The target is prepared and in part written: nothing is made, dropped or emptied. */
function planToContinue(state: TargetState, input: PlanInput, resume: ResumePoint, target: string): TargetPlan {
  requireSame(state, input, target);
  // As if it did not exist, so that names and indexes are those that it was made with; or as one that is appended to.
  const plan = resume.creates
    ? planTarget({ indexes: [], rows: new Map() }, input)
    : planTarget(state, { ...input, mode: 'append' });
  const units = remembered(plan.units, resume);
  return {
    ...plan,
    units,
    creates: resume.creates,
    canQuery: plan.canQuery,
    create: false,
    drop: false,
    dropPartitions: [],
    emptyPartitions: [],
    createPartitions: [],
    actions: [
      { kind: 'append', target: input.collection, detail: 'continues where an earlier run of this job ended' },
      ...plan.actions.filter((a) => a.kind === 'index' || a.kind === 'load'),
    ],
  };
}

/**
 * Plans a collection of which an earlier run of the same job has left something. A run that died while it made the target has
 * written nothing: what it left empty is made again, and anything else is planned as if there had been no such run.
 */
export function planResumed(state: TargetState, input: PlanInput, resume: ResumePoint): TargetPlan {
  if (resume.target !== undefined) return planToContinue(state, input, resume, resume.target);
  const unitsEmpty = resume.units.every((u) => !u.write || !u.fresh || (state.rows.get(u.partition ?? '') ?? 0) === 0);
  if (!state.info || !unitsEmpty || input.mode !== 'skip') return planTarget(state, input);
  if (resume.creates) return planTarget(state, { ...input, mode: 'overwrite' });
  const plan = planTarget(state, { ...input, mode: 'append' });
  return { ...plan, units: remembered(plan.units, resume) };
}
