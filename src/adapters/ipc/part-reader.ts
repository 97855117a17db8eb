import { crc32 } from 'node:zlib';
import { type RecordBatch, RecordBatchReader, type Schema } from 'apache-arrow';
import type { LogicalPart } from '../../backup/logical.js';
import { specsOf } from '../../batch/fields.js';
import type { ObjectStore } from '../../store/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { registerZstd } from './codec.js';

function sumText(sum: number): string {
  return `crc32:${sum.toString(16).padStart(8, '0')}`;
}

/** The bytes of a part; behind the last of them is told whether they are those that were written. */
async function* checkedBytes(
  store: ObjectStore,
  key: string,
  part: LogicalPart,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let [sum, size] = [0, 0];
  for await (const piece of store.stream(key, signal ? { signal } : {})) {
    sum = crc32(piece, sum);
    size += piece.length;
    yield piece;
  }
  const where = `${key} in ${store.name}`;
  if (size < part.size) {
    throw fail(
      'SRC_TRUNCATED',
      `${where} ends early: it had ${formatCount(part.size)} bytes, has ${formatCount(size)}`,
    );
  }
  if (sumText(sum) !== part.sum || size !== part.size) {
    throw fail('SRC_CORRUPT', `${where} was changed: its checksum is ${sumText(sum)}, was ${part.sum}`);
  }
}

/** What Arrow throws for damaged bytes has no kind of its own. */
function damaged(where: string, thrown: unknown): MilvusdmError {
  if (thrown instanceof MilvusdmError) return thrown;
  return fail('SRC_CORRUPT', `${where} is no Arrow file as it was written: ${(thrown as Error).message}`, {
    cause: thrown,
  });
}

function assertSchema(where: string, found: Schema, expected: Schema): void {
  const same = (schema: Schema): string =>
    JSON.stringify(specsOf(schema).map(({ name, type, dim, elementType }) => [name, type, dim, elementType]));
  if (same(found) !== same(expected)) throw fail('SRC_CORRUPT', `${where} has other fields than its backup says`);
}

/**
 * The batches of a part in their order. Behind the last one, throws SRC_TRUNCATED or SRC_CORRUPT where the bytes are not those
 * that were written; SRC_CORRUPT as soon as they are no Arrow.
 */
export async function* readPart(
  store: ObjectStore,
  key: string,
  part: LogicalPart,
  schema: Schema,
  signal?: AbortSignal,
): AsyncGenerator<RecordBatch> {
  await registerZstd();
  const where = `${key} in ${store.name}`;
  const bytes = checkedBytes(store, key, part, signal);
  let rows = 0;
  try {
    const reader = await RecordBatchReader.from(bytes);
    await reader.open({ autoDestroy: false });
    assertSchema(where, reader.schema, schema);
    for await (const batch of reader) {
      rows += batch.numRows;
      if (batch.numRows > 0) yield batch;
    }
    // Arrow stops at the mark of the end: what is behind it is looked at, too.
    for await (const _ of bytes);
  } catch (thrown) {
    throw damaged(where, thrown);
  }
  if (rows !== part.rows) throw fail('SRC_CORRUPT', `${where} has ${rows} rows, had ${part.rows}`);
}
