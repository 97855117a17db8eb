import { crc32 } from 'node:zlib';
import type { ObjectStore, StoreOptions } from './types.js';

/** Makes the checksum of bytes that are shown to it in order. */
export interface Summing {
  /** Bytes so far. */
  readonly size: number;
  readonly add: (bytes: Uint8Array) => void;
  /** As it stands in meta/milvusdm.json: `crc32:` and 8 hexadecimal digits. */
  sum(): string;
}

export function startSum(): Summing {
  let value = 0;
  let size = 0;
  return {
    get size() {
      return size;
    },
    add(bytes) {
      value = crc32(bytes, value);
      size += bytes.length;
    },
    sum: () => `crc32:${value.toString(16).padStart(8, '0')}`,
  };
}

/** Checksum and length of an object's bytes. */
export async function checksumOf(
  store: ObjectStore,
  key: string,
  o: StoreOptions = {},
): Promise<{ readonly sum: string; readonly size: number }> {
  const summing = startSum();
  for await (const piece of store.stream(key, { ...o, passing: true })) summing.add(piece);
  return { sum: summing.sum(), size: summing.size };
}
