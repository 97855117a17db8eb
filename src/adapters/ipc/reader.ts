import { type RecordBatch, Schema } from 'apache-arrow';
import { backupPrefix } from '../../backup/layout.js';
import type { LogicalCollection, LogicalPart } from '../../backup/logical.js';
import { type FieldSpec, isVector, toArrowField } from '../../batch/fields.js';
import { sliceByBytes } from '../../batch/slices.js';
import type { ObjectStore } from '../../store/types.js';
import { throwIfAborted } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import type { ReadBatch, Reader, ReadOptions, SourceInfo, Split } from '../types.js';
import { checkPart, readPart } from './part-reader.js';

/** One collection of a logical backup. */
export interface LogicalSource {
  readonly store: ObjectStore;
  /** Folder of the backup in the store. */
  readonly backup: string;
  readonly collection: LogicalCollection;
  /** That are read. */
  readonly fields: readonly FieldSpec[];
  readonly partitions: readonly string[];
  /** Rows name their partition. */
  readonly named: boolean;
}

interface KnownSplit {
  readonly split: Split;
  readonly part: LogicalPart;
}

function splitsOf({ collection, partitions, named }: LogicalSource): KnownSplit[] {
  return collection.partitions
    .filter(({ name }) => partitions.includes(name))
    .flatMap(({ name: partition, parts }) =>
      parts.map((part) => ({
        part,
        split: {
          id: part.key,
          source: `${collection.name}/${partition}`,
          ...(named ? { partition } : {}),
          rows: part.rows,
          bytes: part.size,
          fingerprint: `${part.rows}/${part.size}/${part.sum}`,
        },
      })),
    );
}

function infoOf({ store, backup, collection, fields }: LogicalSource, known: readonly KnownSplit[]): SourceInfo {
  const vector = fields.find(({ type }) => isVector(type));
  return {
    path: `${backup === '' ? store.name : `${backup} in ${store.name}`}: ${collection.name}`,
    format: 'backup',
    kind: 'collection in a logical backup',
    rows: known.reduce((sum, { split }) => sum + split.rows, 0),
    dim: vector?.dim ?? 0,
    vectorType: vector?.type ?? 'FLOAT_VECTOR',
    ids: 'stored',
    bytes: known.reduce((sum, { split }) => sum + split.bytes, 0),
    fields,
    details: [`partitions: ${collection.partitions.map(({ name }) => name).join(', ')}`, `${known.length} Arrow files`],
  };
}

async function* batches(
  source: LogicalSource,
  { part }: KnownSplit,
  wanted: readonly string[],
  o: ReadOptions,
): AsyncGenerator<ReadBatch> {
  const schema = new Schema(source.collection.fields.map(toArrowField));
  const skip = Number(o.after ?? 0);
  const all = wanted.length === schema.fields.length;
  const key = backupPrefix(source.backup) + part.key;
  let row = 0;
  for await (const whole of readPart(source.store, key, part, schema, o.signal)) {
    const from = Math.max(0, skip - row);
    const first = row + from;
    row += whole.numRows;
    if (from >= whole.numRows) continue;
    const chosen = all ? whole : (whole.select([...wanted]) as RecordBatch);
    const batch = from === 0 ? chosen : chosen.slice(from);
    for (const [start, end] of sliceByBytes(batch, o.maxBytes)) {
      throwIfAborted(o.signal);
      const slice = end - start === batch.numRows ? batch : batch.slice(start, end);
      yield { batch: slice, firstRow: first + start, cursor: String(first + end) };
    }
  }
}

/**
 * Reads a collection of a logical backup, file by file. The cursor of a split is its number of rows read. A file is read once more
 * before its first row is given, for its checksum: damage ends in SRC_CORRUPT or SRC_TRUNCATED before anybody sees it.
 */
export function openLogicalReader(source: LogicalSource): Reader {
  const known = splitsOf(source);
  const checked = new Set<string>();
  return {
    schema: new Schema(source.fields.map(toArrowField)),
    info: [infoOf(source, known)],
    warnings: [],
    splits: () => Promise.resolve(known.map(({ split }) => split)),
    async *read(split, o) {
      const found = known.find((one) => one.split.id === split.id);
      if (!found) throw fail('INTERNAL', `the reader of the backup has no split "${split.id}"`);
      const names = source.fields.map(({ name }) => name);
      const unknown = o.columns?.find((name) => !names.includes(name));
      if (unknown !== undefined) throw fail('INTERNAL', `the source has no field "${unknown}"`);
      const wanted = names.filter((name) => o.columns?.includes(name) ?? true);
      if (wanted.length === 0) return;
      if (!checked.has(split.id)) {
        await checkPart(source.store, backupPrefix(source.backup) + found.part.key, found.part, o.signal);
        checked.add(split.id);
      }
      yield* batches(source, found, wanted, o);
    },
    async [Symbol.asyncDispose]() {},
  };
}
