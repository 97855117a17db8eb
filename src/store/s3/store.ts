import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import type { S3Storage } from '../../config/types.js';
import { throwIfAborted } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { checkedKey, checkedPrefix } from '../keys.js';
import { sized, watched } from '../sized.js';
import type {
  ByteRange,
  CopyOptions,
  GrowingObject,
  ObjectStore,
  OpenStoreOptions,
  StoredObject,
  StoreOptions,
} from '../types.js';
import { Bucket } from './client.js';
import { beginObject } from './growing.js';
import { copyWithin, putPieces, putWhole } from './multipart.js';

/** S3's own limit of keys in one request. */
const KEYS_AT_ONCE = 1000;
/** Larger objects are written in parts, each of which can be sent again by itself. */
const WRITE_AT_ONCE = 32 * 1024 * 1024;
const SLICE = 8 * 1024 * 1024;
/** What servers say that only remove one object at a time, or want a checksum which they name otherwise. */
const NO_REMOVAL_OF_MANY = /^(NotImplemented|MissingContentMD5|MethodNotAllowed)$/;
/** Connections that break in a row before a byte has come. */
const MOST_BREAKS = 5;

function sliced(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  return (async function* () {
    for (let at = 0; at < bytes.length; at += SLICE) yield bytes.subarray(at, at + SLICE);
  })();
}

/** The library leaves keys in a list as they were sent: encoded. */
function urlDecoded(text = ''): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

class S3Store implements ObjectStore {
  readonly kind = 's3';
  readonly name: string;
  readonly #bucket: Bucket;
  readonly #root: string;
  /** Stores that the server did not let us read for a copy: other credentials, or none for that bucket. */
  readonly #apart = new WeakSet<ObjectStore>();

  constructor(config: S3Storage, o: OpenStoreOptions) {
    this.#bucket = new Bucket(config, o);
    this.#root = config.root === '' ? '' : `${config.root}/`;
    this.name = `bucket ${config.bucket} of ${this.#bucket.at}${config.root === '' ? '' : `, ${config.root}/`}`;
  }

