/** An object of a store. */
export interface StoredObject {
  /** Relative to the store's root, with "/" between its parts and none at its start. */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

export interface StoreOptions {
  readonly signal?: AbortSignal;
}

/** A part of an object: bytes from `from` (included) to `to` (excluded). */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** How a copy is made. */
export interface CopyOptions extends StoreOptions {
  /** A hard link where both are folders of one file system, else refused. */
  readonly link?: boolean;
  /**
   * Shown the bytes of the source, in order, where they come by here: not of links, and copies within an S3 server. The
   * memory is its own only until it returns.
   */
  readonly watch?: (bytes: Uint8Array) => void;
}

/**
 * An object on its way whose first bytes are known last, such as a header that counts what follows. It is there from `finish`
 * on; disposing of it before that leaves nothing behind.
 */
export interface GrowingObject extends AsyncDisposable {
  /** Appends. The memory is the caller's again when it resolves. One call at a time. */
  append(bytes: Uint8Array): Promise<void>;
  /** Puts the first bytes into their place, exactly as many as were announced, and gives the object its name. */
  finish(head: Uint8Array): Promise<void>;
}

/**
 * Objects below a root: a folder, or a bucket with a prefix. Keys never leave the root. What is written appears whole or
 * not at all. Throws STORE_* errors; nothing else is thrown for a store that fails. The opener disposes of it.
 */
export interface ObjectStore extends AsyncDisposable {
  readonly kind: 'local' | 's3';
  /** For messages: "bucket a-bucket of 127.0.0.1:9000, files/", or the folder. No secrets. */
  readonly name: string;
  /** All objects whose key begins with `prefix`, in key order. */
  list(prefix: string, o?: StoreOptions): AsyncIterable<StoredObject>;
  /** Names of the folders right below `prefix` ('' or with "/" at its end) that hold anything, in order. */
  folders(prefix: string, o?: StoreOptions): AsyncIterable<string>;
  /**
   * The object, or a part of it, in one piece. `into`: memory that a store of files puts the bytes into where they fit, so that
   * reading a large object piece by piece leaves no garbage.
   */
  read(key: string, o?: StoreOptions & { readonly range?: ByteRange; readonly into?: Uint8Array }): Promise<Uint8Array>;
  /** The object piece by piece, in bounded memory. `passing`: a piece may be overwritten once the next one is asked for. */
  stream(key: string, o?: StoreOptions & { readonly passing?: boolean }): AsyncIterable<Uint8Array>;
  /**
   * Writes an object, replacing what was there. Of bytes that come in pieces each is used up before the next one is asked for;
   * `size` where it is known.
   */
  write(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, o?: StoreOptions & { size?: number }): Promise<void>;
  /**
   * Begins an object of which the first `headBytes` bytes are given last. Memory is bounded: a store of files has none of it,
   * a bucket holds up to three parts of 5 MiB. For what can be made again: files are not brought to the disk, and a process that
   * dies leaves one beside its place, with ".part" behind the name.
   */
  begin(key: string, headBytes: number, o?: StoreOptions): Promise<GrowingObject>;
  /** Copies an object of `from` to here: within the server where both are at the same one, through this process otherwise. */
  copy(from: ObjectStore, source: StoredObject, key: string, o?: CopyOptions): Promise<void>;
  /** Removes objects; those that are not there count as removed. */
  remove(keys: readonly string[], o?: StoreOptions): Promise<void>;
}

export interface OpenStoreOptions {
  /** Make the folder of a local store where it is missing. Buckets are never made. */
  readonly create?: boolean;
  /** Seconds for which a server that is away or busy is tried again; 60 where absent. */
  readonly retryFor?: number;
  /** Where credentials and the region are looked up that the configuration does not name. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told before a request is tried again. */
  readonly log?: (message: string) => void;
}
