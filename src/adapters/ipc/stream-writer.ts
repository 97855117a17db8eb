import { AsyncByteQueue, CompressionType, type RecordBatch, RecordBatchStreamWriter, type Schema } from 'apache-arrow';
import type { Zstd } from '../../util/zstd.js';
import { compressed } from './codec.js';

/** Stands for the length of a buffer that is not compressed. */
const STORED = -1n;
const LENGTH_BYTES = 8;
const EMPTY = new Uint8Array(0);
/** Batches differ in length by a little. */
const ROOM = 1.125;

type Body = ReturnType<RecordBatchStreamWriter['_compressBodyBuffers']>;

/**
 * Before a compressed buffer stands its length without compression (Message.fbs, BodyCompressionMethod); apache-arrow 21.2 puts that
 * of the compressed bytes there, which no other library can read, and copies every buffer.
 */
class SpecWriter extends RecordBatchStreamWriter {
  readonly #zstd: Zstd | undefined;

  constructor(zstd: Zstd | undefined) {
    super({ autoDestroy: false, ...(zstd ? { compressionType: CompressionType.ZSTD } : {}) });
    this.#zstd = zstd;
  }

  protected override _compressBodyBuffers(buffers: ArrayBufferView[]): Body {
    const bufferRegions: Body['bufferRegions'] = [];
    const out: Uint8Array[] = [];
    let offset = 0;
    for (const { buffer, byteOffset, byteLength } of buffers) {
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      if (byteLength === 0) {
        out.push(EMPTY, EMPTY);
        bufferRegions.push({ offset, length: 0 });
        continue;
      }
      const frame = compressed(this.#zstd!, bytes);
      const before = Buffer.alloc(LENGTH_BYTES);
      before.writeBigInt64LE(frame ? BigInt(byteLength) : STORED);
      const body = frame ?? bytes;
      out.push(before, body);
      const length = LENGTH_BYTES + body.length;
      bufferRegions.push({ offset, length });
      offset += Math.ceil(length / 8) * 8;
    }
    return { byteLength: offset, bufferRegions, buffers: out };
  }
}

/** Takes what Arrow writes; its own queue would keep all of it. */
class Collector extends AsyncByteQueue {
  private parts: Uint8Array[] = [];
  private memory = EMPTY;

  override write(value: ArrayBufferView | ArrayBufferLike | Uint8Array): void {
    this.parts.push(value as Uint8Array);
  }

  take(): Uint8Array {
    const size = this.parts.reduce((sum, { length }) => sum + length, 0);
    if (this.memory.length < size) this.memory = Buffer.allocUnsafeSlow(Math.ceil(size * ROOM));
    let at = 0;
    for (const part of this.parts) {
      this.memory.set(part, at);
      at += part.length;
    }
    this.parts = [];
    return this.memory.subarray(0, size);
  }
}

/** The bytes of an Arrow IPC stream. What `write` and `finish` give is valid until the next call. */
export interface StreamWriter {
  write(batch: RecordBatch): Uint8Array;
  /** The schema, where there were no rows, and the mark of the end. */
  finish(): Uint8Array;
}

/** @param zstd compress with it; not at all where absent */
export function createStreamWriter(schema: Schema, zstd?: Zstd): StreamWriter {
  const writer = new SpecWriter(zstd);
  const collector = new Collector();
  writer.reset(collector, schema);
  return {
    write(batch) {
      writer.write(batch);
      return collector.take();
    },
    finish() {
      writer.finish();
      return collector.take();
    },
  };
}
