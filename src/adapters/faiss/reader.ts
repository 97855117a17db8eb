import { type RecordBatch, Schema } from 'apache-arrow';
import { makeBatch, type RawValues } from '../../batch/columns.js';
import { toArrowField, vectorBytes } from '../../batch/fields.js';
import type { FaissSource } from '../../config/types.js';
import { throwIfAborted } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import type { ReadBatch, Reader, ReadOptions, SourceInfo, Split } from '../types.js';
import { type FieldNames, infoOf, vectorTypeOf, warningsOf } from './info.js';
import { type FileFormat, fingerprintOfFiles, type OpenIndex, openIndex, type Stamps } from './open-index.js';
import { refusal } from './refused.js';
import type { IndexFiles } from './rows.js';
import { assertUnchanged } from './source-file.js';
import { type LengthMeter, type VectorTarget, vectorReader } from './vectors.js';

/** A file as it was found when the reader was opened. */
interface KnownFile {
  readonly info: SourceInfo;
  readonly split: Split;
  readonly stamps: Stamps;
  readonly format: FileFormat;
  /** Lossy files whose error is known: what it is set beside. */
  readonly loss?: { readonly stepError: number; readonly meter: LengthMeter };
}

const ID_BYTES = 8;
const LARGEST_ARRAY = 2 ** 31 - 1;

/** Throws SRC_UNSUPPORTED for rows that cannot be had, or only as approximations that nobody has asked for. */
function assertReadable({ node, files, assessment }: OpenIndex, allowLossy: boolean): void {
  const { path } = files.index;
  const why = assessment.reasons.join('; ');
  const is = `${path} is a Faiss index of the kind ${node.chain.join(' over ')}`;
  if (node.unread) throw refusal(path, node.chain, node.unread);
  if (assessment.verdict === 'refused') {
    const hint = 'Reconstruct the rows with Faiss into an IndexFlat and migrate that, if it can.';
    throw fail('SRC_UNSUPPORTED', `${is}: its vectors cannot be had back (${why})`, { hint });
  }
  if (assessment.verdict !== 'lossy' || allowLossy) return;
  throw fail('SRC_UNSUPPORTED', `${is}: it stores approximations, not the vectors that were added (${why})`, {
    hint: 'Migrate the data from which the index was built; or set allow_lossy: true to write what the index has.',
  });
}

type Examined = Omit<KnownFile, 'split'> & { readonly fingerprint: string };

async function examine(path: string, source: FaissSource, names: FieldNames, warnings: string[]): Promise<Examined> {
  await using opened = await openIndex(path, source.format ? { format: source.format } : {});
  assertReadable(opened, source.allowLossy ?? false);
  warnings.push(...warningsOf(opened, vectorTypeOf(opened, source.vectorType)));
  const { stepError } = opened.assessment;
  return {
    info: infoOf(opened, names, source.vectorType),
    format: opened.format,
    fingerprint: await fingerprintOfFiles(opened.files),
    stamps: { index: opened.files.index.stamp, data: opened.files.data?.stamp },
    ...(stepError === undefined ? {} : { loss: { stepError, meter: { rows: 0, squares: 0 } } }),
  };
}

/** How far the codes of a lossy file put its vectors off, in proportion to their length. */
function lossText({ info, loss }: KnownFile): string | undefined {
  if (!loss || loss.meter.rows === 0 || loss.meter.squares === 0) return undefined;
  const length = Math.sqrt(loss.meter.squares / loss.meter.rows);
  const part = ((loss.stepError / length) * 100).toPrecision(2);
  const error = `${loss.stepError.toPrecision(3)} beside a length of ${length.toPrecision(3)}`;
  return `${info.path}: estimated error of its vectors: ${part} % (${error}, root mean squares)`;
}

function rowBytesOf(info: SourceInfo): number {
  return vectorBytes(info.vectorType, info.dim) ?? 0;
}

/** Throws SRC_MISMATCH unless the rows of both files fit into one collection. */
function assertAlike(first: SourceInfo, other: SourceInfo): void {
  const differ = (what: string, a: string | number, b: string | number): void => {
    if (a !== b) throw fail('SRC_MISMATCH', `${first.path} has ${what} ${a}, ${other.path} has ${b}`);
  };
  differ('vectors of the type', first.vectorType, other.vectorType);
  differ('dimension', first.dim, other.dim);
  if (first.ids === other.ids) return;
  const [withIds, without] = first.ids === 'stored' ? [first, other] : [other, first];
  const message = `${withIds.path} stores ids (${withIds.kind}), ${without.path} does not (${without.kind})`;
  throw fail('SRC_MISMATCH', message);
}

function startOf(after: string | undefined, split: Split): number {
  if (after === undefined) return 0;
  const row = /^\d{1,16}$/.test(after) ? Number(after) : -1;
  if (row < 0 || row > split.rows) {
    throw fail('INTERNAL', `"${after}" is no position in ${split.source}, which has ${split.rows} rows`);
  }
  return row;
}

/** A schema with these fields only, in the order of the full one. */
function project(schema: Schema, columns: readonly string[] | undefined): Schema {
  if (!columns) return schema;
  const unknown = columns.find((name) => !schema.fields.some((field) => field.name === name));
  if (unknown !== undefined) throw fail('INTERNAL', `the Faiss reader has no column "${unknown}"`);
  return new Schema(schema.fields.filter((field) => columns.includes(field.name)));
}

