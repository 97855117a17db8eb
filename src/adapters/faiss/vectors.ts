import type { MilvusType } from '../../batch/fields.js';
import { encodeBfloat16, encodeFloat16 } from '../../batch/half.js';
import { fail } from '../../util/errors.js';
import type { Assessment } from './assess.js';
import { rowDecoder } from './decode-codes.js';
import type { IndexNode, StoredRows } from './node.js';
import { type IndexFiles, type ReadRows, rowReader } from './rows.js';
import { assertTable } from './tables.js';

/** What a read fills; what is absent is not read. `vectors` are bytes of the type that the reader was made for. */
export interface VectorTarget {
  readonly vectors?: Uint8Array;
  readonly ids?: BigInt64Array;
}

/** Fills the target with rows `first` to `first + count - 1`. Throws SRC_*. */
export type ReadVectors = (first: number, count: number, target: VectorTarget) => Promise<void>;

/** Lengths of the vectors that went by, to set an error beside them. */
export interface LengthMeter {
  rows: number;
  squares: number;
}

export interface VectorOptions {
  readonly assessment: Assessment;
  /** Type of the vectors that are wanted. */
  readonly type: MilvusType;
  readonly meter?: LengthMeter;
}

// Rows are decoded in blocks of about this many bytes of float32, which stay in the cache.
const BLOCK_BYTES = 256 * 1024;
// Codes are read for several blocks at once: a call for every few KiB would take longer than decoding them.
const SPAN_BYTES = 1024 * 1024;
// Blocks within a span begin where any number may.
const ALIGNED_ROWS = 8;
const OVERFLOW = { FLOAT16_VECTOR: 0x7c00, BFLOAT16_VECTOR: 0x7f80 } as const;

/** Whether the bytes that are stored are those that are wanted. */
function isVerbatim({ form, residualOf, bits }: StoredRows, { assessment, type }: VectorOptions): boolean {
  if (assessment.inverses.length > 0 || residualOf || bits) return false;
  if (form.kind === 'bits') return true;
  if (form.kind !== 'numbers' || form.bigEndian) return false;
  const same: Readonly<Record<string, MilvusType>> = {
    float32: 'FLOAT_VECTOR',
    float16: 'FLOAT16_VECTOR',
    bfloat16: 'BFLOAT16_VECTOR',
    int8: 'INT8_VECTOR',
  };
  return same[form.type] === type;
}

/** Values beyond the range become infinity, which the check of all rows finds with their ids. */
function narrow(floats: Float32Array, count: number, type: keyof typeof OVERFLOW, out: Uint16Array): void {
  const encode = type === 'FLOAT16_VECTOR' ? encodeFloat16 : encodeBfloat16;
  for (let from = 0; from < count; ) {
    const beyond = encode(floats, out, from, count);
    if (beyond < 0) return;
    out[beyond] = OVERFLOW[type] | (floats[beyond]! < 0 ? 0x8000 : 0);
    from = beyond + 1;
  }
}

function packSigns(floats: Float32Array, rows: number, dim: number, out: Uint8Array): void {
  out.fill(0, 0, (rows * dim) / 8);
  for (let i = 0; i < rows * dim; i++) if (floats[i]! > 0) out[i >> 3]! |= 1 << (i & 7);
}

function addCentroids(
  floats: Float32Array,
  rows: number,
  dim: number,
  lists: Int32Array,
  centroids: Float32Array,
): void {
  for (let row = 0, at = 0; row < rows; row++) {
    const from = lists[row]! * dim;
    for (let i = 0; i < dim; i++, at++) floats[at] = floats[at]! + centroids[from + i]!;
  }
}

/** The centroids of a quantizer, which is an index like any other. */
async function centroidsOf(quantizer: IndexNode, files: IndexFiles): Promise<Float32Array> {
  const { stored, rows, dim } = quantizer;
  if (!stored || stored.transforms.length > 0 || stored.layout.kind !== 'flat') {
    const hint = 'Reconstruct the rows with Faiss into an IndexFlat and migrate that.';
    const message = `${files.index.path}: rows are differences to the centroids of ${quantizer.label}, which are not read`;
    throw fail('SRC_UNSUPPORTED', message, { hint });
  }
  assertTable(files.index.path, 'centroids', rows * dim * 4);
  const centroids = new Float32Array(rows * dim);
  const assessment = { verdict: 'exact' as const, reasons: [], inverses: [] };
  const read = await vectorReader(stored, files, { assessment, type: 'FLOAT_VECTOR' });
  await read(0, rows, { vectors: new Uint8Array(centroids.buffer) });
  return centroids;
}

function measure(meter: LengthMeter, floats: Float32Array, values: number, rows: number): void {
  let sum = 0;
  for (let i = 0; i < values; i++) sum += floats[i]! * floats[i]!;
  meter.squares += sum;
  meter.rows += rows;
}

