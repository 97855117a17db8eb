import type { RecordBatch } from 'apache-arrow';
import { type RawColumn, rawColumns } from '../../../batch/columns.js';
import { type FieldSpec, fromArrowField } from '../../../batch/fields.js';
import { formatBytes } from '../../../util/bytes.js';
import { fail } from '../../../util/errors.js';
import { type Mapping, targetField } from '../match.js';
import { type FieldLimits, requireWithin } from './limits.js';
import { numpyFiles } from './numpy-files.js';
import { parquetFiles } from './parquet-files.js';
import type { FileKind, SetFilesOptions } from './set-files.js';

/** Bytes that a set may hold in memory before it is closed. */
const HELD_BYTES = 64 << 20;
/** A single batch may make a file longer than asked for, up to this many times: its rows are one unit of the ledger. */
const SLACK = 4;

export interface FileSetOptions extends SetFilesOptions {
  readonly kind: FileKind;
  readonly mapping: Mapping;
  /** By the field of the target. */
  readonly limits: ReadonlyMap<string, FieldLimits>;
  readonly maxFileBytes: number;
}

/** Files that the server imports together: all of their rows or none. */
export interface FileSet {
  readonly rows: number;
  /** Bytes of all its files. */
  readonly bytes: number;
  /** Keys of its files, in no order that matters. */
  readonly keys: readonly string[];
  /** Whether the batch still belongs into it. */
  fits(batch: RecordBatch): boolean;
  append(batch: RecordBatch): Promise<void>;
  finish(): Promise<void>;
  /** Gives it up: removes what there is of its files. Never throws. */
  remove(): Promise<void>;
}

interface Written {
  /** By the names and limits of the target. */
  readonly specs: readonly FieldSpec[];
  readonly columns: readonly RawColumn[];
}

/** The columns of a batch that are written, and the fields that they go into. */
function written(batch: RecordBatch, { mapping, limits }: Pick<FileSetOptions, 'mapping' | 'limits'>): Written {
  const [specs, columns]: [FieldSpec[], RawColumn[]] = [[], []];
  for (const column of rawColumns(batch)) {
    const source = fromArrowField(column.field);
    const name = targetField(mapping, source);
    if (name === undefined) continue;
    specs.push({ ...source, name, ...limits.get(name) });
    columns.push(column);
  }
  return { specs, columns };
}

export function createFileSet(o: FileSetOptions): FileSet {
  const { store, maxFileBytes } = o;
  const files = o.kind === 'numpy' ? numpyFiles(o) : parquetFiles(o);
  let rows = 0;
  let begun = false;

  return {
    get rows() {
      return rows;
    },
    get bytes() {
      return files.bytes;
    },
    get keys() {
      return files.keys;
    },
    fits(batch) {
      if (rows === 0) return true;
      return files.held < HELD_BYTES && files.longestWith(written(batch, o).columns).bytes <= maxFileBytes;
    },
    async append(batch) {
      const { specs, columns } = written(batch, o);
      if (!begun) await files.begin(specs);
      begun = true;
      const longest = files.longestWith(columns);
      if (longest.bytes > SLACK * maxFileBytes) {
        const size = `${longest.what} would have ${formatBytes(longest.bytes)} by ${rows + batch.numRows} rows alone`;
        throw fail('DST_REFUSED', longest.why ? `${size}: ${longest.why}` : size, {
          hint: 'Set write: insert, or a smaller batch_bytes.',
        });
      }
      for (const [i, column] of columns.entries()) requireWithin(specs[i]!, column);
      await files.append(columns);
      rows += batch.numRows;
    },
    finish: () => files.finish(),
    async remove() {
      await files[Symbol.asyncDispose]();
      await store.remove(files.keys).catch(() => {});
    },
  };
}
