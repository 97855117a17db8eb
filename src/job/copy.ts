import type { RecordBatch } from 'apache-arrow';
import type { Ack, Reader, UnitPlan, Writer } from '../adapters/types.js';
import { batchBytes } from '../batch/columns.js';
import { createDigester, type Digester } from '../batch/digest.js';
import { findNonFinite, nonFiniteRows } from '../batch/finite.js';
import { takeRows } from '../batch/gather.js';
import type { TaskConfig } from '../config/types.js';
import type { Transformer } from '../transforms/types.js';
import { type BadRows, idText } from './bad-rows.js';
import { createPacer } from './rate.js';
import { batchesOf, type PlacedBatch, type PlacedSplit } from './run-context.js';
import { createSampler, type SampledRow, type Sampler } from './sample.js';

/** What was done to one unit of the target. */
export interface UnitResult {
  readonly unit: UnitPlan;
  readonly sources: string[];
  rowsRead: number;
  rowsWritten: number;
  rowsSkipped: number;
  readonly sampler: Sampler;
  digester: Digester | undefined;
}

export interface CopyInput {
  readonly reader: Reader;
  readonly writer: Writer;
  readonly splits: readonly PlacedSplit[];
  /** The first gives the rows their ids and leaves none out. */
  readonly transformers: readonly Transformer[];
  readonly config: TaskConfig;
  readonly units: readonly UnitPlan[];
  /** Compute the content digest here, because preflight could not. */
  readonly digest: boolean;
  /** Look for NaN and infinity here, because preflight has not. */
  readonly checkFinite: boolean;
  readonly badRows: BadRows;
  /** All ids are known to be different. */
  readonly idsUnique: boolean;
  /** Stop after the batches in flight. */
  readonly stop: AbortSignal;
  /** Give the batches in flight up, too. */
  readonly kill: AbortSignal;
  readonly onProgress: (rows: number, bytes: number) => void;
}

/** Rows of each unit that verification looks up. */
export const SAMPLE_ROWS = 200;

export function unitFor(units: readonly UnitPlan[], partition: string | undefined): UnitPlan {
  return units.find((u) => u.partition === partition)!;
}

export function newResult(unit: UnitPlan): UnitResult {
  return {
    unit,
    sources: [],
    rowsRead: 0,
    rowsWritten: 0,
    rowsSkipped: 0,
    sampler: createSampler(SAMPLE_ROWS),
    digester: undefined,
  };
}

/** Names the bad rows of a batch that has its ids and still all of its rows, so that their numbers are those of the source. */
async function noteBadRows(input: CopyInput, placed: PlacedBatch, batch: RecordBatch): Promise<void> {
  for (const { row: i, reason } of findNonFinite(batch, input.writer.finiteScalars)) {
    const row = placed.row + i - placed.split.base;
    await input.badRows.add({ source: placed.split.split.source, row, id: idText(batch, i), reason });
  }
  input.badRows.check();
}

function withoutBadRows(batch: RecordBatch, scalars: boolean | undefined): RecordBatch {
  const bad = new Set(nonFiniteRows(batch, scalars));
  if (bad.size === 0) return batch;
  const rows = Array.from({ length: batch.numRows }, (_, i) => i).filter((i) => !bad.has(i));
  return takeRows(batch, rows);
}

function resolveKeys(taken: readonly { index: number; row: SampledRow }[], ack: Ack): void {
  for (const { index, row } of taken) row.key ??= ack.keys[index];
}

/**
 * The one loop: batches of every split through the transformers to the writer, as many in flight as the writer takes.
 * The first failure stops the reading; then everything in flight is waited for and the failure is thrown. `results` is
 * up to date at any time.
 */
export async function copyRows(input: CopyInput, results: Map<string, UnitResult>): Promise<void> {
  const { reader, writer, config } = input;
  const pacer = createPacer(config.options.maxRate);
  const inFlight = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  const local = new AbortController();
  const stop = AbortSignal.any([input.stop, local.signal]);

  async function sendBatch(result: UnitResult, batch: RecordBatch, read: number): Promise<void> {
    const { unit } = result;
    if (batch.numRows === 0) return;
    const bytes = batchBytes(batch);
    await pacer.pace(batch.numRows, bytes, stop);
    if (input.digest) {
      result.digester ??= await createDigester(batch.schema);
      result.digester.add(batch);
    }
    const taken = config.options.verify === 'sample' ? result.sampler.offer(batch) : [];
    const { ack } = await writer.write(batch, {
      ...(unit.partition === undefined ? {} : { partition: unit.partition }),
      repeatable: unit.fresh && input.idsUnique,
      stop,
      signal: input.kill,
    });
    const rows = batch.numRows;
    const done = ack.then(
      (answer) => {
        resolveKeys(taken, answer);
        result.rowsWritten += rows;
        input.onProgress(read, bytes);
      },
      (error: unknown) => {
        failure ??= { error };
        local.abort();
      },
    );
    inFlight.add(done);
    void done.finally(() => inFlight.delete(done));
  }

  async function copySplit(placed: PlacedSplit, result: UnitResult): Promise<void> {
    for await (const item of batchesOf(reader, placed, { maxBytes: config.options.batchBytes, signal: stop })) {
      const read = item.batch.numRows;
      let batch = item.batch;
      for (const [i, transformer] of input.transformers.entries()) {
        batch = transformer.apply(batch, item.row);
        if (input.checkFinite && i === 0) await noteBadRows(input, item, batch);
      }
      if (input.checkFinite) batch = withoutBadRows(batch, writer.finiteScalars);
      result.rowsRead += read;
      result.rowsSkipped += read - batch.numRows;
      await sendBatch(result, batch, read);
    }
  }

  try {
    for (const placed of input.splits) {
      const unit = unitFor(input.units, placed.partition);
      const result = results.get(unit.partition ?? '')!;
      result.sources.push(placed.split.source);
      if (unit.write) await copySplit(placed, result);
      else result.rowsSkipped += placed.rows;
    }
  } catch (error) {
    failure ??= { error };
  }
  await Promise.all(inFlight);
  if (failure) throw failure.error;
}
