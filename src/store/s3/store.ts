import { createHash } from 'node:crypto';
import type { S3Storage } from '../../config/types.js';
import { throwIfAborted } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { OpenStoreOptions } from '../index.js';
import { checkedKey, checkedPrefix } from '../keys.js';
import { sized } from '../sized.js';
import type { ByteRange, ObjectStore, StoredObject, StoreOptions } from '../types.js';
import { S3Client } from './client.js';
import { copyWithin, putPieces } from './multipart.js';
import { elements, escapeXml, textOf } from './xml.js';

/** S3's own limit of keys in one request. */
const KEYS_AT_ONCE = 1000;
/** Larger objects are written in parts, each of which can be sent again by itself. */
const WRITE_AT_ONCE = 32 * 1024 * 1024;
const SLICE = 8 * 1024 * 1024;
/** Connections that break in a row before a byte has come. */
const MOST_BREAKS = 5;

function sliced(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  return (async function* () {
    for (let at = 0; at < bytes.length; at += SLICE) yield bytes.subarray(at, at + SLICE);
  })();
}

function urlDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

class S3Store implements ObjectStore {
  readonly kind = 's3';
  readonly name: string;
  readonly #client: S3Client;
  readonly #root: string;
  /** Stores that the server did not let us read for a copy: other credentials, or none for that bucket. */
  readonly #apart = new WeakSet<ObjectStore>();

  constructor(config: S3Storage, o: OpenStoreOptions) {
    this.#client = new S3Client(config, o);
    this.#root = config.root === '' ? '' : `${config.root}/`;
    this.name = `bucket ${config.bucket} of ${this.#client.at}${config.root === '' ? '' : `, ${config.root}/`}`;
  }

  #key(key: string): string {
    return this.#root + checkedKey(key);
  }

  async *list(prefix: string, o: StoreOptions = {}): AsyncGenerator<StoredObject> {
    const start = this.#root + checkedPrefix(prefix);
    for await (const xml of this.#pages({ prefix: start }, o)) {
      for (const item of elements(xml, 'Contents')) {
        const key = urlDecoded(textOf(item, 'Key') ?? '');
        // Some tools make an empty object for a folder.
        if (key.startsWith(start) && !key.endsWith('/')) {
          yield { key: key.slice(this.#root.length), size: Number(textOf(item, 'Size')) };
        }
      }
    }
  }

  async *folders(prefix: string, o: StoreOptions = {}): AsyncGenerator<string> {
    const start = this.#root + checkedPrefix(prefix);
    for await (const xml of this.#pages({ prefix: start, delimiter: '/' }, o)) {
      for (const item of elements(xml, 'CommonPrefixes')) {
        yield urlDecoded(textOf(item, 'Prefix') ?? '').slice(start.length, -1);
      }
    }
  }

  /** The answers to a request for a list, as long as there are more. */
  async *#pages(query: Readonly<Record<string, string>>, { signal }: StoreOptions): AsyncGenerator<string> {
    let token: string | undefined;
    do {
      const more = token === undefined ? {} : { 'continuation-token': token };
      const all = { 'list-type': '2', 'encoding-type': 'url', ...query, ...more };
      const { body } = await this.#client.send({ method: 'GET', query: all, signal });
      const xml = Buffer.from(body).toString();
      yield xml;
      token = textOf(xml, 'IsTruncated') === 'true' ? textOf(xml, 'NextContinuationToken') : undefined;
    } while (token !== undefined);
  }

  async read(key: string, o: StoreOptions & { readonly range?: ByteRange } = {}): Promise<Uint8Array> {
    const { range, signal } = o;
    if (range && range.to <= range.from) return new Uint8Array();
    const headers: Record<string, string> = range ? { range: `bytes=${range.from}-${range.to - 1}` } : {};
    const answer = await this.#client.send({ method: 'GET', key: this.#key(key), headers, signal, also: 416 });
    // Behind the end of the object.
    if (answer.status === 416) return new Uint8Array();
    return range && answer.status === 200 ? answer.body.subarray(range.from, range.to) : answer.body;
  }

  async *stream(key: string, o: StoreOptions = {}): AsyncGenerator<Uint8Array> {
    const whole = this.#key(key);
    let at = 0;
    let tag: string | undefined;
    for (let breaks = 0; ; ) {
      const headers: Record<string, string> = at === 0 ? {} : { range: `bytes=${at}-` };
      if (at > 0 && tag) headers['if-match'] = tag;
      const message = await this.#client.open({ method: 'GET', key: whole, headers, signal: o.signal });
      tag = message.headers.etag;
      try {
        for await (const piece of message) {
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
        message.destroy();
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
      await putPieces(this.#client, whole, sized(body, o.size, key), { signal, size: o.size });
    } else if (body.length > WRITE_AT_ONCE) {
      await putPieces(this.#client, whole, sliced(body), { signal, size: body.length });
    } else {
      await this.#client.send({ method: 'PUT', key: whole, body, signal });
    }
  }

  async copy(
    from: ObjectStore,
    source: StoredObject,
    key: string,
    o: StoreOptions & { readonly link?: boolean } = {},
  ): Promise<void> {
    const whole = this.#key(key);
    if (o.link) {
      const hint = 'Leave `link` out, or put both on one file system.';
      throw fail('CFG_CONFLICT', `hard links were asked for, but ${this.name} is no folder`, { hint });
    }
    if (from instanceof S3Store && from.#client.at === this.#client.at && !this.#apart.has(from)) {
      const there = { key: from.#key(source.key), size: source.size };
      try {
        await copyWithin(this.#client, from.#client.bucket, there, whole, { signal: o.signal });
        return;
      } catch (thrown) {
        const denied = thrown instanceof MilvusdmError && thrown.code === 'STORE_AUTH';
        if (!denied || from.#client.accessKey === this.#client.accessKey) throw thrown;
        this.#apart.add(from);
      }
    }
    await this.write(key, from.stream(source.key, o), { ...o, size: source.size });
  }

  async remove(keys: readonly string[], o: StoreOptions = {}): Promise<void> {
    const whole = keys.map((key) => this.#key(key));
    for (let at = 0; at < whole.length; at += KEYS_AT_ONCE) {
      await this.#removeSome(whole.slice(at, at + KEYS_AT_ONCE), o.signal);
    }
  }

  async #removeSome(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const objects = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join('');
    const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`);
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
    const answer = await this.#client.send({ method: 'POST', query: { delete: '' }, headers, body, signal, also: 501 });
    if (answer.status === 501) {
      // A server without that request.
      for (const key of keys) await this.#client.send({ method: 'DELETE', key, signal, also: 404 });
      return;
    }
    const [first] = elements(Buffer.from(answer.body).toString(), 'Error');
    if (first === undefined) return;
    const [key, code, message] = ['Key', 'Code', 'Message'].map((name) => textOf(first, name) ?? '');
    if (code === 'NoSuchKey') return;
    const text = `${key} in ${this.name} cannot be removed: ${code}, ${message}`;
    throw fail(code === 'AccessDenied' ? 'STORE_AUTH' : 'STORE_REFUSED', text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
  }
}

/** Opens a bucket, or the part of one below a prefix. Nothing is sent yet. Throws CFG_FILE for a missing certificate. */
export function openS3(config: S3Storage, o: OpenStoreOptions = {}): ObjectStore {
  return new S3Store(config, o);
}
