import { crc32 } from 'node:zlib';
import type { ObjectStore, StoreOptions } from '../../store/types.js';

/** Checksum and length of an object's bytes, as they stand in meta/milvusdm.json: `crc32:` and 8 hexadecimal digits. */
export async function checksumOf(
  store: ObjectStore,
  key: string,
  o: StoreOptions = {},
): Promise<{ readonly sum: string; readonly size: number }> {
  let value = 0;
  let size = 0;
  for await (const piece of store.stream(key, o)) {
    value = crc32(piece, value);
    size += piece.length;
  }
  return { sum: `crc32:${value.toString(16).padStart(8, '0')}`, size };
}
