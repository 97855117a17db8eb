import type { RecordBatch } from 'apache-arrow';
import { type RawColumn, rawColumns } from '../../../batch/columns.js';
import { type FieldSpec, fromArrowField } from '../../../batch/fields.js';
import type { GrowingObject, ObjectStore } from '../../../store/types.js';
import { formatBytes } from '../../../util/bytes.js';
import { fail } from '../../../util/errors.js';
import { type Mapping, targetField } from '../match.js';
import { type ColumnFile, columnFile } from './column.js';
import { HEADER_BYTES } from './npy.js';

/** Text that a set may hold in memory before it is closed. */
const HELD_BYTES = 64 << 20;
/** A single batch may make a file longer than asked for, up to this many times: its rows are one unit of the ledger. */
const SLACK = 4;

export interface FileSetOptions {
  readonly store: ObjectStore;
  /** What the keys of its files begin with, with "/" at the end. */
  readonly folder: string;
  readonly mapping: Mapping;
  /** Longest text in bytes, by the field of the target. */
  readonly textLimits: ReadonlyMap<string, number>;
  readonly maxFileBytes: number;
}

/** Files of columns, one for each field, that the server imports together: all of their rows or none. */
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

interface Member {
  readonly spec: FieldSpec;
  readonly key: string;
  readonly object: GrowingObject;
  readonly file: ColumnFile;
}

/** The columns of a batch that are written, by the field of the target that each goes into. */
function written(batch: RecordBatch, mapping: Mapping): Map<string, RawColumn> {
  const columns = new Map<string, RawColumn>();
  for (const column of rawColumns(batch)) {
    const name = targetField(mapping, fromArrowField(column.field));
    if (name !== undefined) columns.set(name, column);
  }
  return columns;
}

export function createFileSet({ store, folder, mapping, textLimits, maxFileBytes }: FileSetOptions): FileSet {
  const members = new Map<string, Member>();
  let rows = 0;

  async function memberFor(name: string, column: RawColumn): Promise<Member> {
    const found = members.get(name);
    if (found) return found;
    const key = `${folder}${name}.npy`;
    const object = await store.begin(key, HEADER_BYTES);
    const limit = textLimits.get(name);
    const spec = { ...fromArrowField(column.field), name, ...(limit === undefined ? {} : { maxLength: limit }) };
    const made = { spec, key, object, file: columnFile(spec, object) };
    members.set(name, made);
    return made;
  }

  const held = (): number => [...members.values()].reduce((sum, { file }) => sum + file.held, 0);

  return {
    get rows() {
      return rows;
    },
    get bytes() {
      return [...members.values()].reduce((sum, { file }) => sum + file.bytes, 0);
    },
    get keys() {
      return [...members.values()].map(({ key }) => key);
    },
    fits(batch) {
      if (rows === 0) return true;
      const columns = written(batch, mapping);
      const long = [...members].some(([name, { file }]) => file.bytesWith(columns.get(name)!) > maxFileBytes);
      return !long && held() < HELD_BYTES;
    },
    async append(batch) {
      for (const [name, column] of written(batch, mapping)) {
        const { file } = await memberFor(name, column);
        const after = file.bytesWith(column);
        if (after > SLACK * maxFileBytes) {
          throw fail(
            'DST_REFUSED',
            `the file of "${name}" would have ${formatBytes(after)} by ${rows + column.rows} rows alone: in a numpy file every text takes the room of the longest`,
            { hint: 'Set write: insert, or a smaller batch_bytes.' },
          );
        }
        await file.append(column);
      }
      rows += batch.numRows;
    },
    async finish() {
      for (const { file } of members.values()) await file.finish();
    },
    async remove() {
      const all = [...members.values()];
      await Promise.allSettled(all.map(({ object }) => object[Symbol.asyncDispose]()));
      await store.remove(all.map(({ key }) => key)).catch(() => {});
    },
  };
}
