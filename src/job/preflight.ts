import type { RecordBatch } from 'apache-arrow';
import type { Reader } from '../adapters/types.js';
import { type Bitmap, createBitmap } from '../batch/bitmap.js';
import { batchBytes, keyIndex, rawColumn } from '../batch/columns.js';
import { createDigester, type Digester } from '../batch/digest.js';
import { findNonFinite } from '../batch/finite.js';
import type { TaskConfig } from '../config/types.js';
import type { Transformer } from '../transforms/types.js';
import { fail } from '../util/errors.js';
import { type BadRows, idText } from './bad-rows.js';
import type { KnownDigest } from './contents/compare.js';
import { createDuplicateFinder, type DuplicateReport } from './duplicates.js';
import { watchKeys } from './key-watch.js';
import { batchesOf, type PlacedBatch, type PlacedSplit } from './run-context.js';

export interface PreflightInput {
  readonly reader: Reader;
  readonly splits: readonly PlacedSplit[];
  readonly ids: Transformer;
  /** The keys are the source's own, so they may repeat. */
  readonly storedIds: boolean;
  /** The rows are written as they are looked at, so their digest can be taken here. */
  readonly digest: boolean;
  /** The target refuses NaN and infinity in FLOAT and DOUBLE fields, too. */
  readonly finiteScalars?: boolean;
  readonly config: TaskConfig;
  readonly badRows: BadRows;
  readonly signal: AbortSignal;
  readonly onProgress: (rows: number, bytes: number) => void;
}

export interface Preflight {
  /** undefined = not looked for. */
  readonly duplicates?: DuplicateReport;
  /** Rows of the run that are not written: set aside, or losing copies of an id. */
  readonly dropped?: Bitmap;
  /** Digest per partition ('' without one); absent when the rows that will be written differ from those looked at. */
  readonly digests?: ReadonlyMap<string, { result(): KnownDigest }>;
  /** Smallest and largest id of the rows looked at, where ids are int64 and all were looked at. */
  readonly keys?: { readonly least: bigint; readonly largest: bigint };
  /** Rows with the ids 2^63-1 and -2^63, which no query finds. */
  readonly edgeIds: number;
}

/** The reader keeps the memory of its largest batch, and a million keys at a time would double it. */
const KEY_BATCH_BYTES = 1024 * 1024;

/** Second pass over the keys alone, into the finder. */
async function findDuplicates(input: PreflightInput, totalRows: number): Promise<DuplicateReport> {
  const { reader, splits, config, signal } = input;
  await using finder = await createDuplicateFinder();
  const keyName = reader.schema.fields[keyIndex(reader.schema)]!.name;
  for (const placed of splits) {
    const options = { maxBytes: Math.min(config.options.batchBytes, KEY_BATCH_BYTES), columns: [keyName], signal };
    for await (const { batch, row } of batchesOf(reader, placed, options)) {
      await finder.add(rawColumn(batch, keyIndex(batch.schema)), row);
    }
  }
  // Awaited here: the finder's files are gone once this function is left.
  return await finder.finish(totalRows, config.options.onDuplicateId);
}

function refuseDuplicates(report: DuplicateReport): never {
  const shown = report.first.map((d) => `id ${d.id} in rows ${d.rows.slice(0, 3).join(', ')}`).join('; ');
  throw fail(
    'SRC_DUPLICATE_ID',
    `${report.ids} ids occur more than once (${report.extraRows} rows too many): ${shown}`,
  );
}

function mergeDropped(totalRows: number, bad: Bitmap, losers: Bitmap | undefined): Bitmap | undefined {
  if (bad.count === 0) return losers && losers.count > 0 ? losers : undefined;
  if (losers) for (let row = 0; row < totalRows; row++) if (losers.has(row)) bad.add(row);
  return bad;
}

async function addDigest(
  digests: Map<string, Digester>,
  ids: Transformer,
  batch: RecordBatch,
  partition: string,
): Promise<void> {
  let digester = digests.get(partition);
  if (!digester) {
    digester = await createDigester(ids.schema);
    digests.set(partition, digester);
  }
  digester.add(batch);
}

async function checkFinite(input: PreflightInput, placed: PlacedBatch, batch: RecordBatch, bad: Bitmap): Promise<void> {
  for (const { row, reason } of findNonFinite(batch, input.finiteScalars)) {
    bad.add(placed.row + row);
    await input.badRows.add({
      source: placed.split.split.source,
      row: placed.row + row - placed.split.base + (placed.split.split.firstRow ?? 0),
      id: idText(batch, row),
      reason,
    });
  }
}

/**
 * The pass before anything of the target is touched. `full` reads everything: finite values, ids, digest; `headers`
 * reads only the ids, and only when the duplicate policy needs them.
 * Throws SRC_BAD_ROW, SRC_DUPLICATE_ID and whatever the reader throws.
 */
export async function preflight(input: PreflightInput): Promise<Preflight> {
  const { reader, splits, ids, config } = input;
  const totalRows = splits.reduce((sum, s) => sum + s.rows, 0);
  const stored = input.storedIds;
  const policy = config.options.onDuplicateId;
  if (config.options.preflight === 'headers') {
    if (!stored || policy === 'keep') return stored ? { edgeIds: 0 } : { edgeIds: 0, duplicates: NO_DUPLICATES };
    const duplicates = await findDuplicates(input, totalRows);
    if (policy === 'error' && duplicates.ids > 0) refuseDuplicates(duplicates);
    return { duplicates, edgeIds: 0, ...(duplicates.losers?.count ? { dropped: duplicates.losers } : {}) };
  }
  const bad = createBitmap(totalRows);
  const digests = new Map<string, Digester>();
  const watch = watchKeys(keyIndex(ids.schema));
  for (const placed of splits) {
    const options = { maxBytes: config.options.batchBytes, signal: input.signal };
    for await (const item of batchesOf(reader, placed, options)) {
      const batch = ids.apply(item.batch, item.row);
      await checkFinite(input, item, batch, bad);
      if (keyIndex(ids.schema) >= 0) watch.see(batch);
      if (input.digest && bad.count === 0) await addDigest(digests, ids, batch, placed.partition ?? '');
      input.onProgress(item.row + batch.numRows, batchBytes(batch));
    }
  }
  input.badRows.check();
  const duplicates = stored && !watch.ascending ? await findDuplicates(input, totalRows) : NO_DUPLICATES;
  if (policy === 'error' && duplicates.ids > 0) refuseDuplicates(duplicates);
  const dropped = mergeDropped(totalRows, bad, duplicates.losers);
  return {
    duplicates,
    edgeIds: watch.edges,
    ...(watch.range ? { keys: watch.range } : {}),
    ...(dropped ? { dropped } : {}),
    ...(dropped || !input.digest ? {} : { digests }),
  };
}

const NO_DUPLICATES: DuplicateReport = { extraRows: 0, ids: 0, first: [] };