/** Writes decoded rows as the type that is wanted. */
function emit(floats: Float32Array, rows: number, dim: number, options: VectorOptions, out: Uint8Array): void {
  const values = rows * dim;
  if (options.meter) measure(options.meter, floats, values, rows);
  switch (options.type) {
    case 'BINARY_VECTOR':
      packSigns(floats, rows, dim, out);
      return;
    case 'FLOAT16_VECTOR':
    case 'BFLOAT16_VECTOR':
      narrow(floats, values, options.type, new Uint16Array(out.buffer, out.byteOffset, values));
      return;
    case 'INT8_VECTOR':
      new Int8Array(out.buffer, out.byteOffset, values).set(floats.subarray(0, values));
      return;
    default:
      if (floats.buffer !== out.buffer)
        new Float32Array(out.buffer, out.byteOffset, values).set(floats.subarray(0, values));
  }
}

interface Blocks {
  /** Rows that are decoded together. */
  readonly block: number;
  /** Rows whose codes are read together: one block or several whole ones. */
  readonly span: number;
}

function blocksOf(rowBytes: number, widest: number): Blocks {
  const block = Math.max(2, Math.floor(BLOCK_BYTES / (widest * 4)));
  if (block < ALIGNED_ROWS) return { block, span: block };
  const whole = block - (block % ALIGNED_ROWS);
  return { block: whole, span: whole * Math.max(1, Math.floor(SPAN_BYTES / (rowBytes * whole))) };
}

/** Reads the codes of a span and makes float32 of blocks of them, in the space of the stored rows. */
async function spanReader(stored: StoredRows, files: IndexFiles, rows: ReadRows, span: number) {
  const { layout, form, storedDim, residualOf } = stored;
  const { rowBytes } = layout;
  const decode = await rowDecoder(form, storedDim, rowBytes, files.index);
  const centroids = residualOf && (await centroidsOf(residualOf, files));
  const codes = new Uint8Array(span * rowBytes);
  const lists = centroids && new Int32Array(span);
  return {
    read: (first: number, count: number, ids: BigInt64Array | undefined): Promise<void> =>
      rows(first, count, { codes, ...(ids ? { ids } : {}), ...(lists ? { lists } : {}) }),
    /** Rows `from` to `from + count - 1` of the span that was read. */
    decode(from: number, count: number, out: Float32Array): void {
      decode(codes.subarray(from * rowBytes, (from + count) * rowBytes), count, out);
      if (centroids) addCentroids(out, count, storedDim, lists!.subarray(from, from + count), centroids);
    },
  };
}

/**
 * The function that reads vectors of an index as `type`. Where the stored bytes are those that are wanted, they are read into
 * the target; else rows are decoded and their transforms undone block by block. One call at a time: it keeps buffers.
 * Throws SRC_*.
 */
export async function vectorReader(
  stored: StoredRows,
  files: IndexFiles,
  options: VectorOptions,
): Promise<ReadVectors> {
  const rows = rowReader(stored.layout, files);
  if (isVerbatim(stored, options)) {
    return (first, count, { vectors, ids }) =>
      rows(first, count, { ...(vectors ? { codes: vectors } : {}), ...(ids ? { ids } : {}) });
  }
  const { inverses } = options.assessment;
  const dim = inverses.at(-1)?.dimOut ?? stored.storedDim;
  const widest = Math.max(stored.storedDim, ...inverses.map((inverse) => inverse.dimOut));
  const { block, span } = blocksOf(stored.layout.rowBytes, widest);
  const outBytes = { BINARY_VECTOR: 1 / 8, FLOAT16_VECTOR: 2, BFLOAT16_VECTOR: 2, INT8_VECTOR: 1 } as Record<
    string,
    number
  >;
  const valueBytes = outBytes[options.type] ?? 4;
  let codes: Awaited<ReturnType<typeof spanReader>> | undefined;
  const scratch = [0, 1].map(() => new Float32Array(block * widest));

  return async (first, count, { vectors, ids }) => {
    if (!vectors) return await rows(first, count, ids ? { ids } : {});
    codes ??= await spanReader(stored, files, rows, span);
    for (let done = 0; done < count; done += block) {
      const part = Math.min(block, count - done);
      const inSpan = done % span;
      if (inSpan === 0) {
        const more = Math.min(span, count - done);
        await codes.read(first + done, more, ids?.subarray(done, done + more));
      }
      const out = vectors.subarray(done * dim * valueBytes, (done + part) * dim * valueBytes);
      const direct =
        options.type === 'FLOAT_VECTOR' ? new Float32Array(out.buffer, out.byteOffset, part * dim) : undefined;
      let floats = inverses.length === 0 && direct ? direct : scratch[0]!;
      codes.decode(inSpan, part, floats);
      for (const [i, inverse] of inverses.entries()) {
        const to = direct && i === inverses.length - 1 ? direct : scratch[(i + 1) % 2]!;
        inverse.apply(floats, part, to);
        floats = to;
      }
      emit(floats, part, dim, options, out);
    }
  };
}
