/** Errors of a conversion: how far values lie from what they were. */
export interface ErrorMeter {
  values: number;
  changed: number;
  sumAbs: number;
  maxAbs: number;
  /** Relative errors, of values that were not zero. */
  sumRel: number;
  maxRel: number;
  nonZero: number;
}

export function createErrorMeter(): ErrorMeter {
  return { values: 0, changed: 0, sumAbs: 0, maxAbs: 0, sumRel: 0, maxRel: 0, nonZero: 0 };
}

/** Counts one value. Both are finite. */
export function addError(meter: ErrorMeter, before: number, absolute: number): void {
  meter.values++;
  if (before !== 0) meter.nonZero++;
  if (absolute === 0) return;
  meter.changed++;
  meter.sumAbs += absolute;
  if (absolute > meter.maxAbs) meter.maxAbs = absolute;
  if (before === 0) return;
  const relative = absolute / Math.abs(before);
  meter.sumRel += relative;
  if (relative > meter.maxRel) meter.maxRel = relative;
}

/** Counts the values `from..to` of two arrays; those that are NaN or infinite are left out. Sums in locals, for speed. */
export function addErrors(
  meter: ErrorMeter,
  before: Float32Array,
  after: Float32Array,
  from: number,
  to: number,
): void {
  let { values, changed, sumAbs, maxAbs, sumRel, maxRel, nonZero } = meter;
  for (let i = from; i < to; i++) {
    const was = before[i]!;
    const error = Math.abs(was - after[i]!);
    // NaN also for infinity less itself.
    if (Number.isNaN(error)) continue;
    values++;
    if (was !== 0) nonZero++;
    if (error === 0) continue;
    changed++;
    sumAbs += error;
    if (error > maxAbs) maxAbs = error;
    // A zero never changes, so there is something to divide by.
    const relative = error / Math.abs(was);
    sumRel += relative;
    if (relative > maxRel) maxRel = relative;
  }
  Object.assign(meter, { values, changed, sumAbs, maxAbs, sumRel, maxRel, nonZero });
}

/** The figures of a report. */
export function errorFigures(meter: ErrorMeter): Readonly<Record<string, number>> {
  const mean = (sum: number, count: number): number => (count === 0 ? 0 : sum / count);
  return {
    values: meter.values,
    changed: meter.changed,
    max_abs_error: meter.maxAbs,
    mean_abs_error: mean(meter.sumAbs, meter.values),
    max_rel_error: meter.maxRel,
    mean_rel_error: mean(meter.sumRel, meter.nonZero),
  };
}

/** The figures in words: `12 of 40 values changed, by at most 0.001 (relative 0.0004), on average ...`. */
export function errorWords(meter: ErrorMeter): string {
  const { values, changed, maxAbs, maxRel, sumAbs } = meter;
  if (changed === 0) return `all ${values} values exact`;
  const mean = (sumAbs / values).toPrecision(3);
  return `${changed} of ${values} values changed, by at most ${maxAbs.toPrecision(3)} (relative ${maxRel.toPrecision(3)}), ${mean} on average`;
}
