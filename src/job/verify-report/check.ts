import { Schema } from 'apache-arrow';
import { combineDigests, type Digest } from '../../batch/digest.js';
import { toArrowField } from '../../batch/fields.js';
import type { TaskConfig } from '../../config/types.js';
import type { OpenOptions } from '../../registry.js';
import { fail, MilvusdmError, toMilvusdmError } from '../../util/errors.js';
import { align } from '../contents/align.js';
import { type Comparison, compareContents } from '../contents/compare.js';
import { type ContentSource, contentSource, digestContents, onlyPartition, wholeSplits } from '../contents/source.js';
import { type DiffPlace, type DiffSide, openSide } from '../diff/side.js';
import type { DigestField, RecordedCollection } from '../recorder.js';
import type { TargetReport } from '../report.js';
import { mismatch } from '../verify-full.js';
import { openSourceAgain } from './source.js';

/** How a target stands now beside what the report says of it. */
export interface CheckedTarget {
  readonly collection: string;
  readonly partition: string | null;
  /** `gone`: the collection is not there. `unchecked`: the run wrote nothing there, or the report says too little. */
  readonly status: 'equal' | 'different' | 'gone' | 'unchecked';
  readonly rows: number | null;
  readonly expected_rows: number;
  readonly digest: string | null;
  readonly expected_digest: string | null;
  /** What is wrong or could not be done, in words. */
  readonly detail: string | null;
  readonly differences: readonly {
    readonly id: string | null;
    readonly kind: string;
    readonly fields: readonly string[];
  }[];
}

