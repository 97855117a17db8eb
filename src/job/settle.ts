import type { RecordBatch } from 'apache-arrow';
import { takeRows } from '../batch/gather.js';
import { formatCount, plural } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import { decideMissing, type Key, multiplicities } from './arrivals.js';
import type { CopyInput, CopySplit } from './copy.js';
import { isEdgeId, keysOf } from './keys.js';
import type { AheadRange } from './ledger/state.js';
import { type Piece, piecesOf } from './pieces.js';
import { silently, transformed } from './pipeline.js';
import type { Sender } from './sender.js';
import { steadily } from './steady.js';

/** Batches of the rows that an earlier run has written which are looked up again by the sample. */
const EARLIER_SAMPLES = 8;

/**
 * The pieces of one range that may have been sent, as they are to be written.
 * @param tell bad rows are told; once, in the pass that sends
 */
async function* sentRows(
  input: CopyInput,
  split: CopySplit,
  range: AheadRange,
  signal: AbortSignal,
  tell: boolean,
): AsyncIterable<{ piece: Piece; batch: RecordBatch }> {
  const rows = silently(input.pipeline);
  const wanted = (from: number, to: number) => split.acked.missing(from, to);
  const options = { maxBytes: input.config.options.batchBytes, signal };
  for await (const piece of piecesOf(input.reader, split.placed, split.progress, range, wanted, options)) {
    const batch = tell ? await transformed(input.pipeline, piece) : rows.apply(piece.batch, piece.row);
    yield { piece, batch };
  }
}

/** Offers rows that an earlier run has written to the sample, so that it is not of the newest rows alone. */
export async function sampleEarlier(input: CopyInput, splits: readonly CopySplit[]): Promise<void> {
  if (!['sample', 'full'].includes(input.config.options.verify)) return;
  const places = splits.flatMap((split) =>
    [0, ...split.progress.positions.keys()]
      .filter((row) => row < split.placed.rows && split.acked.missing(row, row + 1).length === 0)
      .map((row) => ({ split, row })),
  );
  const step = Math.max(1, places.length / EARLIER_SAMPLES);
  for (let at = Math.random() * step; at < places.length; at += step) {
    const { split, row } = places[Math.floor(at)]!;
    const whole = (from: number, to: number) => [{ from, to }];
    const options = { maxBytes: input.config.options.batchBytes, signal: input.stop };
    const range = { from: row, to: split.acked.missing(row, split.placed.rows)[0]?.from ?? split.placed.rows };
    for await (const piece of piecesOf(input.reader, split.placed, split.progress, range, whole, options)) {
      const batch = silently(input.pipeline).apply(piece.batch, piece.row);
      if (batch.numRows > 0) split.result.sampler.offer(batch);
      break;
    }
  }
}

interface Open {
  readonly split: CopySplit;
  readonly range: AheadRange;
}

/** Sends everything again that may have been sent, over what is there of it. */
async function sendAgain(input: CopyInput, sender: Sender, open: readonly Open[]): Promise<void> {
  for (const { split, range } of open) {
    for await (const { piece, batch } of sentRows(input, split, range, sender.stop, true)) {
      await sender.send(split, piece, batch, { again: true });
    }
  }
}

/** One batch at most was in flight: the number of rows says whether it has arrived. */
async function settleByCount(input: CopyInput, sender: Sender, open: readonly [Open, ...Open[]]): Promise<void> {
  const [{ split, range }, ...others] = open;
  const { result, line } = split;
  const where = `"${input.config.collection}${line.partition === null ? '' : `/${line.partition}`}"`;
  let sent = 0;
  for await (const { batch } of sentRows(input, split, range, sender.stop, false)) sent += batch.numRows;
  const before = line.base + result.rowsWritten;
  const { rows, how } = await steadily(
    {
      look: () => input.writer.countExactly(result.unit),
      merge: (_, later) => later,
      isAll: (count) => count.rows === before + sent,
      // A request goes through the server in several pieces, so that a part of it may be followed by the rest.
      isSame: (a, b) => a.rows === b.rows && !(a.rows > before && a.rows < before + sent),
    },
    sender.stop,
  );
  if (line.how !== null && line.how !== how) {
    throw fail(
      'DST_UNFINISHED',
      `the rows of ${where} were counted by its ${line.how} when this job began, and cannot be now`,
    );
  }
  const arrived = rows - before;
  if (others.length > 0 || (arrived !== 0 && arrived !== sent)) {
    throw fail(
      'DST_UNFINISHED',
      `${where} holds ${plural(rows, 'row')} where ${formatCount(before)} or ${formatCount(before + sent)} are expected, so that nobody knows which have arrived`,
    );
  }
  for await (const { piece, batch } of sentRows(input, split, range, sender.stop, true)) {
    const missing = arrived === 0 ? batch : batch.slice(0, 0);
    await sender.send(split, piece, missing, { noted: true, whole: batch });
  }
}

/** How often each of the keys occurs among the rows that are settled. */
async function settledCopies(
  input: CopyInput,
  splits: readonly CopySplit[],
  keys: ReadonlySet<Key>,
): Promise<Map<Key, number>> {
  const copies = new Map<Key, number>();
  const rows = silently(input.pipeline);
  for (const split of splits) {
    const options = { maxBytes: input.config.options.batchBytes, signal: input.stop };
    const range = { from: 0, to: split.placed.rows };
    const settled = (from: number, to: number) => {
      const gaps = split.acked.missing(from, to);
      const edges = [from, ...gaps.flatMap((g) => [g.from, g.to]), to];
      return Array.from({ length: edges.length / 2 }, (_, i) => ({
        from: edges[2 * i]!,
        to: edges[2 * i + 1]!,
      })).filter((r) => r.from < r.to);
    };
    for await (const piece of piecesOf(input.reader, split.placed, split.progress, range, settled, options)) {
      for (const key of keysOf(rows.apply(piece.batch, piece.row))) {
        if (keys.has(key)) copies.set(key, (copies.get(key) ?? 0) + 1);
      }
    }
  }
  return copies;
}

