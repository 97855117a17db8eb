import { type RecordBatch, Schema } from 'apache-arrow';
import { keyIndex, makeBatch, type RawValues, rawColumn, rawColumns } from '../batch/columns.js';
import { fromArrowField, toArrowField } from '../batch/fields.js';
import { fail } from '../util/errors.js';
import type { Transformer } from './types.js';

const LARGEST = 2n ** 63n - 1n;
const SMALLEST = -(2n ** 63n);

/** Where the key of a row comes from. */
export type IdSource =
  | { readonly kind: 'stored'; readonly offset: bigint }
  /** Row numbers of the run, from `start`. */
  | { readonly kind: 'rows'; readonly field: string; readonly start: bigint }
  /** The target makes them; a key column of the source is left out. */
  | { readonly kind: 'target' };

function withoutKey(schema: Schema): { schema: Schema; rest: number[] } {
  const key = keyIndex(schema);
  const rest = schema.fields.map((_, i) => i).filter((i) => i !== key);
  return { schema: new Schema(rest.map((i) => schema.fields[i]!)), rest };
}

function columnsAt(batch: RecordBatch, indexes: readonly number[]): RawValues[] {
  return indexes.map((i) => rawColumn(batch, i).values);
}

function validAt(batch: RecordBatch, indexes: readonly number[]): (Uint8Array | undefined)[] {
  return indexes.map((i) => rawColumn(batch, i).valid);
}

function rowNumbers(start: bigint, firstRow: number, rows: number): BigInt64Array {
  const base = start + BigInt(firstRow);
  if (base + BigInt(rows) - 1n > LARGEST) {
    throw fail('DST_IDS', `row numbers from id_start ${start} leave int64 at row ${firstRow}`, {
      hint: 'Use a smaller id_start.',
    });
  }
  const ids = new BigInt64Array(rows);
  for (let i = 0; i < rows; i++) ids[i] = base + BigInt(i);
  return ids;
}

function shifted(ids: BigInt64Array, offset: bigint, firstRow: number): BigInt64Array {
  const out = new BigInt64Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]! + offset;
    if (id > LARGEST || id < SMALLEST) {
      throw fail('SRC_BAD_ROW', `id ${ids[i]} of row ${firstRow + i} plus id_offset ${offset} leaves int64`, {
        hint: 'Use a smaller id_offset.',
      });
    }
    out[i] = id;
  }
  return out;
}

/**
 * Gives every row its key: the source's own (plus an offset), its row number, or none where the target makes keys.
 * `apply` throws DST_IDS or SRC_BAD_ROW when a key leaves int64.
 */
export function idTransform(input: Schema, source: IdSource): Transformer {
  if (source.kind === 'stored') {
    const key = keyIndex(input);
    const text = key >= 0 && fromArrowField(input.fields[key]!).type === 'VARCHAR';
    if (source.offset !== 0n && text) {
      throw fail('CFG_CONFLICT', 'id_offset needs integer ids, but the ids of the source are text');
    }
    if (source.offset === 0n) return { schema: input, apply: (batch) => batch };
    return {
      schema: input,
      apply(batch, firstRow) {
        const columns = rawColumns(batch).map((c) => c.values);
        columns[key] = shifted(columns[key] as BigInt64Array, source.offset, firstRow);
        return makeBatch(
          input,
          batch.numRows,
          columns,
          rawColumns(batch).map((c) => c.valid),
        );
      },
    };
  }
  const { schema: bare, rest } = withoutKey(input);
  if (source.kind === 'target') {
    return {
      schema: bare,
      apply: (batch) => makeBatch(bare, batch.numRows, columnsAt(batch, rest), validAt(batch, rest)),
    };
  }
  const keyField = toArrowField({ name: source.field, type: 'INT64', primaryKey: true });
  const schema = new Schema([keyField, ...bare.fields]);
  return {
    schema,
    apply(batch, firstRow) {
      const ids = rowNumbers(source.start, firstRow, batch.numRows);
      return makeBatch(schema, batch.numRows, [ids, ...columnsAt(batch, rest)], [undefined, ...validAt(batch, rest)]);
    },
  };
}
