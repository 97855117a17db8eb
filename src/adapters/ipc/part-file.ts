import { crc32 } from 'node:zlib';
import { AsyncByteQueue, CompressionType, type RecordBatch, RecordBatchStreamWriter, type Schema } from 'apache-arrow';
import type { LogicalPart } from '../../backup/logical.js';
import { batchBytes } from '../../batch/columns.js';
import { createDigester } from '../../batch/digest.js';
import type { ObjectStore } from '../../store/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { registerZstd } from './codec.js';
import { openUpload } from './upload.js';

export interface PartOptions {
  readonly store: ObjectStore;
  readonly key: string;
  readonly schema: Schema;
  readonly compression: 'zstd' | 'none';
}

/** An Arrow IPC file (stream format) that is being written. Disposing of it before `finish` has resolved leaves nothing. */
export interface PartFile extends AsyncDisposable {
  /** Adds the rows of a batch of the schema, whose memory is free when it resolves. Throws STORE_*. */
  append(batch: RecordBatch): Promise<void>;
  readonly rows: number;
  /** Bytes of its values so far. */
  readonly bytes: number;
  /** Completes the file, reads it back and compares. Throws STORE_*, VERIFY_MISMATCH. */
  finish(): Promise<Omit<LogicalPart, 'key'>>;
}

/** Says that a buffer is not compressed. */
const STORED = -1n;

/**
 * Before a compressed buffer stands its length without compression (Message.fbs, BodyCompressionMethod); apache-arrow 21.2 puts that
 * of the compressed bytes there, which no other library can read.
 */
class SpecWriter extends RecordBatchStreamWriter {
  protected override _compressBodyBuffers(
    buffers: ArrayBufferView[],
  ): ReturnType<RecordBatchStreamWriter['_compressBodyBuffers']> {
    const body = super._compressBodyBuffers(buffers);
    for (const [i, { byteLength }] of buffers.entries()) {
      const prefix = body.buffers[i * 2]!;
      if (prefix.byteLength === 0) continue;
      const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
      if (view.getBigInt64(0, true) !== STORED) view.setBigInt64(0, BigInt(byteLength), true);
    }
    return body;
  }
}

/** Takes what Arrow writes; its own queue would keep all of it. */
class Collector extends AsyncByteQueue {
  private parts: Uint8Array[] = [];

  override write(value: ArrayBufferView | ArrayBufferLike | Uint8Array): void {
    this.parts.push(value as Uint8Array);
  }

  /** Copied: values without compression are the batch's own memory. */
  take(): Uint8Array {
    const all = Buffer.concat(this.parts);
    this.parts = [];
    return all;
  }
}

async function readBack(store: ObjectStore, key: string): Promise<{ sum: number; size: number }> {
  let sum = 0;
  let size = 0;
  for await (const piece of store.stream(key)) {
    sum = crc32(piece, sum);
    size += piece.length;
  }
  return { sum, size };
}

/** Begins a file. Throws STORE_*. The caller disposes of it. */
export async function createPart({ store, key, schema, compression }: PartOptions): Promise<PartFile> {
  if (compression === 'zstd') await registerZstd();
  const options = compression === 'zstd' ? { compressionType: CompressionType.ZSTD } : {};
  const writer = new SpecWriter({ autoDestroy: false, ...options });
  const collector = new Collector();
  writer.reset(collector, schema);
  const digester = await createDigester(schema);
  const upload = openUpload(store, key);
  let [rows, bytes, size, sum] = [0, 0, 0, 0];
  const flush = async (): Promise<void> => {
    const piece = collector.take();
    sum = crc32(piece, sum);
    size += piece.length;
    await upload.push(piece);
  };
  return {
    async append(batch) {
      writer.write(batch);
      digester.add(batch);
      rows += batch.numRows;
      bytes += batchBytes(batch);
      await flush();
    },
    get rows() {
      return rows;
    },
    get bytes() {
      return bytes;
    },
    async finish() {
      // Writes the schema, where there are no rows, and the mark of the end.
      writer.finish();
      await flush();
      await upload.finish();
      const found = await readBack(store, key);
      if (found.sum !== sum || found.size !== size) {
        const [have, need] = [formatCount(found.size), formatCount(size)];
        throw fail('VERIFY_MISMATCH', `${key} in ${store.name} holds ${have} bytes that are not the ${need} written`);
      }
      return { rows, size, sum: `crc32:${sum.toString(16).padStart(8, '0')}`, digest: digester.result().hex };
    },
    [Symbol.asyncDispose]: () => upload.abandon(),
  };
}
