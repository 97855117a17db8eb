import type { RecordBatch } from 'apache-arrow';
import type { Ack, SetJournal, UnitPlan, Writer } from '../adapters/types.js';
import { batchBytes } from '../batch/columns.js';
import { createDigester, sumDigests } from '../batch/digest.js';
import type { TaskConfig } from '../config/types.js';
import { anySignal } from '../util/abort.js';
import type { RowRanges } from '../util/row-ranges.js';
import { distinctKeys } from './keys.js';
import type { CollectionLedger } from './ledger/ledger.js';
import type { Copies, UnitLine } from './ledger/lines.js';
import type { Piece } from './pieces.js';
import { type Profile, staged } from './profile.js';
import { createPacer } from './rate.js';
import type { UnitResult } from './result.js';
import type { SampledRow } from './sample.js';

export interface SenderInput {
  readonly writer: Writer;
  readonly config: TaskConfig;
  readonly ledger: CollectionLedger;
  /** Take the content digest here, because preflight could not. */
  readonly digest: boolean;
  /** All ids are known to be different. */
  readonly idsUnique: boolean;
  /** Stop after the batches in flight. */
  readonly stop: AbortSignal;
  /** Give the batches in flight up, too. */
  readonly kill: AbortSignal;
  readonly onProgress: (rows: number, bytes: number) => void;
  readonly profile?: Profile | undefined;
}

/** Where a piece goes. */
export interface Destination {
  readonly result: UnitResult;
  readonly line: UnitLine;
  /** Number of the split in the ledger. */
  readonly split: number;
  readonly acked: RowRanges;
}

export interface SendOptions {
  /** The rows may be there in part; the ledger knows that they may have been sent. */
  readonly again?: boolean;
  /** The ledger knows already that the rows may have been sent. */
  readonly noted?: boolean;
  /** All rows of the piece, where the batch is only what is missing of them in the target. */
  readonly whole?: RecordBatch;
}

/** Sends batches, as many at a time as the writer takes, and notes in the ledger what is sent and what has arrived. */
export interface Sender {
  /** Aborted when no more is to be sent: the run is stopped, or a batch has failed. */
  readonly stop: AbortSignal;
  /** Resolves when the next batch may be given; the batch's memory is free then. */
  send(to: Destination, piece: Piece, batch: RecordBatch, o?: SendOptions): Promise<void>;
  /** Waits for everything in flight; throws what failed first. */
  drain(): Promise<void>;
  /** Keeps a failure of somebody else for `drain`, and lets nothing more be sent. */
  failWith(error: unknown): void;
}

/** The rows of a piece, without their values. */
type Rows = Pick<Piece, 'from' | 'to' | 'at'>;

/** Batches whose sending is noted at a time, where repeating more of them than were sent costs little. */
const WINDOW_BATCHES = 8;

function resolveKeys(taken: readonly { index: number; row: SampledRow }[], ack: Ack): void {
  for (const { index, row } of taken) row.key ??= ack.keys[index];
}

function partitionOf(unit: UnitPlan): { partition?: string } {
  return unit.partition === undefined ? {} : { partition: unit.partition };
}

