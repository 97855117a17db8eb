import { type Inverse, undo } from './inverse.js';
import type { IndexNode, StoredRows } from './node.js';
import { reasonOf } from './refused.js';
import type { SourceFile } from './source-file.js';
import { NUMBER_BYTES, type StoredForm } from './stored-form.js';
import { readFloats } from './tables.js';

/**
 * What becomes of the vectors that were once added: `exact` bit for bit; `narrow` bit for bit what is stored, which is
 * narrower than float32; `rounded` up to the rounding of float32; `lossy` similar vectors; `refused` nothing can be read.
 */
export type Verdict = 'exact' | 'narrow' | 'rounded' | 'lossy' | 'refused';

const ORDER: readonly Verdict[] = ['exact', 'narrow', 'rounded', 'lossy', 'refused'];

export interface Assessment {
  readonly verdict: Verdict;
  /** Why, one line for each thing that makes the rows other than what was added. */
  readonly reasons: readonly string[];
  /** How the transforms are undone, in the order in which that happens. */
  readonly inverses: readonly Inverse[];
  /** Root of the mean squared length of the error that the quantizer's steps make; absent where the file does not tell it. */
  readonly stepError?: number;
}

const OF_QUALITY = { exact: 'exact', rounded: 'rounded', lossy: 'lossy', none: 'refused' } as const;

interface Finding {
  readonly verdict: Verdict;
  readonly says?: string;
}

/** Components are spread evenly within a step, so that their squared error is a twelfth of its square. */
async function scalarError(form: StoredForm, dim: number, file: SourceFile): Promise<number | undefined> {
  if (form.kind !== 'scalar') return undefined;
  const trained = await readFloats(file, 'the ranges of the scalar quantizer', form.trained);
  const steps = 2 ** form.bits - 1;
  const uniform = trained.length === 2;
  let sum = 0;
  for (let i = 0; i < dim; i++) sum += (trained[uniform ? 1 : dim + i]! / steps) ** 2 / 12;
  return Number.isFinite(sum) ? Math.sqrt(sum) : undefined;
}

function ofNumbers(type: keyof typeof NUMBER_BYTES, plain: boolean): Finding {
  if (type === 'float32') return { verdict: 'exact' };
  if (type === 'float64') return { verdict: 'rounded', says: 'float64 is rounded to float32' };
  if (NUMBER_BYTES[type] >= 4) return { verdict: 'exact', says: `${type} is rounded to float32 beyond 2^24` };
  if (plain) return { verdict: 'exact' };
  const shown = type === 'uint8-128' ? 'signed bytes' : type === 'uint8' ? 'bytes' : type;
  return {
    verdict: 'narrow',
    says: `the index keeps ${shown} of its vectors: they are read exactly, as it keeps them`,
  };
}

function ofForm({ form, residualOf, bits }: StoredRows, plain: boolean, error: number | undefined): Finding[] {
  if (form.kind === 'bits' || bits) return [{ verdict: 'exact' }];
  const found: Finding[] = [];
  if (form.kind === 'numbers') found.push(ofNumbers(form.type, plain));
  else {
    const what = { scalar: 'scalar quantizer', product: 'product quantizer', additive: 'additive quantizer' }[
      form.kind
    ];
    const estimate =
      error === undefined
        ? 'the file holds no measure of how far they are off'
        : `its steps put a vector off by ${error.toPrecision(3)} on average (root mean square)`;
    found.push({
      verdict: 'lossy',
      says: `codes of a ${what} give similar vectors, not those that were added: ${estimate}`,
    });
  }
  if (residualOf && form.kind === 'numbers') {
    const whole = NUMBER_BYTES[form.type] === 1;
    const says = whole
      ? 'differences to centroids were cut down to whole bytes'
      : 'differences to centroids are stored: adding the centroid rounds to float32';
    found.push({ verdict: whole ? 'lossy' : 'rounded', says });
  }
  return found;
}

/**
 * Judges what can be had of an index, looking at the matrices of its transforms.
 * @param plain the file is no index: what its numbers are is what they were meant to be
 * @throws SRC_CORRUPT, SRC_UNSUPPORTED for tables that cannot be read
 */
export async function assess(node: IndexNode, file: SourceFile, plain: boolean): Promise<Assessment> {
  const { stored, unread } = node;
  if (!stored || unread) return { verdict: 'refused', reasons: unread ? [reasonOf(unread)] : [], inverses: [] };
  const inverses: Inverse[] = [];
  for (const transform of [...stored.transforms].reverse()) inverses.push(await undo(transform, file));
  const stepError = await scalarError(stored.form, stored.storedDim, file);
  const findings: Finding[] = ofForm(stored, plain, stepError);
  for (const { label, quality, says } of inverses)
    findings.push({ verdict: OF_QUALITY[quality], says: `${label}: ${says}` });
  const worst = Math.max(...findings.map((finding) => ORDER.indexOf(finding.verdict)));
  return {
    verdict: ORDER[worst]!,
    reasons: findings.flatMap(({ says }) => (says === undefined ? [] : [says])),
    inverses,
    ...(stepError === undefined ? {} : { stepError }),
  };
}
