import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordBatch } from 'apache-arrow';
import { flat, isText, keyIndex, rawColumn } from '../batch/columns.js';
import { formatCount, plural } from '../util/bytes.js';
import { fail, type MilvusdmError } from '../util/errors.js';
import { stateFolder } from '../util/home.js';

export interface BadRow {
  readonly source: string;
  /** Row number within its source. */
  readonly row: number;
  readonly id: string | undefined;
  readonly reason: string;
}

/** Id of a row of a batch as text; undefined where the batch has no key. */
export function idText(batch: RecordBatch, row: number): string | undefined {
  const key = keyIndex(batch.schema);
  if (key < 0) return undefined;
  const { values } = rawColumn(batch, key);
  if (!isText(values)) return String(flat(values)[row]);
  return Buffer.from(values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!)).toString('utf8');
}

const SHOWN = 10;

function listed(rows: readonly BadRow[]): string {
  return rows
    .map((r) => `${r.source} row ${r.row}${r.id === undefined ? '' : ` (id ${r.id})`}: ${r.reason}`)
    .join('; ');
}

/** Collects rows that cannot be stored: refuses them in the end, or sets them aside in a side file up to a limit. */
export interface BadRows extends AsyncDisposable {
  readonly count: number;
  /** The side file, once a row was set aside. */
  readonly file: string | undefined;
  add(row: BadRow): Promise<void>;
  /** Throws SRC_BAD_ROW when there are bad rows and they are not to be set aside. */
  check(): void;
}

export interface BadRowOptions {
  readonly quarantine: boolean;
  readonly limit: number;
  readonly jobId: string;
}

export function collectBadRows(o: BadRowOptions): BadRows {
  const first: BadRow[] = [];
  let count = 0;
  let file: string | undefined;
  let handle: FileHandle | undefined;
  const refusal = (text: string): MilvusdmError =>
    fail('SRC_BAD_ROW', `${text}: ${listed(first)}${count > SHOWN ? '; ...' : ''}`);
  return {
    get count() {
      return count;
    },
    get file() {
      return file;
    },
    async add(row) {
      count++;
      if (first.length < SHOWN) first.push(row);
      if (!o.quarantine) return;
      if (count > o.limit) {
        throw refusal(`more than ${formatCount(o.limit)} rows (quarantine_limit) cannot be stored`);
      }
      if (!handle) {
        const folder = join(stateFolder(), 'reports');
        await mkdir(folder, { recursive: true, mode: 0o700 });
        file = join(folder, `${o.jobId}-${new Date().toISOString().replace(/[:.]/g, '-')}.quarantine.jsonl`);
        handle = await open(file, 'wx', 0o600);
      }
      await handle.write(`${JSON.stringify(row)}\n`);
    },
    check() {
      if (count > 0 && !o.quarantine) throw refusal(`${plural(count, 'row')} cannot be stored`);
    },
    async [Symbol.asyncDispose]() {
      await handle?.close();
    },
  };
}
