import { type RecordBatch, RecordBatchReader, type Schema } from 'apache-arrow';
import type { LogicalPart } from '../../backup/logical.js';
import { specsOf } from '../../batch/fields.js';
import { checksumOf } from '../../store/checksum.js';
import type { ObjectStore } from '../../store/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { registerZstd } from './codec.js';

/**
 * Reads a part once and compares its bytes with those that were written: the library that decodes them may take any amount of
 * memory for others. Throws SRC_TRUNCATED, SRC_CORRUPT, STORE_*.
 */
export async function checkPart(
  store: ObjectStore,
  key: string,
  part: LogicalPart,
  signal?: AbortSignal,
): Promise<void> {
  const { sum, size } = await checksumOf(store, key, signal ? { signal } : {});
  const where = `${key} in ${store.name}`;
  if (size < part.size) {
    throw fail(
      'SRC_TRUNCATED',
      `${where} ends early: it had ${formatCount(part.size)} bytes, has ${formatCount(size)}`,
    );
  }
  if (sum === part.sum && size === part.size) return;
  throw fail('SRC_CORRUPT', `${where} was changed: its checksum is ${sum}, was ${part.sum}`);
}

/** What Arrow throws for damaged bytes has no kind of its own. */
function damaged(where: string, thrown: unknown): MilvusdmError {
  // What of ours cannot cope with a damaged schema is not to be told as our fault.
  if (thrown instanceof MilvusdmError && thrown.code !== 'INTERNAL') return thrown;
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
 * The batches of a part in their order; its bytes are known to be right ({@link checkPart}). Throws SRC_CORRUPT where they are
 * no Arrow all the same, and STORE_*.
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
  const bytes = store.stream(key, signal ? { signal } : {})[Symbol.asyncIterator]();
  let rows = 0;
  try {
    const reader = await RecordBatchReader.from({ [Symbol.asyncIterator]: () => bytes });
    await reader.open({ autoDestroy: false });
    assertSchema(where, reader.schema, schema);
    for await (const batch of reader) {
      rows += batch.numRows;
      if (batch.numRows > 0) yield batch;
    }
  } catch (thrown) {
    throw damaged(where, thrown);
  } finally {
    // Arrow leaves it open when something is wrong.
    await bytes.return?.();
  }
  if (rows !== part.rows) throw fail('SRC_CORRUPT', `${where} has ${rows} rows, had ${part.rows}`);
}
