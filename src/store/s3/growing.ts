import { interrupted } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import type { GrowingObject } from '../types.js';
import type { Bucket, Signal } from './client.js';
import { beginUpload, type OpenUpload, putWhole } from './multipart.js';

/** The least that S3 takes as a part that is not the last, so that little is held in memory. */
const PART_BYTES = 5 * 1024 * 1024;
/** The first part cannot be sent before its end, the head, is known; the last one may be of any size. */
const FIRST = 1;

/** An object of a bucket whose first bytes come last: its first part is held back and sent at the end. */
export function beginObject(bucket: Bucket, key: string, headBytes: number, o: Signal): GrowingObject {
  /** The first part without its head, as far as it has come. */
  let first: Uint8Array = new Uint8Array(0);
  let firstLength = 0;
  let part: Uint8Array | undefined;
  let filled = 0;
  let number = FIRST;
  let upload: OpenUpload | undefined;
  /** The part on its way, besides the one that is being filled. */
  let sending: Promise<void> = Promise.resolve();
  let ended = false;

  /** Small objects, as most columns of scalars are, take no more memory than they need. */
  function fillFirst(bytes: Uint8Array): Uint8Array {
    const taken = bytes.subarray(0, PART_BYTES - headBytes - firstLength);
    if (firstLength + taken.length > first.length) {
      const grown = new Uint8Array(Math.min(PART_BYTES, Math.max(2 * first.length, firstLength + taken.length)));
      grown.set(first.subarray(0, firstLength));
      first = grown;
    }
    first.set(taken, firstLength);
    firstLength += taken.length;
    return bytes.subarray(taken.length);
  }

  /** Sends the filled part, once the one before it has arrived, and leaves the place of that one to be filled. */
  async function sendPart(): Promise<void> {
    await sending;
    upload ??= await beginUpload(bucket, key, o);
    const body = part!.subarray(0, filled);
    number += 1;
    sending = upload.put(number, body);
    sending.catch(() => {});
    part = undefined;
    filled = 0;
  }

  return {
    async append(bytes) {
      if (ended) throw interrupted();
      let rest = firstLength < PART_BYTES - headBytes ? fillFirst(bytes) : bytes;
      while (rest.length > 0) {
        part ??= new Uint8Array(PART_BYTES);
        const taken = rest.subarray(0, PART_BYTES - filled);
        part.set(taken, filled);
        filled += taken.length;
        rest = rest.subarray(taken.length);
        if (filled === PART_BYTES) await sendPart();
      }
    },
    async finish(head) {
      if (ended) throw interrupted();
      if (head.length !== headBytes) throw fail('INTERNAL', `${head.length} first bytes where ${headBytes} belong`);
      const whole = Buffer.concat([head, first.subarray(0, firstLength)]);
      if (filled > 0) await sendPart();
      await sending;
      if (upload) {
        await upload.put(FIRST, whole);
        await upload.complete();
      } else await putWhole(bucket, key, whole, o);
      ended = true;
    },
    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      await sending.catch(() => {});
      await upload?.abort();
    },
  };
}
