import { keyIndex } from '../../batch/columns.js';
import { type FieldSpec, fromArrowField } from '../../batch/fields.js';
import type { OpenOptions } from '../../registry.js';
import { idTransform } from '../../transforms/ids.js';
import { createDisposables } from '../../util/disposables.js';
import { fail } from '../../util/errors.js';
import { EXIT, type ExitCode } from '../../util/exit-codes.js';
import { type Comparison, compareContents } from '../contents/compare.js';
import { type ContentSource, contentSource, onlyPartition, wholeSplits } from '../contents/source.js';
import { REPORT_VERSION } from '../report.js';
import { type DiffPlace, type DiffSide, openSide } from './side.js';

/** What `diff` found of two partitions of one name, or of the two sides as wholes. */
export interface PartDiff {
  /** null: the sides as wholes. */
  readonly partition: string | null;
  readonly equal: boolean;
  readonly rows_a: number;
  readonly rows_b: number;
  readonly digest_a: string;
  readonly digest_b: string;
  /** Rows that only A has, that only B has, and that differ in a value. */
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** False: there may be more differing rows than counted. */
  readonly complete: boolean;
  /** Copies of ids, and rows with the ids 2^63-1 and -2^63, that a Milvus does not show. */
  readonly hidden: number;
  readonly differences: readonly {
    readonly id: string | null;
    readonly kind: string;
    readonly fields: readonly string[];
  }[];
}

/** What `milvusdm diff --json` prints (`schemas/diff.schema.json`). */
export interface DiffReport {
  readonly version: typeof REPORT_VERSION;
  readonly command: 'diff';
  readonly status: 'equal' | 'different';
  readonly exit_code: ExitCode;
  readonly a: { readonly place: string; readonly what: string };
  readonly b: { readonly place: string; readonly what: string };
  /** Fields that only one side has or whose types differ; they are left out of the comparison of rows. */
  readonly fields: readonly { readonly name: string; readonly a: string | null; readonly b: string | null }[];
  readonly parts: readonly PartDiff[];
  readonly warnings: readonly string[];
  readonly seconds: number;
}

export interface DiffOptions extends Omit<OpenOptions, 'signal'> {
  /** Number of the first row of a side without ids, where its rows are to be compared by id. */
  readonly idStart: bigint;
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

function keyOf(side: DiffSide): FieldSpec | undefined {
  const { schema } = side.reader;
  const key = keyIndex(schema);
  return key < 0 ? undefined : fromArrowField(schema.fields[key]!);
}

/** The rows of a side; rows without ids get their numbers, as a run gives them. */
async function contentOf(side: DiffSide, other: DiffSide, place: DiffPlace, idStart: bigint): Promise<ContentSource> {
  const { reader } = side;
  const splits = wholeSplits(await reader.splits());
  if (keyOf(side)) return contentSource(reader, splits);
  if (keyOf(other)?.type === 'VARCHAR') {
    throw fail('CFG_CONFLICT', `the rows of ${place.label} have no ids, those of the other side have text ids`, {
      hint: 'Only rows with ids, or rows without and integer ids, can be compared.',
    });
  }
  const field = keyOf(other)?.name ?? 'id';
  const ids = idTransform(reader.schema, { kind: 'rows', field, start: idStart });
  return contentSource(reader, splits, { transformers: [ids] });
}

function partitionsOf(source: ContentSource): Set<string | undefined> {
  return new Set(source.splits.map((s) => s.partition));
}

/** Names of the partitions to compare one by one; null for the sides as wholes. */
function partsOf(a: ContentSource, b: ContentSource, whole: boolean): (string | null)[] {
  const [inA, inB] = [partitionsOf(a), partitionsOf(b)];
  if (whole || inA.has(undefined) || inB.has(undefined)) return [null];
  return [...new Set([...inA, ...inB])].sort() as string[];
}

function partDiff(partition: string | null, found: Comparison): PartDiff {
  return {
    partition,
    equal: found.equal,
    rows_a: found.rows.a,
    rows_b: found.rows.b,
    digest_a: found.digests.a,
    digest_b: found.digests.b,
    ...found.counts,
    complete: found.complete,
    hidden: found.copies + found.unfindable,
    differences: found.differences,
  };
}

function typeText(spec: FieldSpec | undefined): string | null {
  if (!spec) return null;
  const inner = spec.dim === undefined ? spec.elementType : String(spec.dim);
  return `${spec.type}${inner === undefined ? '' : `(${inner})`}${spec.primaryKey ? ' key' : ''}`;
}

/**
 * Compares the content of two places: fields, and rows partition by partition where both sides have partitions. Changes
 * nothing. Throws what opening and reading throw; a difference is no error.
 */
export async function diffPlaces(placeA: DiffPlace, placeB: DiffPlace, o: DiffOptions): Promise<DiffReport> {
  const started = performance.now();
  await using stack = createDisposables();
  const a = stack.use(await openSide(placeA, o));
  const b = stack.use(await openSide(placeB, o));
  const contentA = await contentOf(a, b, placeA, o.idStart);
  const contentB = await contentOf(b, a, placeB, o.idStart);
  const parts: PartDiff[] = [];
  let fields: DiffReport['fields'] = [];
  for (const partition of partsOf(contentA, contentB, a.whole || b.whole)) {
    const cut = (source: ContentSource): ContentSource =>
      partition === null ? source : onlyPartition(source, partition);
    const found = await compareContents(
      { content: cut(contentA), queried: a.queried },
      { content: cut(contentB), queried: b.queried },
      { signal: o.signal, ...(o.onProgress ? { onProgress: o.onProgress } : {}) },
    );
    fields = found.fields.map((f) => ({ name: f.name, a: typeText(f.a), b: typeText(f.b) }));
    parts.push(partDiff(partition, found));
  }
  const equal = parts.every((p) => p.equal);
  return {
    version: REPORT_VERSION,
    command: 'diff',
    status: equal ? 'equal' : 'different',
    exit_code: equal ? EXIT.ok : EXIT.verify,
    a: { place: placeA.label, what: a.what },
    b: { place: placeB.label, what: b.what },
    fields,
    parts,
    warnings: [...a.reader.warnings, ...b.reader.warnings],
    seconds: Math.round(performance.now() - started) / 1000,
  };
}
