import { crc32 } from 'node:zlib';
import type { UnitCount } from '../../adapters/types.js';
import type { TargetReport } from '../report.js';

/** Version of the ledger's form; a ledger of another one is not continued. */
export const LEDGER_VERSION = 1;

/**
 * How rows are settled that were on their way when a run died:
 * - `again`: all ids differ and the target holds rows of this job only, so they are sent as an upsert;
 * - `lookup`: their ids are looked up, and what is missing is written;
 * - `count`: one batch is on its way at a time, and the number of rows in the target says whether it has arrived;
 * - `import`: they are in sets of files, and the server says what has become of the import of each;
 * - `rewrite`: what was not acknowledged does not exist, or writing it again replaces it.
 */
export type Settling = 'again' | 'lookup' | 'count' | 'import' | 'rewrite';

/** The first line: whose ledger it is. */
export interface JobLine {
  readonly t: 'job';
  readonly v: number;
  readonly job: string;
  readonly task: string;
  /** The YAML file, as an absolute path. */
  readonly file: string | null;
  /** UTC, ISO 8601. */
  readonly started: string;
}

/** One part of the target, as the run has decided about it. */
export interface UnitLine {
  readonly partition: string | null;
  readonly whole: boolean;
  readonly write: boolean;
  readonly existingRows: number;
  readonly fresh: boolean;
  readonly settling: Settling;
  /** Rows of others may have our ids: their copies are counted before every batch. */
  readonly others: boolean;
  /** For `count`: rows before the first batch, and how they were counted (null: it held none). */
  readonly base: number;
  readonly how: UnitCount['how'] | null;
}

/** A collection is about to be written. A later line of this kind for the same collection takes the place of all before. */
export interface BeginLine {
  readonly t: 'begin';
  /** The collection of the source, '' for files. */
  readonly c: string;
  readonly into: string;
  readonly mode: string;
  /** The run makes the collection. */
  readonly creates: boolean;
  /** Id of the first row where row numbers are the ids. */
  readonly idStart: string | null;
  readonly units: readonly UnitLine[];
  /** Id, rows that take part, fingerprint. */
  readonly splits: readonly (readonly [id: string, rows: number, fingerprint: string])[];
}

/** The target has been made, emptied or left as the plan says. */
export interface PreparedLine {
  readonly t: 'prepared';
  readonly c: string;
  /** What the target is by its own name for it, which changes when somebody makes it anew. */
  readonly target: string;
}

/** Copies, by id, that the target held of the ids of a batch before it was sent. */
export type Copies = readonly (readonly [id: string, copies: number])[];

/** Rows [from, to) of split `s` may have been sent from now on. */
export interface AheadLine {
  readonly t: 'ahead';
  readonly c: string;
  readonly s: number;
  readonly from: number;
  readonly to: number;
  readonly before?: Copies;
  /** For `import`: the set of files that they go into. */
  readonly set?: string;
}

/** The server was given a set of files, and has named its tasks for it. */
export interface ImportLine {
  readonly t: 'import';
  readonly c: string;
  readonly set: string;
  /** Decimal: they exceed 2^53. */
  readonly tasks: readonly string[];
}

/** Rows [from, to) of split `s` are in the target, or are not to be. */
export interface AckLine {
  readonly t: 'ack';
  readonly c: string;
  readonly s: number;
  readonly from: number;
  readonly to: number;
  /** Rows of them that were written. */
  readonly w: number;
  /** Bytes of their values. */
  readonly b: number;
  /** The reader goes on behind row `to` here. */
  readonly at?: string;
  /** Content digest of what was written, where it is taken while copying. */
  readonly d?: string;
}

/** A collection is complete and verified. */
export interface DoneLine {
  readonly t: 'done';
  readonly c: string;
  readonly status: 'done' | 'partial';
  readonly bytes: number;
  readonly targets: readonly TargetReport[];
}

export type LedgerLine = JobLine | BeginLine | PreparedLine | AheadLine | ImportLine | AckLine | DoneLine;

const CHECKSUM = /^(.*),"crc":"([0-9a-f]{8})"\}$/s;

function checksum(text: string): string {
  return (crc32(text) >>> 0).toString(16).padStart(8, '0');
}

/** A line with its newline. The last member is a CRC-32 of everything before it. */
export function formatLine(line: LedgerLine): string {
  const text = JSON.stringify(line).slice(0, -1);
  return `${text},"crc":"${checksum(text)}"}\n`;
}

/** The line again; undefined when it is damaged. */
export function parseLine(text: string): LedgerLine | undefined {
  const match = CHECKSUM.exec(text);
  if (!match || checksum(match[1]!) !== match[2]) return undefined;
  return JSON.parse(`${match[1]}}`) as LedgerLine;
}
