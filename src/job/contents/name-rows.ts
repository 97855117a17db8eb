import type { RecordBatch, Schema } from 'apache-arrow';
import { keyIndex, rawColumn } from '../../batch/columns.js';
import { xxh64 } from '../../batch/digest.js';
import { createRowBytes } from '../../batch/row-bytes.js';
import { valueAt } from '../../batch/values.js';
import { type DifferenceKind, type KeyDifference, keyOf } from './locate.js';
import { type ContentSource, type PassOptions, readAll } from './source.js';

/** A row in which two contents differ, in the words of the user. */
export interface RowDifference {
  /** The id, int64 as text; null for rows that have none. */
  readonly id: string | null;
  readonly kind: DifferenceKind;
  /** Names of the fields whose values differ, where the kind is `different`. */
  readonly fields: readonly string[];
}

/** A row as one side has it: its id, and the bytes of each field. */
interface SeenRow {
  readonly id: string;
  readonly fields: ReadonlyMap<string, Buffer>;
}

function idAt(batch: RecordBatch, row: number): string {
  const value = valueAt(rawColumn(batch, keyIndex(batch.schema)), row, false);
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value);
}

function seenRow(schema: Schema, batch: RecordBatch, row: number): SeenRow {
  const names = schema.fields.filter((_, i) => i !== keyIndex(schema)).map((f) => f.name);
  const bytes = (name: string): Buffer => Buffer.from(createRowBytes(schema, [name]).of(batch)(row));
  return { id: idAt(batch, row), fields: new Map(names.map((name) => [name, bytes(name)])) };
}

/** The first row of each of the keys; ends as soon as all are found. */
async function seek(
  source: ContentSource,
  keys: ReadonlySet<bigint>,
  pass: PassOptions,
): Promise<Map<bigint, SeenRow>> {
  const found = new Map<bigint, SeenRow>();
  if (keys.size === 0) return found;
  const hash = await xxh64();
  // The key alone: the other fields of most rows are not looked at.
  const keysOnly = createRowBytes(source.schema, []);
  await readAll(
    source,
    (batch) => {
      const rowOf = keysOnly.of(batch);
      for (let i = 0; i < batch.numRows; i++) {
        const key = keyOf(rowOf(i), { kind: keysOnly.key, hash });
        if (keys.has(key) && !found.has(key)) found.set(key, seenRow(source.schema, batch, i));
      }
      return found.size < keys.size;
    },
    pass,
  );
  return found;
}

function differingFields(a: SeenRow | undefined, b: SeenRow | undefined): string[] {
  if (!a || !b) return [];
  return [...a.fields].filter(([name, bytes]) => !b.fields.get(name)?.equals(bytes)).map(([name]) => name);
}

/**
 * Says the ids of the differing rows, and in which fields they differ. Only a few rows are held; each side is read until they
 * are found, and not at all where nothing has to be looked up.
 */
export async function nameRows(
  a: ContentSource,
  b: ContentSource,
  found: readonly KeyDifference[],
  pass: PassOptions,
): Promise<RowDifference[]> {
  const { key } = createRowBytes(a.schema);
  if (key === 'none') return found.map(({ kind }) => ({ id: null, kind, fields: [] }));
  const wanted = (side: DifferenceKind): Set<bigint> => {
    const kinds: DifferenceKind[] = key === 'text' ? ['different', side] : ['different'];
    return new Set(found.filter((f) => kinds.includes(f.kind)).map((f) => f.key));
  };
  const inA = await seek(a, wanted('missing'), pass);
  const inB = await seek(b, wanted('extra'), pass);
  return found.map(({ kind, key: number }) => {
    const [rowA, rowB] = [inA.get(number), inB.get(number)];
    const id = key === 'int64' ? String(BigInt.asIntN(64, number)) : (rowA?.id ?? rowB?.id ?? null);
    return { id, kind, fields: kind === 'different' ? differingFields(rowA, rowB) : [] };
  });
}
