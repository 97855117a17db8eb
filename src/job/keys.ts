import type { RecordBatch } from 'apache-arrow';
import { flat, isText, keyIndex, rawColumn } from '../batch/columns.js';

export const LARGEST_ID: bigint = 2n ** 63n - 1n;
export const SMALLEST_ID: bigint = -(2n ** 63n);

/** The two ids that Milvus stores and no query finds. */
export function isEdgeId(key: bigint | string | undefined): boolean {
  return key === LARGEST_ID || key === SMALLEST_ID;
}

/** Keys of all rows of a batch, in their order; none where it has no key field. */
export function keysOf(batch: RecordBatch): (bigint | string)[] {
  const index = keyIndex(batch.schema);
  if (index < 0) return [];
  const { values } = rawColumn(batch, index);
  if (!isText(values)) return Array.from(flat(values) as BigInt64Array);
  const { bytes, offsets } = values;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: batch.numRows }, (_, i) => text.toString('utf8', offsets[i]!, offsets[i + 1]!));
}

export function distinctKeys(batch: RecordBatch): (bigint | string)[] {
  return [...new Set(keysOf(batch))];
}
