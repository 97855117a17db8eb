import type { RecordBatch, Schema } from 'apache-arrow';
import type { Reader, Split } from '../../adapters/types.js';
import { createDigester, type Digest } from '../../batch/digest.js';
import type { Transformer } from '../../transforms/types.js';
import { anySignal, throwIfAborted } from '../../util/abort.js';
import { batchesOf, type PlacedSplit } from '../run-context.js';

/** Rows whose content is digested or compared: a reader and everything between it and the target. Owns nothing. */
export interface ContentSource {
  /** Of the batches that `read` gives. */
  readonly schema: Schema;
  readonly splits: readonly PlacedSplit[];
  /** Splits that may be read at a time. */
  readonly parallel: number;
  /** Batches of a split as a target gets them; each valid until the next is asked for. */
  read(split: PlacedSplit, signal: AbortSignal): AsyncIterable<RecordBatch>;
}

/** A reader that can read several of its splits at a time says how many. */
type ParallelReader = Reader & { readonly parallelSplits?: number };

const DEFAULT_BATCH_BYTES = 4 * 1024 * 1024;

export interface ContentOptions {
  /** In the order of the run; none where absent. */
  readonly transformers?: readonly Transformer[];
  readonly batchBytes?: number;
}

/** The rows of a reader, through the transformers. */
export function contentSource(reader: Reader, splits: readonly PlacedSplit[], o: ContentOptions = {}): ContentSource {
  const { transformers = [], batchBytes: maxBytes = DEFAULT_BATCH_BYTES } = o;
  return {
    schema: transformers.at(-1)?.schema ?? reader.schema,
    splits,
    parallel: Math.max(1, (reader as ParallelReader).parallelSplits ?? 1),
    async *read(split, signal) {
      for await (const { batch, row } of batchesOf(reader, split, { maxBytes, signal })) {
        let out = batch;
        for (const transformer of transformers) out = transformer.apply(out, row);
        yield out;
      }
    },
  };
}

/** All splits of a reader, each whole and in the partition that it names. */
export function wholeSplits(splits: readonly Split[]): PlacedSplit[] {
  let base = 0;
  return splits.map((split) => {
    const placed = { split, base, rows: split.rows, partition: split.partition };
    base += split.rows;
    return placed;
  });
}

/** The same rows without those of other partitions. */
export function onlyPartition(source: ContentSource, partition: string): ContentSource {
  return { ...source, splits: source.splits.filter((s) => s.partition === partition) };
}

export interface PassOptions {
  readonly signal: AbortSignal;
  /** Told after every batch: its rows. */
  readonly onRows?: (rows: number) => void;
}

/**
 * Shows every batch to `visit`, several splits at a time where the source can do that, until one visit gives `false`.
 * The first failure stops all splits and is thrown; INTERRUPTED after an abort.
 */
export async function readAll(
  source: ContentSource,
  visit: (batch: RecordBatch, split: PlacedSplit) => boolean | undefined,
  o: PassOptions,
): Promise<void> {
  const local = new AbortController();
  const signal = anySignal(o.signal, local.signal);
  const queue = [...source.splits];
  let over = false;
  const readSplit = async (split: PlacedSplit): Promise<void> => {
    for await (const batch of source.read(split, signal)) {
      if (over) return;
      over = visit(batch, split) === false;
      o.onRows?.(batch.numRows);
      if (over) return;
    }
  };
  const lane = async (): Promise<void> => {
    try {
      for (let split = queue.shift(); split && !over; split = queue.shift()) {
        throwIfAborted(signal);
        await readSplit(split);
      }
    } catch (thrown) {
      local.abort();
      throw thrown;
    }
  };
  const lanes = Array.from({ length: Math.min(source.parallel, source.splits.length) }, lane);
  const ended = await Promise.allSettled(lanes);
  const failed = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  if (failed.length === 0) return;
  // The lanes that the first failure has stopped say only that they were stopped.
  const first = failed.find((reason) => (reason as { code?: unknown }).code !== 'INTERRUPTED');
  throw first ?? failed[0];
}

/** Digest per partition ('' for rows without one). Memory does not grow with the rows. */
export async function digestContents(source: ContentSource, o: PassOptions): Promise<Map<string, Digest>> {
  const names = [...new Set(source.splits.map((s) => s.partition ?? ''))];
  const digesters = new Map(
    await Promise.all(names.map(async (name) => [name, await createDigester(source.schema)] as const)),
  );
  await readAll(
    source,
    (batch, split) => {
      digesters.get(split.partition ?? '')!.add(batch);
      return undefined;
    },
    o,
  );
  return new Map([...digesters].map(([name, digester]) => [name, digester.result()]));
}