export interface CheckOptions extends Omit<OpenOptions, 'signal'> {
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

function base(
  target: TargetReport,
): Pick<CheckedTarget, 'collection' | 'partition' | 'expected_rows' | 'expected_digest'> {
  const { collection, partition, rows_written: expected_rows, digest: expected_digest } = target;
  return { collection, partition, expected_rows, expected_digest };
}

const NOTHING = { rows: null, digest: null, differences: [] } as const;

/** Rows that nobody reads: only their fields are known. */
function fieldsOnly(fields: readonly DigestField[]): ContentSource {
  return { schema: new Schema(fields.map(toArrowField)), splits: [], parallel: 1, async *read() {} };
}

function placeOf(config: TaskConfig, collection: string, server: string): DiffPlace {
  if (config.archive) return { kind: 'files', label: server, path: server };
  const source = { adapter: 'milvus', endpoint: config.dest, select: { [collection]: null } } as const;
  return { kind: 'milvus', label: collection, source };
}

/** The place as it is now; undefined where nothing is there. */
async function openIfThere(place: DiffPlace, o: OpenOptions): Promise<DiffSide | undefined> {
  try {
    return await openSide(place, o);
  } catch (thrown) {
    const gone = place.kind === 'milvus' ? 'NOTHING_MATCHED' : 'SRC_NOT_FOUND';
    if (thrown instanceof MilvusdmError && thrown.code === gone) return undefined;
    throw thrown;
  }
}

interface Checking {
  readonly config: TaskConfig;
  readonly target: TargetReport;
  readonly recorded: RecordedCollection;
  readonly content: ContentSource;
  readonly queried: boolean;
  readonly o: CheckOptions;
}

async function digestNow({ content, recorded, o }: Checking): Promise<{ digest: Digest; lacks: string[] }> {
  const { b, differences } = align(fieldsOnly(recorded.fields), content);
  const total = content.splits.reduce((sum, s) => sum + s.rows, 0);
  let done = 0;
  const onRows = (rows: number): void => {
    done += rows;
    o.onProgress?.(Math.min(done, total), total);
  };
  const digests = await digestContents(b, { signal: o.signal, onRows });
  return { digest: combineDigests(digests.values()), lacks: differences.filter((d) => d.a).map((d) => d.name) };
}

/** Compares with the rows of the source, which names ids. Throws SRC_CHANGED where they are not those of the run any more. */
async function compareWithSource(c: Checking, whole: boolean): Promise<Comparison> {
  await using source = await openSourceAgain(c.config, c.target, c.recorded.fields, c.o);
  const found = await compareContents(
    { content: source.content, queried: c.config.source.adapter === 'milvus' },
    { content: c.content, queried: c.queried },
    { subset: !whole, signal: c.o.signal, ...(c.o.onProgress ? { onProgress: c.o.onProgress } : {}) },
  );
  if (found.digests.a === c.target.digest || found.fields.some((f) => f.a)) return found;
  throw fail('SRC_CHANGED', `the rows of the source of "${c.target.collection}" are not those of the run any more`);
}

function judged(c: Checking, found: Comparison): CheckedTarget {
  const rows = { rows: found.rows.b, digest: found.digests.b, differences: found.differences };
  const fields = found.fields.filter((f) => f.a);
  const { missing, extra, different } = found.counts;
  if (missing + extra + different === 0 && fields.length === 0) {
    return { ...base(c.target), ...rows, status: 'equal', detail: 'each row of the run is there' };
  }
  const name = JSON.stringify(
    c.target.partition === null ? c.target.collection : `${c.target.collection}/${c.target.partition}`,
  );
  return { ...base(c.target), ...rows, status: 'different', detail: mismatch(name, { ...found, fields }).message };
}

/**
 * A unit that held only the rows of the run has the digest of the report. Where it has not, or where others' rows are there
 * too, the rows of the source decide, if they can still be had.
 */
async function checkTarget(c: Checking): Promise<CheckedTarget> {
  const { target, recorded } = c;
  const whole = recorded.fresh.includes(target.partition);
  const { digest, lacks } = await digestNow(c);
  const now = { rows: digest.rows, digest: digest.hex, differences: [] };
  if (lacks.length > 0) {
    return {
      ...base(target),
      ...now,
      status: 'different',
      detail: `fields are gone or have another type: ${lacks.join(', ')}`,
    };
  }
  if (whole && digest.hex === target.digest) return { ...base(target), ...now, status: 'equal', detail: null };
  try {
    return judged(c, await compareWithSource(c, whole));
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    const copies = c.queried && (target.duplicates ?? 0) > 0 && c.config.options.onDuplicateId === 'keep';
    // The digests alone prove a difference only where every row of the run can be seen.
    if (error.code === 'INTERRUPTED' || error.code === 'INTERNAL' || !whole || copies) throw error;
    const detail = `the digest is another one; which rows differ cannot be said: ${error.message}`;
    return { ...base(target), ...now, status: 'different', detail };
  }
}

/** Checks the targets of one collection against their report. */
export async function checkCollection(
  config: TaskConfig,
  recorded: RecordedCollection | undefined,
  targets: readonly TargetReport[],
  o: CheckOptions,
): Promise<CheckedTarget[]> {
  const unchecked = (target: TargetReport, detail: string): CheckedTarget => ({
    ...base(target),
    ...NOTHING,
    status: 'unchecked',
    detail,
  });
  if (!recorded) return targets.map((t) => unchecked(t, 'the run wrote nothing here'));
  await using side = await openIfThere(placeOf(config, recorded.collection, recorded.server), o);
  if (!side) {
    return targets.map((t) => ({
      ...base(t),
      ...NOTHING,
      status: 'gone',
      detail: `${recorded.collection} is not there any more`,
    }));
  }
  const content = contentSource(side.reader, wholeSplits(await side.reader.splits()));
  const results: CheckedTarget[] = [];
  for (const target of targets) {
    if (target.digest === null) {
      results.push(unchecked(target, 'the run wrote nothing here'));
      continue;
    }
    const cut = target.partition === null ? content : onlyPartition(content, target.partition);
    results.push(await checkTarget({ config, target, recorded, content: cut, queried: side.queried, o }));
  }
  return results;
}