/** The memory of one batch and the columns over it. Ids lie first: they need the stricter alignment. */
function batchMemory(schema: Schema, names: FieldNames, info: SourceInfo, maxBytes: number, rows: number) {
  const wantIds = schema.fields.some((field) => field.name === names.idField);
  const wantVectors = schema.fields.some((field) => field.name === names.vectorField);
  const rowBytes = rowBytesOf(info);
  const total = (wantIds ? ID_BYTES : 0) + (wantVectors ? rowBytes : 0);
  const limit = Math.min(
    Math.floor(maxBytes / Math.max(1, total)),
    Math.floor(LARGEST_ARRAY / Math.max(1, total)),
    rows,
  );
  const capacity = Math.max(1, limit);
  return {
    capacity,
    bytes: capacity * total,
    over(memory: ArrayBuffer): { target: VectorTarget; batchOf(count: number): RecordBatch } {
      const ids = new BigInt64Array(memory, 0, wantIds ? capacity : 0);
      const vectors = new Uint8Array(memory, ids.byteLength, wantVectors ? capacity * rowBytes : 0);
      return {
        target: { ...(wantIds ? { ids } : {}), ...(wantVectors ? { vectors } : {}) },
        batchOf(count) {
          const used = vectors.subarray(0, wantVectors ? count * rowBytes : 0);
          const isFloat = info.vectorType === 'FLOAT_VECTOR';
          const values = isFloat ? new Float32Array(memory, used.byteOffset, used.byteLength / 4) : used;
          const columns: RawValues[] = [...(wantIds ? [ids.subarray(0, count)] : []), ...(wantVectors ? [values] : [])];
          return makeBatch(schema, count, columns);
        },
      };
    },
  };
}

async function assertFilesUnchanged(files: IndexFiles): Promise<void> {
  await assertUnchanged(files.index);
  if (files.data) await assertUnchanged(files.data);
}

/** Memory that is lent to one pass at a time and kept for the next. */
function memoryPool() {
  let spare: ArrayBuffer | undefined;
  return {
    take(bytes: number): ArrayBuffer {
      const found = spare;
      spare = undefined;
      return found && found.byteLength >= bytes ? found : new ArrayBuffer(bytes);
    },
    giveBack(memory: ArrayBuffer): void {
      spare = memory;
    },
    drop(): void {
      spare = undefined;
    },
  };
}

async function* readFile(
  known: KnownFile,
  schema: Schema,
  names: FieldNames,
  options: ReadOptions,
  pool: ReturnType<typeof memoryPool>,
): AsyncGenerator<ReadBatch> {
  const { info, split } = known;
  let row = startOf(options.after, split);
  throwIfAborted(options.signal);
  await using opened = await openIndex(info.path, { format: known.format, expected: known.stamps });
  const { stored } = opened.node;
  if (!stored) throw fail('INTERNAL', `${info.path}: ${opened.node.label} has lost its rows`);
  const rows = await vectorReader(stored, opened.files, {
    assessment: opened.assessment,
    type: info.vectorType,
    ...(known.loss ? { meter: known.loss.meter } : {}),
  });
  const plan = batchMemory(project(schema, options.columns), names, info, options.maxBytes, split.rows - row);
  const memory = pool.take(plan.bytes);
  try {
    const { target, batchOf } = plan.over(memory);
    while (row < split.rows) {
      throwIfAborted(options.signal);
      const count = Math.min(plan.capacity, split.rows - row);
      await rows(row, count, target);
      // Looked at after the bytes were read: only then do they belong to the state that was examined.
      await assertFilesUnchanged(opened.files);
      const firstRow = row;
      row += count;
      yield { batch: batchOf(count), cursor: String(row), firstRow };
    }
  } finally {
    pool.giveBack(memory);
  }
}

/**
 * Opens Faiss index files as one source with a split per file. Reads headers only; no file stays open between reads.
 * Throws NOTHING_MATCHED without files, SRC_MISMATCH when their rows do not fit together, and other SRC_* errors.
 * The one who opens it disposes of it. A batch is valid until the next one of the same pass is asked for.
 */
export async function openFaiss(source: FaissSource, names: FieldNames): Promise<Reader> {
  const warnings: string[] = [];
  const files = new Map<string, KnownFile>();
  for (const { path, partition } of source.files) {
    const { fingerprint, ...found } = await examine(path, source, names, warnings);
    const { info } = found;
    let id = path;
    for (let copy = 2; files.has(id); copy++) id = `${path}#${copy}`;
    const bytes = info.rows * (rowBytesOf(info) + (info.ids === 'stored' ? ID_BYTES : 0));
    const split = { id, source: path, ...(partition ? { partition } : {}), rows: info.rows, bytes, fingerprint };
    const first = files.values().next().value;
    if (first) assertAlike(first.info, info);
    files.set(id, { ...found, split });
  }
  const all = [...files.values()];
  const first = all[0];
  if (!first) throw fail('NOTHING_MATCHED', 'no files are given');
  const other = all.find((file) => file.info.metric !== first.info.metric);
  if (other) {
    const say = ({ info }: KnownFile): string => `${info.path} (${info.metric ?? 'none that Milvus has'})`;
    warnings.push(`the metrics of the files differ: ${say(first)}, ${say(other)}`);
  }
  const schema = new Schema(first.info.fields.map(toArrowField));
  const pool = memoryPool();
  return {
    schema,
    info: all.map((file) => file.info),
    warnings,
    lateWarnings: () => all.flatMap((file) => lossText(file) ?? []),
    splits: () => Promise.resolve(all.map((file) => file.split)),
    cursorAt: (_split, row) => String(row),
    read(split, options) {
      const known = files.get(split.id);
      if (!known) throw fail('INTERNAL', `the Faiss reader has no split "${split.id}"`);
      return readFile(known, schema, names, options, pool);
    },
    [Symbol.asyncDispose]() {
      pool.drop();
      return Promise.resolve();
    },
  };
}
