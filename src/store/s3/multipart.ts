import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { fail } from '../../util/errors.js';
import type { StoredObject } from '../types.js';
import type { Bucket, Signal } from './client.js';

const MIB = 1024 * 1024;
/** S3's own limits: 10,000 parts, each of 5 MiB to 5 GiB but for the last. */
const MOST_PARTS = 10_000;
const PART_BYTES = 16 * MIB;
/** Where the size is not known: several such objects may be written at a time, each of which holds some parts. */
const UNSIZED_PART_BYTES = 5 * MIB;
/** Those parts grow after so many: 10,000 of them come to 268 GiB. */
const GROWS_AFTER = 1000;
const PARALLEL_PARTS = 4;
/** Larger objects are copied within the server in parts, beside each other; one request may copy 5 GiB at most. */
const COPY_AT_ONCE = 500 * MIB;
const COPY_PART_BYTES = 128 * MIB;

/** Bytes of part number `index` (from 0) of an upload. */
export function partBytes(index: number, size?: number): number {
  if (size === undefined) return UNSIZED_PART_BYTES * (1 + Math.floor(index / GROWS_AFTER));
  return Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
}

/** The pieces gathered into parts, in memory of their own. */
async function* gather(pieces: AsyncIterable<Uint8Array>, size: number | undefined): AsyncGenerator<Uint8Array> {
  let index = 0;
  let left = size ?? Number.POSITIVE_INFINITY;
  const memory = (): Buffer => Buffer.allocUnsafeSlow(Math.max(1, Math.min(partBytes(index, size), left)));
  let part = memory();
  let bytes = 0;
  for await (const piece of pieces) {
    for (let rest = piece; rest.length > 0; ) {
      const taken = rest.subarray(0, part.length - bytes);
      part.set(taken, bytes);
      bytes += taken.length;
      rest = rest.subarray(taken.length);
      if (bytes < part.length) continue;
      yield part;
      index++;
      left -= bytes;
      part = memory();
      bytes = 0;
    }
  }
  if (bytes > 0 || index === 0) yield part.subarray(0, bytes);
}

/** Runs `make` for part after part, some of them at once, and returns what they gave, in their order. */
async function inParallel<T, R>(
  parts: AsyncIterable<T> | Iterable<T>,
  make: (part: T, number: number) => Promise<R>,
): Promise<R[]> {
  const tags: R[] = [];
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

/** What every request about one upload names. */
interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

/** An upload that has begun. */
export interface OpenUpload {
  readonly where: Upload;
  /** Sends part `number` (from 1). */
  put(number: number, body: Uint8Array): Promise<void>;
  /** Makes an object of its parts, in the order of their numbers. */
  complete(tags?: readonly string[]): Promise<void>;
  /** Gives it up; also after a signal. What cannot be removed now is for the bucket's own rules. */
  abort(): Promise<void>;
}

/** Begins an upload in parts. */
export async function beginUpload(bucket: Bucket, key: string, o: Signal): Promise<OpenUpload> {
  const target = { Bucket: bucket.name, Key: key };
  const begin = new CreateMultipartUploadCommand(target);
  const { UploadId } = await bucket.send('begin the upload of', key, (aws, how) => aws.send(begin, how), o);
  if (!UploadId) throw fail('STORE_REFUSED', `${key}: the server began an upload without an id`);
  const where = { ...target, UploadId };
  const sent: string[] = [];
  return {
    where,
    async put(PartNumber, Body) {
      if (PartNumber > MOST_PARTS)
        throw fail('STORE_REFUSED', `${key} is longer than an upload of unknown size can be`);
      const part = new UploadPartCommand({ ...where, PartNumber, Body });
      const { ETag = '' } = await bucket.send(`put part ${PartNumber} of`, key, (aws, how) => aws.send(part, how), o);
      sent[PartNumber - 1] = ETag;
    },
    async complete(tags = sent) {
      const Parts = tags.map((ETag, i) => ({ PartNumber: i + 1, ETag }));
      const complete = new CompleteMultipartUploadCommand({ ...where, MultipartUpload: { Parts } });
      await bucket.send('complete the upload of', key, (aws, how) => aws.send(complete, how), o);
    },
    async abort() {
      const abort = new AbortMultipartUploadCommand(where);
      await bucket.send('give up the upload of', key, (aws) => aws.send(abort)).catch(() => {});
    },
  };
}

/** Begins an upload, lets `fill` make its parts and ends it; nothing of it is left when that fails. */
async function upload(
  bucket: Bucket,
  key: string,
  o: Signal,
  fill: (upload: OpenUpload) => Promise<string[] | undefined>,
): Promise<void> {
  const begun = await beginUpload(bucket, key, o);
  try {
    await begun.complete(await fill(begun));
  } catch (thrown) {
    await begun.abort();
    throw thrown;
  }
}

/** Writes an object in one request. */
export async function putWhole(bucket: Bucket, key: string, Body: Uint8Array, o: Signal): Promise<void> {
  const put = new PutObjectCommand({ Bucket: bucket.name, Key: key, Body });
  await bucket.send('put', key, (aws, how) => aws.send(put, how), o);
}

/** Writes an object from pieces: in one request where they are few bytes, else in parts. */
export async function putPieces(
  bucket: Bucket,
  key: string,
  pieces: AsyncIterable<Uint8Array>,
  o: Signal & { readonly size?: number | undefined },
): Promise<void> {
  const parts = gather(pieces, o.size);
  const first = await parts.next();
  const second = first.done ? first : await parts.next();
  if (first.done || second.done) {
    await putWhole(bucket, key, first.done ? new Uint8Array() : first.value, o);
    return;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield first.value as Uint8Array;
    yield second.value as Uint8Array;
    yield* parts;
  }
  await upload(bucket, key, o, async (begun) => {
    await inParallel(all(), (Body, PartNumber) => begun.put(PartNumber, Body));
    return undefined;
  });
}

/** Copies an object within the server; `from` and `source.key` (whole) say what, `key` where to in the bucket. */
export async function copyWithin(
  bucket: Bucket,
  from: string,
  source: StoredObject,
  key: string,
  o: Signal,
): Promise<void> {
  const CopySource = `${from}/${source.key.split('/').map(encodeURIComponent).join('/')}`;
  if (source.size <= COPY_AT_ONCE) {
    const copy = new CopyObjectCommand({ Bucket: bucket.name, Key: key, CopySource });
    await bucket.send(`copy ${source.key} of bucket ${from} to`, key, (aws, how) => aws.send(copy, how), o);
    return;
  }
  const bytes = Math.max(COPY_PART_BYTES, Math.ceil(source.size / MOST_PARTS));
  const starts = Array.from({ length: Math.ceil(source.size / bytes) }, (_, i) => i * bytes);
  await upload(bucket, key, o, ({ where }) =>
    inParallel(starts, async (start, PartNumber) => {
      const CopySourceRange = `bytes=${start}-${Math.min(start + bytes, source.size) - 1}`;
      const part = new UploadPartCopyCommand({ ...where, PartNumber, CopySource, CopySourceRange });
      const verb = `copy part ${PartNumber} of ${source.key} of bucket ${from} to`;
      const { CopyPartResult } = await bucket.send(verb, key, (aws, how) => aws.send(part, how), o);
      return CopyPartResult?.ETag ?? '';
    }),
  );
}
