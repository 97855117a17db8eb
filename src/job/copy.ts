import type { Reader, UnitPlan, Writer } from '../adapters/types.js';
import type { TaskConfig } from '../config/types.js';
import { createRanges } from '../util/row-ranges.js';
import type { CollectionLedger } from './ledger/ledger.js';
import type { UnitLine } from './ledger/lines.js';
import type { CollectionState } from './ledger/state.js';
import { type SplitProgress, unsettledPieces } from './pieces.js';
import { type Pipeline, transformed } from './pipeline.js';
import { type Profile, readTimed, staged } from './profile.js';
import { type UnitResult, unitFor } from './result.js';
import type { PlacedSplit } from './run-context.js';
import { createSender, type Destination, type Sender } from './sender.js';
import { sampleEarlier, settleInFlight } from './settle.js';

export interface CopyInput {
  readonly reader: Reader;
  readonly writer: Writer;
  readonly splits: readonly PlacedSplit[];
  readonly pipeline: Pipeline;
  readonly config: TaskConfig;
  readonly units: readonly UnitPlan[];
  /** Units as the ledger has them, in the same order. */
  readonly lines: readonly UnitLine[];
  readonly ledger: CollectionLedger;
  /** What an earlier run has left that is continued. */
  readonly earlier: CollectionState | undefined;
  /** Resolves when everything that the earlier run has sent has come to rest. */
  readonly quiet: () => Promise<void>;
  /** Compute the content digest here, because preflight could not. */
  readonly digest: boolean;
  /** All ids are known to be different. */
  readonly idsUnique: boolean;
  /** The server makes the keys. */
  readonly autoId: boolean;
  /** Splits that are written here; all where absent. */
  readonly owns?: (split: number) => boolean;
  /** Measures the stages of every batch. */
  readonly profile?: Profile | undefined;
  /** Stop after the batches in flight. */
  readonly stop: AbortSignal;
  /** Give the batches in flight up, too. */
  readonly kill: AbortSignal;
  readonly onProgress: (rows: number, bytes: number) => void;
}

/** A split with everything that the copying of its rows needs. */
export interface CopySplit extends Destination {
  readonly placed: PlacedSplit;
  readonly progress: SplitProgress;
  /** Rows that an earlier run may have sent. */
  readonly ahead: CollectionState['splits'][number]['ahead'];
}

function copySplits(input: CopyInput, results: ReadonlyMap<string, UnitResult>): CopySplit[] {
  return input.splits.map((placed, split) => {
    const unit = unitFor(input.units, placed.partition);
    const earlier = input.earlier?.splits[split];
    const acked = earlier?.acked ?? createRanges();
    return {
      placed,
      split,
      acked,
      result: results.get(unit.partition ?? '')!,
      line: input.lines[input.units.indexOf(unit)]!,
      progress: { acked, positions: earlier?.positions ?? new Map() },
      ahead: earlier?.ahead ?? [],
    };
  });
}

/** Several splits at a time, where the reader serves them well and nothing depends on their order. */
function splitsAtATime({ reader, writer, lines, idsUnique }: CopyInput): number {
  const inOrder = lines.some((l) => l.settling === 'count' || (l.others && !idsUnique));
  return inOrder || writer.sequential ? 1 : Math.max(1, reader.parallelSplits ?? 1);
}

async function copySplit(input: CopyInput, sender: Sender, split: CopySplit): Promise<void> {
  const options = { maxBytes: input.config.options.batchBytes, signal: sender.stop };
  const { profile } = input;
  for await (const piece of readTimed(profile, unsettledPieces(input.reader, split.placed, split.progress, options))) {
    const batch = await staged(profile, 'transform', () => transformed(input.pipeline, piece));
    await sender.send(split, piece, batch);
  }
}

/** Tells the writer when the last split of a unit has been given. */
function unitCounter(input: CopyInput, splits: readonly CopySplit[]): (split: CopySplit) => Promise<void> {
  const left = new Map<UnitResult, number>();
  for (const { result } of splits) left.set(result, (left.get(result) ?? 0) + 1);
  return async ({ result }) => {
    const still = left.get(result)! - 1;
    left.set(result, still);
    if (still === 0) await input.writer.completeUnit?.(result.unit);
  };
}

/**
 * The one loop: batches of every split through the transformers to the writer, as many in flight as the writer takes. What an
 * earlier run had in flight is settled first, and what it had settled is not written again. The first failure stops the
 * reading; then everything in flight is waited for and the failure is thrown. `results` is up to date at any time.
 */
export async function copyRows(input: CopyInput, results: ReadonlyMap<string, UnitResult>): Promise<void> {
  const sender = createSender(input);
  const splits = copySplits(input, results).filter((s) => input.owns?.(s.split) ?? true);
  for (const { placed, result } of splits) {
    result.sources.push(placed.split.source);
    if (!result.unit.write) result.rowsSkipped += placed.rows;
  }
  const toWrite = splits.filter((s) => s.result.unit.write);
  const unitDone = unitCounter(input, toWrite);
  const waiting = [...toWrite];
  const work = async (): Promise<void> => {
    for (let split = waiting.shift(); split; split = waiting.shift()) {
      await copySplit(input, sender, split);
      await unitDone(split);
    }
  };
  try {
    if (input.earlier) {
      await sampleEarlier(input, toWrite);
      await settleInFlight(input, sender, toWrite);
      await sender.drain();
    }
    const workers = Array.from({ length: Math.min(splitsAtATime(input), toWrite.length) }, work);
    await Promise.all(workers.map((w) => w.catch(sender.failWith)));
  } catch (error) {
    sender.failWith(error);
  }
  await staged(input.profile, 'wait', () => sender.drain());
}
