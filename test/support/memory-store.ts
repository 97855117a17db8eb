import type { ByteRange, ObjectStore, StoredObject } from '../../src/store/types.js';
import { fail } from '../../src/util/errors.js';

/** Objects in memory. `objects` may be looked at and changed. */
export interface MemoryStore extends ObjectStore {
  readonly objects: Map<string, Uint8Array>;
}

async function bytesOf(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function createMemoryStore(name = 'memory'): MemoryStore {
  const objects = new Map<string, Uint8Array>();
  const read = async (key: string, o?: { readonly range?: ByteRange }): Promise<Uint8Array> => {
    const bytes = objects.get(key);
    if (!bytes) throw fail('STORE_MISSING', `${key} is not in ${name}`);
    return o?.range ? bytes.subarray(o.range.from, o.range.to) : bytes;
  };
  return {
    kind: 'local',
    name,
    objects,
    async *list(prefix): AsyncIterable<StoredObject> {
      for (const key of [...objects.keys()].sort()) {
        const bytes = key.startsWith(prefix) ? objects.get(key) : undefined;
        if (bytes) yield { key, size: bytes.length };
      }
    },
    async *folders(prefix) {
      const below = [...objects.keys()]
        .sort()
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length));
      yield* new Set(below.filter((key) => key.includes('/')).map((key) => key.slice(0, key.indexOf('/'))));
    },
    read,
    async *stream(key) {
      yield await read(key);
    },
    async write(key, body) {
      objects.set(key, await bytesOf(body));
    },
    async begin(key) {
      const pieces: Uint8Array[] = [];
      return {
        async append(bytes) {
          pieces.push(bytes.slice());
        },
        async finish(head) {
          objects.set(key, Buffer.concat([head, ...pieces]));
        },
        async [Symbol.asyncDispose]() {},
      };
    },
    async copy(from, source, key, o) {
      const bytes = await from.read(source.key);
      o?.watch?.(bytes);
      objects.set(key, bytes);
    },
    async remove(keys) {
      for (const key of keys) objects.delete(key);
    },
    async [Symbol.asyncDispose]() {},
  };
}
