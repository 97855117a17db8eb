import { fail } from '../../util/errors.js';
import type { StoredObject } from '../types.js';
import type { S3Client, S3Request } from './client.js';
import { encodePath } from './sign.js';
import { escapeXml, textOf } from './xml.js';

const MIB = 1024 * 1024;
/** S3's own limits: 10,000 parts, each of 5 MiB to 5 GiB but for the last. */
const MOST_PARTS = 10_000;
const PART_BYTES = 16 * MIB;
/** Where the size is not known, parts grow by this many: 10,000 of them come to 880 GiB. */
const GROWS_AFTER = 1000;
const PARALLEL_PARTS = 4;
/** Larger objects are copied within the server in parts, beside each other; one request may copy 5 GiB at most. */
export const COPY_AT_ONCE = 500 * MIB;
const COPY_PART_BYTES = 128 * MIB;

type Signal = { readonly signal?: AbortSignal | undefined };

/** Bytes of part number `index` (from 0) of an upload. */
export function partBytes(index: number, size?: number): number {
  if (size === undefined) return PART_BYTES * (1 + Math.floor(index / GROWS_AFTER));
  return Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
}

/** The pieces gathered into parts. */
async function* gather(pieces: AsyncIterable<Uint8Array>, size: number | undefined): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  let index = 0;
  for await (const piece of pieces) {
    for (let rest = piece; rest.length > 0; ) {
      const wanted = partBytes(index, size) - bytes;
      const taken = rest.subarray(0, wanted);
      held.push(taken);
      bytes += taken.length;
      rest = rest.subarray(taken.length);
      if (taken.length < wanted) continue;
      yield Buffer.concat(held);
      held = [];
      bytes = 0;
      index++;
    }
  }
  if (bytes > 0 || index === 0) yield Buffer.concat(held);
}

/** Runs `make` for part after part, some of them at once, and returns the ETags in their order. */
async function inParallel<T>(
  parts: AsyncIterable<T> | Iterable<T>,
  make: (part: T, number: number) => Promise<string>,
): Promise<string[]> {
  const tags: string[] = [];
  const running = new Set<Promise<void>>();
  let failed: { readonly thrown: unknown } | undefined;
  let number = 0;
  for await (const part of parts) {
    const own = ++number;
    const task: Promise<void> = make(part, own)
      .then(
        (tag) => {
          tags[own - 1] = tag;
        },
        (thrown: unknown) => {
          failed ??= { thrown };
        },
      )
      .finally(() => running.delete(task));
    running.add(task);
    if (running.size >= PARALLEL_PARTS) await Promise.race(running);
    if (failed) break;
  }
  await Promise.all(running);
  if (failed) throw failed.thrown;
  return tags;
}

/** Begins an upload, lets `fill` make its parts and ends it; nothing of it is left when that fails. */
async function upload(
  client: S3Client,
  key: string,
  o: Signal,
  fill: (part: (number: number, more: Partial<S3Request>) => S3Request) => Promise<string[]>,
): Promise<void> {
  const begun = await client.send({ method: 'POST', key, query: { uploads: '' }, ...o });
  const uploadId = textOf(Buffer.from(begun.body).toString(), 'UploadId');
  if (!uploadId) throw fail('STORE_REFUSED', `${key}: the server began an upload without an id`);
  try {
    const tags = await fill((number, more) => ({
      method: 'PUT',
      key,
      query: { partNumber: String(number), uploadId },
      ...o,
      ...more,
    }));
    const list = tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`);
    const body = Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`);
    await client.send({ method: 'POST', key, query: { uploadId }, body, lateErrors: true, ...o });
  } catch (thrown) {
    // Also after a signal; what cannot be removed now is for the bucket's own rules.
    await client.send({ method: 'DELETE', key, query: { uploadId }, also: 404 }).catch(() => {});
    throw thrown;
  }
}

/** Writes an object from pieces: in one request where they are few bytes, else in parts. */
export async function putPieces(
  client: S3Client,
  key: string,
  pieces: AsyncIterable<Uint8Array>,
  o: Signal & { readonly size?: number | undefined },
): Promise<void> {
  const parts = gather(pieces, o.size);
  const first = await parts.next();
  const second = first.done ? first : await parts.next();
  if (first.done || second.done) {
    const body = first.done ? new Uint8Array() : first.value;
    await client.send({ method: 'PUT', key, body, signal: o.signal });
    return;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield first.value as Uint8Array;
    yield second.value as Uint8Array;
    yield* parts;
  }
  await upload(client, key, { signal: o.signal }, (part) =>
    inParallel(all(), async (body, number) => {
      if (number > MOST_PARTS) throw fail('STORE_REFUSED', `${key} is longer than an upload of unknown size can be`);
      const { headers } = await client.send(part(number, { body }));
      return String(headers.etag);
    }),
  );
}

/** Copies an object within the server; `bucket` and `source.key` (whole) say what, `key` where to in the client's bucket. */
export async function copyWithin(
  client: S3Client,
  bucket: string,
  source: StoredObject,
  key: string,
  o: Signal,
): Promise<void> {
  const from = { 'x-amz-copy-source': `/${bucket}/${encodePath(source.key)}` };
  if (source.size <= COPY_AT_ONCE) {
    await client.send({ method: 'PUT', key, headers: from, lateErrors: true, ...o });
    return;
  }
  const bytes = Math.max(COPY_PART_BYTES, Math.ceil(source.size / MOST_PARTS));
  const starts = Array.from({ length: Math.ceil(source.size / bytes) }, (_, i) => i * bytes);
  await upload(client, key, o, (part) =>
    inParallel(starts, async (start, number) => {
      const range = `bytes=${start}-${Math.min(start + bytes, source.size) - 1}`;
      const headers = { ...from, 'x-amz-copy-source-range': range };
      const { body } = await client.send(part(number, { headers, lateErrors: true }));
      return textOf(Buffer.from(body).toString(), 'ETag') ?? '';
    }),
  );
}