export function createSender(input: SenderInput): Sender {
  const { writer, config, ledger, profile } = input;
  const pacer = createPacer(config.options.maxRate);
  const inFlight = new Set<Promise<void>>();
  const local = new AbortController();
  const stop = anySignal(input.stop, local.signal);
  /** Per split: rows before this one are noted as sent. */
  const horizons = new Map<number, number>();
  let failure: { error: unknown } | undefined;

  const failWith = (error: unknown): void => {
    failure ??= { error };
    local.abort();
  };

  async function copiesBefore(to: Destination, batch: RecordBatch): Promise<Copies> {
    const found = await writer.countCopies(distinctKeys(batch), to.result.unit);
    return [...found].map(([key, copies]) => [String(key), copies] as const);
  }

  /** Notes that the rows may be sent from now on, as exactly as their settling needs it. */
  async function noteAhead(to: Destination, piece: Piece, batch: RecordBatch): Promise<void> {
    const { settling, others } = to.line;
    if (settling === 'rewrite' || settling === 'import') return;
    const horizon = horizons.get(to.split) ?? 0;
    if (settling === 'again') {
      if (piece.to <= horizon) return;
      const end = Math.min(piece.split.rows, piece.to + (WINDOW_BATCHES - 1) * (piece.to - piece.from));
      horizons.set(to.split, end);
      await ledger.ahead({ s: to.split, from: Math.max(piece.from, horizon), to: end });
      return;
    }
    if (settling === 'count' || (others && !input.idsUnique)) await Promise.all(inFlight);
    if (failure) throw failure.error;
    const before = others ? await copiesBefore(to, batch) : [];
    const more = before.length > 0 ? { before } : {};
    await ledger.ahead({ s: to.split, from: piece.from, to: piece.to, ...more });
  }

  /** What a target that gathers rows in sets of files has to note about a piece. */
  function journalOf(to: Destination, { from, to: end }: Rows): SetJournal {
    return {
      placed: (set) => ledger.ahead({ s: to.split, from, to: end, set }),
      started: (set, tasks) => ledger.imports({ set, tasks: tasks.map(String) }),
    };
  }

  function noteAck(to: Destination, piece: Rows, rows: number, bytes: number, digest?: string): Promise<void> {
    const { from, to: end, at } = piece;
    const more = { ...(at === undefined ? {} : { at }), ...(digest === undefined ? {} : { d: digest }) };
    return ledger.ack({ s: to.split, from, to: end, w: rows, b: bytes, ...more });
  }

  async function digestOf(batch: RecordBatch): Promise<string> {
    const digester = await createDigester(batch.schema);
    digester.add(batch);
    return digester.result().hex;
  }

  function arrived(to: Destination, piece: Rows, written: number, digest: string | undefined): void {
    const { result } = to;
    const read = piece.to - piece.from;
    to.acked.add(piece.from, piece.to);
    result.rowsRead += read;
    result.rowsWritten += written;
    result.rowsSkipped += read - written;
    if (digest !== undefined && result.digest !== null) result.digest = sumDigests(result.digest, digest);
  }

  async function send(to: Destination, piece: Piece, batch: RecordBatch, o: SendOptions = {}): Promise<void> {
    const whole = o.whole ?? batch;
    const digest =
      input.digest && whole.numRows > 0 ? await staged(profile, 'digest', () => digestOf(whole)) : undefined;
    const taken = ['sample', 'full'].includes(config.options.verify) ? to.result.sampler.offer(whole) : [];
    const read = piece.to - piece.from;
    const written = whole.numRows;
    // Not the piece: the rows of many may be on their way for long.
    const rows = { from: piece.from, to: piece.to, at: piece.at };
    if (batch.numRows === 0) {
      arrived(to, piece, written, digest);
      input.onProgress(read, 0);
      await noteAck(to, piece, written, 0, digest);
      return;
    }
    const bytes = batchBytes(batch);
    await staged(profile, 'wait', () => pacer.pace(batch.numRows, bytes, stop));
    if (!o.noted && !o.again) await staged(profile, 'note', () => noteAhead(to, piece, batch));
    const begun = performance.now();
    const sent = await writer.write(batch, {
      ...partitionOf(to.result.unit),
      source: { split: piece.split.split.id, from: piece.from, to: piece.to },
      ...(digest === undefined || whole !== batch ? {} : { digest }),
      repeatable: to.result.unit.fresh && input.idsUnique,
      ...(o.again ? { again: true } : {}),
      ...(to.line.settling === 'count' ? { atOnce: true } : {}),
      ...(to.line.settling === 'import' ? { journal: journalOf(to, rows) } : {}),
      stop,
      signal: input.kill,
    });
    const ready = performance.now();
    profile?.add('encode', sent.encodeMs ?? 0);
    profile?.add('wait', ready - begun - (sent.encodeMs ?? 0));
    const note = (): Promise<void> => noteAck(to, rows, written, bytes, digest);
    const done = sent.ack
      .then(async (answer) => {
        profile?.acknowledged(bytes, performance.now() - ready);
        resolveKeys(taken, answer);
        arrived(to, rows, written, digest);
        input.onProgress(read, bytes);
        // What becomes durable with a file only is noted then, which may be never.
        if (sent.durable) void sent.durable.then(note).catch(() => {});
        else await note();
      })
      .catch(failWith);
    inFlight.add(done);
    void done.finally(() => inFlight.delete(done));
  }

  return {
    stop,
    send,
    failWith,
    async drain() {
      await Promise.all(inFlight);
      if (failure) throw failure.error;
    },
  };
}
