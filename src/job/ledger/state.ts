import { sumDigests } from '../../batch/digest.js';
import { createRanges, type RowRange, type RowRanges } from '../../util/row-ranges.js';
import {
  type AckLine,
  type AheadLine,
  type BeginLine,
  type Copies,
  type DoneLine,
  type JobLine,
  LEDGER_VERSION,
  type LedgerLine,
} from './lines.js';

/** Rows that may have been sent and were not acknowledged when the ledger ends. */
export interface AheadRange extends RowRange {
  readonly before: Copies | undefined;
  /** The set of files that they were put into. */
  readonly set: string | undefined;
}

/** What is known of one split. */
export interface SplitState {
  readonly id: string;
  readonly rows: number;
  readonly fingerprint: string;
  /** Rows that are settled. */
  readonly acked: RowRanges;
  readonly ahead: readonly AheadRange[];
  /** Where the reader goes on, by the number of the row that comes next; sorted. */
  readonly positions: ReadonlyMap<number, string>;
}

/** What an earlier run has left of a collection. */
export interface CollectionState {
  readonly begin: BeginLine;
  /** The target's own name for what was prepared; undefined when the run died before it was. */
  readonly target: string | undefined;
  readonly splits: readonly SplitState[];
  readonly bytes: number;
  /** Tasks that the server has named, by the set of files. */
  readonly imports: ReadonlyMap<string, readonly bigint[]>;
  readonly done: DoneLine | undefined;
}

interface OpenSplit extends SplitState {
  readonly sent: AheadLine[];
  readonly positions: Map<number, string>;
  written: number;
  withoutDigest: number;
  digest: string | undefined;
}

interface OpenState {
  readonly begin: BeginLine;
  target: string | undefined;
  readonly splits: OpenSplit[];
  bytes: number;
  readonly imports: Map<string, readonly bigint[]>;
  done: DoneLine | undefined;
}

function newState(begin: BeginLine): OpenState {
  const splits = begin.splits.map(([id, rows, fingerprint]): OpenSplit => {
    const sent: AheadLine[] = [];
    const acked = createRanges();
    return {
      id,
      rows,
      fingerprint,
      acked,
      sent,
      positions: new Map(),
      written: 0,
      withoutDigest: 0,
      digest: undefined,
      get ahead() {
        return sent.flatMap((line) =>
          acked.missing(line.from, line.to).map((r) => ({ ...r, before: line.before, set: line.set })),
        );
      },
    };
  });
  return { begin, target: undefined, splits, bytes: 0, imports: new Map(), done: undefined };
}

/** Rows written of a split, as far as it is settled. */
export interface SplitTotals {
  readonly written: number;
  /** Rows of them whose digest was not taken while copying, and digest of the others. */
  readonly withoutDigest: number;
  readonly digest: string | undefined;
}

/** Everything that a ledger says, taken line by line. */
export interface LedgerState {
  readonly job: JobLine | undefined;
  readonly collections: ReadonlyMap<string, CollectionState>;
  totals(state: CollectionState, split: number): SplitTotals;
  /** Gives what is wrong with the line where it stands; undefined when nothing is. */
  take(line: LedgerLine): string | undefined;
}

export function createLedgerState(): LedgerState {
  let job: JobLine | undefined;
  const collections = new Map<string, OpenState>();

  function takeAck(line: AckLine, split: OpenSplit, state: OpenState): void {
    split.acked.add(line.from, line.to);
    split.written += line.w;
    state.bytes += line.b;
    if (line.at !== undefined) split.positions.set(line.to, line.at);
    if (line.d !== undefined) split.digest = sumDigests(split.digest, line.d);
    else split.withoutDigest += line.w;
  }

  return {
    get job() {
      return job;
    },
    collections,
    totals(state, index) {
      const { written, withoutDigest, digest } = (state as OpenState).splits[index]!;
      return { written, withoutDigest, digest };
    },
    take(line) {
      if (line.t === 'job') {
        if (job) return 'it begins twice';
        if (line.v !== LEDGER_VERSION) return `it is of version ${line.v}, which this milvusdm does not know`;
        job = line;
        return undefined;
      }
      if (!job) return 'it does not begin with the job';
      if (line.t === 'begin') {
        collections.set(line.c, newState(line));
        return undefined;
      }
      const state = collections.get(line.c);
      if (!state) return `a line of the collection "${line.c}" comes before its beginning`;
      if (line.t === 'prepared') state.target = line.target;
      else if (line.t === 'done') state.done = line;
      else if (line.t === 'import') {
        state.imports.set(line.set, [...(state.imports.get(line.set) ?? []), ...line.tasks.map(BigInt)]);
      } else {
        const split = state.splits[line.s];
        if (!split || line.from < 0 || line.from > line.to || line.to > split.rows) {
          return `rows ${line.from} to ${line.to} of part ${line.s} of "${line.c}" do not exist`;
        }
        if (line.t === 'ahead') split.sent.push(line);
        else takeAck(line, split, state);
      }
      return undefined;
    },
  };
}