/** Copies that the target held of the keys before the open requests were sent. */
async function copiesBefore(
  input: CopyInput,
  splits: readonly CopySplit[],
  open: readonly Open[],
  keys: ReadonlySet<Key>,
): Promise<ReadonlyMap<Key, number>> {
  const { line } = open[0]!.split;
  // Counted right before each request, with all that was there: no need to look for copies of our own.
  if (line.others) {
    const known = open.flatMap((o) => o.range.before ?? []);
    const text = typeof [...keys][0] === 'string';
    return new Map(known.map(([id, n]): [Key, number] => [text ? id : BigInt(id), n]));
  }
  return input.idsUnique ? new Map() : settledCopies(input, splits, keys);
}

/** Of each key the most copies that either look has shown. */
function mostCopies(a: ReadonlyMap<Key, number>, b: ReadonlyMap<Key, number>): Map<Key, number> {
  const most = new Map(b);
  for (const [key, n] of a) most.set(key, Math.max(n, most.get(key) ?? 0));
  return most;
}

/** Looks the ids up of what may have been sent, and writes what is missing. */
async function settleByLookup(
  input: CopyInput,
  sender: Sender,
  splits: readonly CopySplit[],
  open: readonly Open[],
): Promise<void> {
  const { unit } = open[0]!.split.result;
  const suspects: { keys: Key[] }[] = [];
  for (const { split, range } of open) {
    const keys: Key[] = [];
    for await (const { batch } of sentRows(input, split, range, sender.stop, false)) {
      for (const key of keysOf(batch)) keys.push(key);
    }
    suspects.push({ keys });
  }
  const sent = multiplicities(suspects.flatMap((s) => s.keys));
  const keys = new Set(sent.keys());
  const before = await copiesBefore(input, splits, open, keys);
  const now = await steadily(
    {
      look: () => input.writer.countCopies([...keys], unit),
      merge: mostCopies,
      isAll: (copies) =>
        [...sent].every(([key, n]) => isEdgeId(key) || (copies.get(key) ?? 0) - (before.get(key) ?? 0) >= n),
      isSame: (a, b) => [...keys].every((key) => a.get(key) === b.get(key)),
    },
    sender.stop,
  );
  const missing = decideMissing(suspects, (key) =>
    isEdgeId(key) ? undefined : (now.get(key) ?? 0) - (before.get(key) ?? 0),
  );
  for (const [i, { split, range }] of open.entries()) {
    let at = 0;
    for await (const { piece, batch } of sentRows(input, split, range, sender.stop, true)) {
      const rows = Array.from({ length: batch.numRows }, (_, row) => row).filter((row) => missing[i]![at + row]);
      at += batch.numRows;
      const rest = rows.length === batch.numRows ? batch : takeRows(batch, rows);
      await sender.send(split, piece, rest, { noted: true, whole: batch });
    }
  }
}

/** Takes what has landed for settled, without writing anything. */
async function takeLanded(input: CopyInput, sender: Sender, open: readonly Open[]): Promise<void> {
  for (const { split, range } of open) {
    for await (const { piece, batch } of sentRows(input, split, range, sender.stop, true)) {
      await sender.send(split, piece, batch.slice(0, 0), { noted: true, whole: batch });
    }
  }
}

/**
 * Rows were in sets of files, each of which is in the target as a whole or not at all: the server knows. What is not there is
 * left to be written like everything else. Where the server has forgotten, the ids are looked up.
 */
async function settleByImports(
  input: CopyInput,
  sender: Sender,
  splits: readonly CopySplit[],
  open: readonly Open[],
): Promise<void> {
  const { unit } = open[0]!.split.result;
  const sets = open.flatMap(({ range }) => range.set ?? []);
  const tasks = new Map(sets.map((set) => [set, input.earlier?.imports.get(set) ?? []]));
  const fates = await input.writer.settleSets?.(tasks);
  const withFate = (fate: string): Open[] => open.filter(({ range }) => fates?.get(range.set ?? '') === fate);
  await takeLanded(input, sender, withFate('landed'));
  const unknown = withFate('unknown');
  if (unknown.length === 0) return;
  if (!unit.fresh || input.autoId) {
    const rows = unknown.reduce((sum, { range }) => sum + range.to - range.from, 0);
    throw fail(
      'DST_UNFINISHED',
      `the server has forgotten the imports of ${plural(rows, 'row')} into "${input.config.collection}", and ids do not tell which of them have arrived`,
    );
  }
  await settleByLookup(input, sender, splits, unknown);
  await input.writer.completeUnit?.(unit);
}

/**
 * Brings everything that an earlier run had in flight to a known end, exactly once each. Throws DST_UNFINISHED where the
 * target does not tell what has arrived.
 */
export async function settleInFlight(input: CopyInput, sender: Sender, splits: readonly CopySplit[]): Promise<void> {
  for (const result of new Set(splits.map((s) => s.result))) {
    const members = splits.filter((s) => s.result === result);
    const { settling } = members[0]!.line;
    const [first, ...rest] = members.flatMap((split) => split.ahead.map((range) => ({ split, range })));
    if (!first || settling === 'rewrite') continue;
    const open = [first, ...rest] as const;
    await input.quiet();
    if (settling === 'again') await sendAgain(input, sender, open);
    else if (settling === 'count') await settleByCount(input, sender, open);
    else if (settling === 'import') await settleByImports(input, sender, members, open);
    else await settleByLookup(input, sender, members, open);
    await sender.drain();
  }
}