  #key(key: string): string {
    return this.#root + checkedKey(key);
  }

  async *list(prefix: string, o: StoreOptions = {}): AsyncGenerator<StoredObject> {
    const start = this.#root + checkedPrefix(prefix);
    for await (const { Contents = [] } of this.#pages(start, undefined, o)) {
      for (const { Key, Size = 0 } of Contents) {
        const key = urlDecoded(Key);
        // Some tools make an empty object for a folder.
        if (key.startsWith(start) && !key.endsWith('/')) yield { key: key.slice(this.#root.length), size: Size };
      }
    }
  }

  async *folders(prefix: string, o: StoreOptions = {}): AsyncGenerator<string> {
    const start = this.#root + checkedPrefix(prefix);
    for await (const { CommonPrefixes = [] } of this.#pages(start, '/', o)) {
      for (const { Prefix } of CommonPrefixes) yield urlDecoded(Prefix).slice(start.length, -1);
    }
  }

  /** The answers to a request for a list, as long as there are more. */
  async *#pages(
    Prefix: string,
    Delimiter: string | undefined,
    o: StoreOptions,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    let ContinuationToken: string | undefined;
    do {
      const input = { Bucket: this.#bucket.name, Prefix, Delimiter, ContinuationToken, EncodingType: 'url' } as const;
      const list = new ListObjectsV2Command(input);
      const page = await this.#bucket.send('list', undefined, (aws, how) => aws.send(list, how), o);
      yield page;
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  async read(key: string, o: StoreOptions & { readonly range?: ByteRange } = {}): Promise<Uint8Array> {
    const { range } = o;
    if (range && range.to <= range.from) return new Uint8Array();
    const Range = range && `bytes=${range.from}-${range.to - 1}`;
    const get = new GetObjectCommand({ Bucket: this.#bucket.name, Key: this.#key(key), Range });
    try {
      return await this.#bucket.send(
        'get',
        this.#key(key),
        async (aws, how) => {
          const { Body, $metadata } = await aws.send(get, how);
          const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
          return range && $metadata.httpStatusCode === 200 ? bytes.subarray(range.from, range.to) : bytes;
        },
        o,
      );
    } catch (thrown) {
      // Behind the end of the object.
      if (range && ((thrown as Error).cause as Error | undefined)?.name === 'InvalidRange') return new Uint8Array();
      throw thrown;
    }
  }

  async *stream(key: string, o: StoreOptions = {}): AsyncGenerator<Uint8Array> {
    const where: GetObjectCommandInput = { Bucket: this.#bucket.name, Key: this.#key(key) };
    let at = 0;
    let tag: string | undefined;
    for (let breaks = 0; ; ) {
      const rest = at === 0 ? where : { ...where, Range: `bytes=${at}-`, IfMatch: tag };
      const get = new GetObjectCommand(rest);
      const answer = await this.#bucket.send('get', where.Key, (aws, how) => aws.send(get, how), o);
      const body = answer.Body as Readable;
      tag = answer.ETag;
      try {
        for await (const piece of body) {
          yield piece as Uint8Array;
          at += (piece as Uint8Array).length;
          breaks = 0;
        }
        return;
      } catch (thrown) {
        throwIfAborted(o.signal);
        if (++breaks > MOST_BREAKS) {
          const text = `${key} in ${this.name} broke off after ${at} bytes: ${(thrown as Error).message}`;
          throw fail('STORE_UNAVAILABLE', text, { cause: thrown });
        }
      } finally {
        body.destroy();
      }
    }
  }

  async write(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    o: StoreOptions & { size?: number } = {},
  ): Promise<void> {
    const whole = this.#key(key);
    const { signal } = o;
    if (!(body instanceof Uint8Array)) {
      await putPieces(this.#bucket, whole, sized(body, o.size, key), { signal, size: o.size });
    } else if (body.length > WRITE_AT_ONCE) {
      await putPieces(this.#bucket, whole, sliced(body), { signal, size: body.length });
    } else {
      await putWhole(this.#bucket, whole, body, { signal });
    }
  }

  async begin(key: string, headBytes: number, o: StoreOptions = {}): Promise<GrowingObject> {
    return beginObject(this.#bucket, this.#key(key), headBytes, { signal: o.signal });
  }

  async copy(from: ObjectStore, source: StoredObject, key: string, o: CopyOptions = {}): Promise<void> {
    const whole = this.#key(key);
    if (o.link) {
      const hint = 'Leave `link` out, or put both on one file system.';
      throw fail('CFG_CONFLICT', `hard links were asked for, but ${this.name} is no folder`, { hint });
    }
    if (from instanceof S3Store && from.#bucket.at === this.#bucket.at && !this.#apart.has(from)) {
      const there = { key: from.#key(source.key), size: source.size };
      try {
        await copyWithin(this.#bucket, from.#bucket.name, there, whole, { signal: o.signal });
        return;
      } catch (thrown) {
        const denied = thrown instanceof MilvusdmError && thrown.code === 'STORE_AUTH';
        if (!denied || from.#bucket.accessKey === this.#bucket.accessKey) throw thrown;
        this.#apart.add(from);
      }
    }
    await this.write(key, watched(from.stream(source.key, o), o.watch), { ...o, size: source.size });
  }

  async remove(keys: readonly string[], o: StoreOptions = {}): Promise<void> {
    const whole = keys.map((key) => this.#key(key));
    for (let at = 0; at < whole.length; at += KEYS_AT_ONCE) {
      await this.#removeSome(whole.slice(at, at + KEYS_AT_ONCE), o);
    }
  }

  async #removeSome(keys: readonly string[], o: StoreOptions): Promise<void> {
    const Delete = { Quiet: true, Objects: keys.map((Key) => ({ Key })) };
    const remove = new DeleteObjectsCommand({ Bucket: this.#bucket.name, Delete });
    const answer = await this.#bucket
      .send('remove objects of', undefined, (aws, how) => aws.send(remove, how), o)
      .catch((thrown: MilvusdmError) => {
        if (NO_REMOVAL_OF_MANY.test((thrown.cause as Error | undefined)?.name ?? '')) return undefined;
        throw thrown;
      });
    if (answer === undefined) {
      for (const key of keys) await this.#removeOne(key, o);
      return;
    }
    for (const { Key, Code = '', Message = '' } of answer.Errors ?? []) {
      if (Code === 'NoSuchKey') continue;
      const text = `${Key} in ${this.name} cannot be removed: ${Code}, ${Message}`;
      throw fail(Code === 'AccessDenied' ? 'STORE_AUTH' : 'STORE_REFUSED', text);
    }
  }

  async #removeOne(key: string, o: StoreOptions): Promise<void> {
    const remove = new DeleteObjectCommand({ Bucket: this.#bucket.name, Key: key });
    await this.#bucket
      .send('remove', key, (aws, how) => aws.send(remove, how), o)
      .catch((thrown: MilvusdmError) => {
        if (thrown.code !== 'STORE_MISSING') throw thrown;
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bucket.close();
  }
}

/** Opens a bucket, or the part of one below a prefix. Nothing is sent yet. Throws CFG_FILE for a missing certificate. */
export function openS3(config: S3Storage, o: OpenStoreOptions = {}): ObjectStore {
  return new S3Store(config, o);
}
