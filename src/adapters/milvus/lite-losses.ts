import { specsOf } from '../../batch/fields.js';
import type { PlanInput, TargetPlan, TargetState } from './plan.js';

/** Partitions besides the ones that are written, which hold rows that stay. */
function partitionsThatStay(state: TargetState, plan: TargetPlan): string[] {
  if (plan.create) return [];
  const written = new Set(plan.units.filter((u) => u.write).map((u) => u.partition));
  return [...state.rows].flatMap(([name, rows]) => (name !== '' && rows > 0 && !written.has(name) ? [name] : []));
}

/** What Milvus Lite 3.2 cannot keep of what a plan would write (measured: it takes all of this, and drops it in silence). */
export function liteLosses(state: TargetState, input: PlanInput, plan: TargetPlan): string[] {
  const written = plan.units.filter((u) => u.write && u.partition !== undefined);
  if (written.length === 0 && !plan.create) return [];
  const warnings: string[] = [];
  const { collection, settings } = input;
  if (written.length + partitionsThatStay(state, plan).length > 1) {
    warnings.push(
      `Milvus Lite keeps one row per id in all of "${collection}": an id that is written into one partition leaves the others`,
    );
  }
  if (!plan.create) return warnings;
  const lost: string[] = [];
  if (settings.description) lost.push('the description');
  const described = specsOf(input.schema).filter((s) => s.description);
  if (described.length > 0) lost.push(`the descriptions of ${described.map((s) => s.name).join(', ')}`);
  const shards = input.parameter.shards ?? settings.shards ?? 1;
  if (shards > 1) lost.push(`its ${shards} shards`);
  if (settings.consistency && settings.consistency !== 'Strong')
    lost.push(`the consistency level ${settings.consistency}`);
  const texts = specsOf(input.schema).filter((s) => s.elementType === 'VARCHAR');
  if (texts.length > 0) lost.push(`how long texts may be in ${texts.map((s) => s.name).join(', ')}`);
  if (lost.length > 0) warnings.push(`Milvus Lite does not keep of "${collection}": ${lost.join('; ')}`);
  return warnings;
}
