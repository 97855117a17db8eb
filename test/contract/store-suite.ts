import { expect, it } from 'vitest';
import type { ObjectStore, StoredObject } from '../../src/store/types.js';

/** What a suite runs on. Both stores are of the same kind and at the same server or file system. */
export interface StorePair {
  readonly one: ObjectStore;
  readonly other: ObjectStore;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

async function* inPieces(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

export async function listed(store: ObjectStore, prefix = ''): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for await (const object of store.list(prefix)) found.push(object);
  return found;
}

export async function keysOf(store: ObjectStore, prefix = ''): Promise<string[]> {
  return (await listed(store, prefix)).map(({ key }) => key);
}

/** Pieces are kept; those that pass by are copied. */
async function streamed(store: ObjectStore, key: string, passing = false): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.stream(key, { passing })) pieces.push(passing ? Uint8Array.from(piece) : piece);
  return Buffer.concat(pieces);
}

async function emptied(store: ObjectStore): Promise<void> {
  await store.remove(await keysOf(store));
}

/** Bytes that do not repeat. */
export function noise(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0, x = 1; i < words.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** What every ObjectStore must do. `pair` is called in each test; the stores are emptied before it. */
export function storeSuite(pair: () => StorePair): void {
  async function fresh(): Promise<StorePair> {
    const stores = pair();
    await emptied(stores.one);
    await emptied(stores.other);
    return stores;
  }

  it('reads what was written, whole, in part and in pieces, and replaces it', async () => {
    const { one } = await fresh();
    await one.write('a/b', bytes('first'));
    await one.write('a/b', bytes('0123456789'));
    expect(Buffer.from(await one.read('a/b')).toString()).toBe('0123456789');
    // With memory for it, too, which a store may use.
    for (const into of [undefined, new Uint8Array(64)]) {
      const part = async (from: number, to: number): Promise<string> =>
        Buffer.from(await one.read('a/b', { range: { from, to }, ...(into ? { into } : {}) })).toString();
      expect(await part(2, 5)).toBe('234');
      expect(await part(8, 50)).toBe('89');
      expect(await part(10, 12)).toBe('');
      expect(await part(3, 3)).toBe('');
    }
    expect(Buffer.from(await streamed(one, 'a/b')).toString()).toBe('0123456789');
    expect(await listed(one)).toEqual([{ key: 'a/b', size: 10 }]);
  });

  it.each([0, 10, 6 << 20, (11 << 20) + 3])(
    'begins an object whose first bytes come last: %i behind them',
    async (length) => {
      const { one } = await fresh();
      const head = bytes('0123456789abcdef');
      const body = noise(length);
      await using object = await one.begin('grown/x', head.length);
      // Memory that is used again at once, in pieces that fit no part.
      const piece = new Uint8Array(700_001);
      for (let at = 0; at < length; at += piece.length) {
        const taken = body.subarray(at, at + piece.length);
        piece.set(taken);
        await object.append(piece.subarray(0, taken.length));
        piece.fill(0xee);
      }
      await expect(one.read('grown/x')).rejects.toMatchObject({ code: 'STORE_MISSING' });
      await object.finish(head);
      expect(Buffer.from(await one.read('grown/x')).equals(Buffer.concat([head, body]))).toBe(true);
      await expect(object.append(head)).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect(await listed(one)).toEqual([{ key: 'grown/x', size: 16 + length }]);
    },
  );

  it('leaves nothing of an object that was begun and not finished', async () => {
    const { one } = await fresh();
    for (const length of [100, 12 << 20]) {
      const object = await one.begin('given/up', 16);
      await object.append(noise(length));
      await object[Symbol.asyncDispose]();
      await expect(object.finish(noise(16))).rejects.toMatchObject({ code: 'INTERRUPTED' });
    }
    expect(await listed(one)).toEqual([]);
  });

  it('writes empty objects', async () => {
    const { one } = await fresh();
    await one.write('empty', new Uint8Array());
    await one.write('pieces', inPieces());
    expect(await listed(one)).toEqual([
      { key: 'empty', size: 0 },
      { key: 'pieces', size: 0 },
    ]);
    expect(await one.read('empty')).toHaveLength(0);
    expect(await streamed(one, 'pieces')).toHaveLength(0);
  });

  it('lists by prefix in the order of the keys, not of the folders', async () => {
    const { one } = await fresh();
    // No name of an object is a folder of another one: neither file systems nor MinIO have that.
    const keys = ['a/1/x', 'a-1', 'a0', 'b', 'a/10', 'a/2', 'ä', 'é/x', '\u{10000}', '\uff00'];
    for (const key of keys) await one.write(key, bytes(key));
    const ordered = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await keysOf(one)).toEqual(ordered);
    for (const prefix of ['a', 'a/', 'a/1', 'a/10', 'é', 'none', 'none/x']) {
      expect(await keysOf(one, prefix), prefix).toEqual(ordered.filter((key) => key.startsWith(prefix)));
    }
  });

  it('takes names with all that keys may hold', async () => {
    const { one, other } = await fresh();
    const keys = ['a b', 'a+b', 'a%20b', "q'(1)*!~", 'x=1&y=2', 'ü/ñ/漢字', '#?', '<&">', '@:;,$'];
    for (const key of keys) await one.write(key, bytes(key));
    expect((await keysOf(one)).sort()).toEqual([...keys].sort());
    for (const object of await listed(one)) {
      expect(Buffer.from(await one.read(object.key)).toString()).toBe(object.key);
      await other.copy(one, object, `copy/${object.key}`);
      expect(Buffer.from(await other.read(`copy/${object.key}`)).toString()).toBe(object.key);
    }
    await one.remove(keys);
    expect(await keysOf(one)).toEqual([]);
  });

  it('names the folders that hold something', async () => {
    const { one } = await fresh();
    for (const key of ['top', 'b/x', 'a/1/x', 'a/1/y', 'a/2/x', 'a/z']) await one.write(key, bytes(''));
    const names = async (prefix: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const name of one.folders(prefix)) found.push(name);
      return found;
    };
    expect(await names('')).toEqual(['a', 'b']);
    expect(await names('a/')).toEqual(['1', '2']);
    expect(await names('none/')).toEqual([]);
    await one.remove(['a/1/x', 'a/1/y']);
    expect(await names('a/')).toEqual(['2']);
  });

  it('writes and copies objects of many pieces', async () => {
    const { one, other } = await fresh();
    const whole = noise(40 * 1024 * 1024 + 7);
    /** All in the same memory. */
    async function* pieces(): AsyncGenerator<Uint8Array> {
      const memory = new Uint8Array(5_000_001);
      for (let at = 0; at < whole.length; at += memory.length) {
        const piece = whole.subarray(at, at + memory.length);
        memory.set(piece);
        yield memory.subarray(0, piece.length);
      }
    }
    await one.write('known', pieces(), { size: whole.length });
    await one.write('unknown', pieces());
    await one.write('at once', whole);
    for (const key of ['known', 'unknown', 'at once']) {
      expect(Buffer.compare(await streamed(one, key), whole), key).toBe(0);
      expect(Buffer.compare(await streamed(one, key, true), whole), key).toBe(0);
    }
    await other.copy(one, { key: 'known', size: whole.length }, 'd/copy');
    expect(Buffer.compare(await other.read('d/copy'), whole)).toBe(0);
    const range = { from: 33_000_000, to: 33_000_100 };
    expect(Buffer.compare(await other.read('d/copy', { range }), whole.subarray(range.from, range.to))).toBe(0);
  });

  it('shows the bytes of a copy that come by, all of them and in order', async () => {
    const { one, other } = await fresh();
    const whole = noise(3 * 1024 * 1024 + 5);
    await one.write('whole', whole);
    await one.write('empty', new Uint8Array());
    const copied = async (key: string, size: number, to: string): Promise<Buffer> => {
      const seen: Uint8Array[] = [];
      await other.copy(one, { key, size }, to, { watch: (bytes) => seen.push(Uint8Array.from(bytes)) });
      return Buffer.concat(seen);
    };
    // Several at a time, so that none sees the memory of another.
    const all = await Promise.all([0, 1, 2].map((at) => copied('whole', whole.length, `copy/${at}`)));
    for (const [at, seen] of all.entries()) {
      expect(Buffer.compare(await other.read(`copy/${at}`), whole)).toBe(0);
      // Nothing is seen where the server or the file system makes the copy.
      if (seen.length > 0) expect(Buffer.compare(seen, whole)).toBe(0);
    }
    expect(await copied('empty', 0, 'copy/empty')).toHaveLength(0);
  });

  it('leaves nothing of a write that fails, and what was there before', async () => {
    const { one } = await fresh();
    await one.write('k', bytes('before'));
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield noise(20 * 1024 * 1024);
      yield noise(20 * 1024 * 1024);
      throw new Error('the source broke');
    }
    await expect(one.write('k', broken())).rejects.toThrow('the source broke');
    await expect(one.write('new', broken())).rejects.toThrow('the source broke');
    await expect(one.write('k', inPieces(bytes('1234')), { size: 5 })).rejects.toMatchObject({ code: 'SRC_CHANGED' });
    await expect(one.write('k', inPieces(bytes('1234')), { size: 3 })).rejects.toMatchObject({ code: 'SRC_CHANGED' });
    expect(await listed(one)).toEqual([{ key: 'k', size: 6 }]);
  });

  it('says which object is missing', async () => {
    const { one, other } = await fresh();
    const missing = { code: 'STORE_MISSING', exitCode: 3, message: expect.stringContaining('no/where') };
    await expect(one.read('no/where')).rejects.toMatchObject(missing);
    await expect(streamed(one, 'no/where')).rejects.toMatchObject(missing);
    await expect(other.copy(one, { key: 'no/where', size: 1 }, 'x')).rejects.toMatchObject(missing);
    expect(await keysOf(other)).toEqual([]);
  });

  it('removes many at once, also those that are not there', async () => {
    const { one } = await fresh();
    const keys = Array.from({ length: 1203 }, (_, i) => `m/${i % 7}/${i}`);
    await Promise.all(keys.map((key) => one.write(key, bytes(key))));
    expect(await keysOf(one, 'm/')).toHaveLength(keys.length);
    await one.remove([...keys, 'm/none', 'none/at/all']);
    expect(await keysOf(one)).toEqual([]);
    await one.remove([]);
  });

  it.each(['', '/a', 'a//b', 'a/', '../x', 'a/../../x', '.', 'a/.', 'a\0b', '..\\x', 'x'.repeat(1100)])(
    'refuses the key %j everywhere',
    async (key) => {
      const { one, other } = await fresh();
      await other.write('there', bytes('x'));
      const refused = { code: 'STORE_KEY', exitCode: 3 };
      await expect((async () => one.read(key))()).rejects.toMatchObject(refused);
      await expect(streamed(one, key)).rejects.toMatchObject(refused);
      await expect((async () => one.write(key, bytes('x')))()).rejects.toMatchObject(refused);
      await expect((async () => one.remove([key]))()).rejects.toMatchObject(refused);
      await expect((async () => one.copy(other, { key: 'there', size: 1 }, key))()).rejects.toMatchObject(refused);
      await expect((async () => one.copy(other, { key, size: 1 }, 'there'))()).rejects.toMatchObject(refused);
      expect(await keysOf(one)).toEqual([]);
    },
  );

  it.each(['/', '../', 'a/../', '..', 'a\0', 'a//'])('refuses the prefix %j', async (prefix) => {
    const { one } = pair();
    await expect((async () => keysOf(one, prefix))()).rejects.toMatchObject({ code: 'STORE_KEY' });
  });

  it('stops when it is told to', async () => {
    const { one, other } = await fresh();
    await other.write('a', bytes('a'));
    const signal = AbortSignal.abort();
    const stopped = { code: 'INTERRUPTED' };
    await expect(one.read('a', { signal })).rejects.toMatchObject(stopped);
    await expect(one.write('a', bytes('a'), { signal })).rejects.toMatchObject(stopped);
    await expect(one.copy(other, { key: 'a', size: 1 }, 'b', { signal })).rejects.toMatchObject(stopped);
    await expect(one.list('', { signal })[Symbol.asyncIterator]().next()).rejects.toMatchObject(stopped);
    expect(await keysOf(one)).toEqual([]);
  });
}
