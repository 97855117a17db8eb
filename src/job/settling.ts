import type { PhaseProgress, UnitPlan, WritePlan, Writer } from '../adapters/types.js';
import type { Settling, UnitLine } from './ledger/lines.js';
import type { Preflight } from './preflight.js';

export interface SettlingInput {
  readonly writer: Writer;
  readonly plan: WritePlan;
  readonly preflight: Preflight;
  readonly idsUnique: boolean;
  /** Should the run die, nothing of it is gone on with. */
  readonly transient?: boolean;
  readonly progress: PhaseProgress;
}

function settlingOf({ writer, plan, idsUnique, transient }: SettlingInput, unit: UnitPlan): Settling {
  if (plan.path === 'bulk') return 'import';
  if (transient || writer.rewritable) return 'rewrite';
  if (plan.autoId) return 'count';
  if (unit.fresh && idsUnique) return 'again';
  return plan.canQuery ? 'lookup' : 'count';
}

/** Whether rows that the unit held before this run may have our ids. */
async function mayShareIds({ writer, preflight, progress }: SettlingInput, unit: UnitPlan): Promise<boolean> {
  if (unit.fresh || unit.existingRows === 0) return false;
  await writer.openForReading(progress);
  const { keys } = preflight;
  return keys === undefined || (await writer.countBetween(keys.least, keys.largest, unit)) > 0;
}

/**
 * Decides, before anything is written, how each unit will be settled if this run dies: contract of "what was in flight at a
 * death". Counts what that needs.
 */
export async function decideSettling(input: SettlingInput): Promise<UnitLine[]> {
  const lines: UnitLine[] = [];
  for (const unit of input.plan.units) {
    const settling = settlingOf(input, unit);
    const counted =
      unit.write && settling === 'count' && !unit.fresh ? await input.writer.countExactly(unit) : undefined;
    lines.push({
      partition: unit.partition ?? null,
      whole: unit.whole ?? false,
      write: unit.write,
      existingRows: unit.existingRows,
      fresh: unit.fresh,
      settling,
      others: unit.write && settling === 'lookup' && (await mayShareIds(input, unit)),
      base: counted?.rows ?? 0,
      how: counted?.how ?? null,
    });
  }
  return lines;
}
