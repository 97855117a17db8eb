import type { RecordBatch, Schema } from 'apache-arrow';
import type { LogicalPart } from '../../backup/logical.js';
import { batchBytes } from '../../batch/columns.js';
import { createDigester, sumDigests } from '../../batch/digest.js';
import { checksumOf, startSum } from '../../store/checksum.js';
import type { ObjectStore } from '../../store/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { registerZstd } from './codec.js';
import { createStreamWriter } from './stream-writer.js';
import { openUpload } from './upload.js';

export interface PartOptions {
  readonly store: ObjectStore;
  readonly key: string;
  readonly schema: Schema;
  readonly compression: 'zstd' | 'none';
}

/** An Arrow IPC file (stream format) that is being written. Disposing of it before `finish` has resolved leaves nothing. */
export interface PartFile extends AsyncDisposable {
  /**
   * Adds the rows of a batch of the schema, whose memory is free when it resolves. Throws STORE_*.
   * @param digest content digest of the batch, where it was taken already
   */
  append(batch: RecordBatch, digest?: string): Promise<void>;
  /** Bytes of its values so far. */
  readonly bytes: number;
  /** Completes the file, reads it back and compares. Throws STORE_*, VERIFY_MISMATCH. */
  finish(): Promise<Omit<LogicalPart, 'key'>>;
}

/** Begins a file. Throws STORE_*. The caller disposes of it. */
export async function createPart({ store, key, schema, compression }: PartOptions): Promise<PartFile> {
  const writer = createStreamWriter(schema, compression === 'zstd' ? await registerZstd() : undefined);
  const digester = await createDigester(schema);
  const upload = openUpload(store, key);
  const written = startSum();
  let [rows, bytes] = [0, 0];
  /** Digest of the rows that came with theirs. */
  let taken: string | undefined;
  const push = async (piece: Uint8Array): Promise<void> => {
    written.add(piece);
    await upload.push(piece);
  };
  return {
    async append(batch, digest) {
      if (digest === undefined) digester.add(batch);
      else taken = sumDigests(taken, digest);
      rows += batch.numRows;
      bytes += batchBytes(batch);
      await push(writer.write(batch));
    },
    get bytes() {
      return bytes;
    },
    async finish() {
      await push(writer.finish());
      await upload.finish();
      const [sum, found] = [written.sum(), await checksumOf(store, key)];
      if (found.sum !== sum || found.size !== written.size) {
        const [have, need] = [formatCount(found.size), formatCount(written.size)];
        throw fail('VERIFY_MISMATCH', `${key} in ${store.name} holds ${have} bytes that are not the ${need} written`);
      }
      return { rows, size: written.size, sum, digest: sumDigests(taken, digester.result().hex) };
    },
    [Symbol.asyncDispose]: () => upload.abandon(),
  };
}
