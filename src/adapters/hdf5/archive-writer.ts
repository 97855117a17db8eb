import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RecordBatch, Schema } from 'apache-arrow';
import { rawColumn } from '../../batch/columns.js';
import { fromArrowField, specsOf } from '../../batch/fields.js';
import { fail } from '../../util/errors.js';
import { openColumn } from './archive-columns.js';
import { createOutputFile, type OutputFile } from './archive-file.js';
import { type ArchivedField, elementBytes, planDatasets, SCHEMA_DATASET, type Shape } from './archive-layout.js';
import { formatSchema } from './archive-schema.js';
import { type ArchiveStream, type BlockHash, openStream, unverifiable } from './archive-stream.js';
import { openFile } from './file.js';

export interface ArchiveFileOptions {
  /** Absolute; must be free unless `overwrite`. Its folder is made. */
  readonly path: string;
  readonly schema: Schema;
  /**
   * Kept as JSON. The reader knows `settings` (the collection's settings), `collection` and `partition`; everything else
   * is for those who read the file.
   */
  readonly meta: Readonly<Record<string, unknown>>;
  /** Level 1 to 9; not compressed where absent. About 25 MB/s. */
  readonly gzip?: number;
  /** Field that becomes the dataset `ids`. */
  readonly keyName: string;
  /** Vector field that becomes the dataset `embeddings`, if float, binary or int8. */
  readonly vectorName: string;
  /** Replace a file of that name, when this one is complete. */
  readonly overwrite?: boolean;
}

/** An archive that is being written. Disposing of it before `finish` has resolved removes what there is of it. */
export interface ArchiveFile extends AsyncDisposable {
  /**
   * Adds the rows of a batch of the archive's schema; the batch's memory is free when it resolves. One call at a time.
   * Throws DST_STORAGE; after any error the archive is lost, and its temporary file removed.
   */
  append(batch: RecordBatch): Promise<void>;
  /** Rows so far. */
  readonly rows: number;
  /** Bytes of all datasets so far, not compressed. */
  readonly bytes: number;
  /**
   * Completes the file: writes the schema with `meta` (the archive's own, and what is given here besides), closes, reads
   * everything back and compares, and gives the file its name. Throws DST_STORAGE, VERIFY_MISMATCH.
   */
  finish(meta?: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Memory of the library for all streams together, and what one of them takes at most and at least. */
const BUFFER_BYTES = 48 << 20;
const MAX_CHUNK_BYTES = 1 << 20;
const MIN_CHUNK_BYTES = 64 << 10;

/** Streams of a field, at most. */
function streamCount({ datasets }: ArchivedField): number {
  return Object.keys(datasets).length;
}

function chunkBytes(fields: readonly ArchivedField[]): number {
  const streams = fields.reduce((sum, field) => sum + streamCount(field), 0);
  const share = 2 ** Math.floor(Math.log2(BUFFER_BYTES / streams));
  return Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, share));
}

async function blockHash(): Promise<BlockHash> {
  const { default: load } = await import('xxhash-wasm');
  const { h64Raw } = await load();
  return (bytes) => h64Raw(bytes, 0n);
}

interface Layer {
  readonly streams: ArchiveStream[];
  readonly open: (name: string, shape: Shape, chunk?: number) => ArchiveStream;
  /** Largest row of any dataset, or chunk: what reading back needs at a time. */
  largest(): number;
}

function streamLayer(file: OutputFile, hash: BlockHash, chunk: number, gzip: number | undefined): Layer {
  const streams: ArchiveStream[] = [];
  let largest = chunk;
  return {
    streams,
    open(name, shape) {
      largest = Math.max(largest, elementBytes(shape.element) * (shape.width ?? 1));
      const compressed = gzip === undefined ? {} : { gzip };
      const stream = openStream(file, { name, shape, chunkBytes: chunk, hash, ...compressed });
      streams.push(stream);
      return stream;
    },
    largest: () => largest,
  };
}

/** Reads the closed file back and compares every block with what was given. */
async function verify(file: OutputFile, layer: Layer): Promise<void> {
  try {
    const opened = await openFile(file.temporary);
    try {
      const buffer = opened.library.allocate(layer.largest(), `reading ${file.path} back`);
      try {
        for (const stream of layer.streams) await stream.verify(opened, buffer);
      } finally {
        buffer.free();
      }
    } finally {
      opened.close();
    }
  } catch (thrown) {
    throw unverifiable(file.path, thrown);
  }
}

function checkSchema(path: string, expected: Schema, batch: RecordBatch): void {
  const same =
    batch.schema.fields.length === expected.fields.length &&
    expected.fields.every((field, i) => {
      const other = batch.schema.fields[i]!;
      const [a, b] = [fromArrowField(field), fromArrowField(other)];
      return a.name === b.name && a.type === b.type && a.dim === b.dim && a.elementType === b.elementType;
    });
  if (!same) throw fail('INTERNAL', `a batch of another schema was given to the archive ${path}`);
}

/**
 * Begins an archive: an HDF5 file with one dataset or more for every field, and the schema as JSON. It is written under a
 * temporary name, in whole chunks, with memory that does not grow with the rows. Throws DST_STORAGE where the folder
 * cannot be written or the name is taken. The caller disposes of it.
 */
export async function createArchiveFile(options: ArchiveFileOptions): Promise<ArchiveFile> {
  const { schema, path } = options;
  const fields = planDatasets(specsOf(schema), options.keyName, options.vectorName);
  const hash = await blockHash();
  const file = await createOutputFile(path, options.overwrite ?? false);
  const layer = streamLayer(file, hash, chunkBytes(fields), options.gzip);
  const columns = fields.map((field) => openColumn(layer.open, field));
  let rows = 0;
  let state: 'open' | 'lost' | 'done' = 'open';

  const abandon = async (): Promise<void> => {
    if (state === 'open') state = 'lost';
    for (const stream of layer.streams) stream.free();
    await file.discard();
  };
  /** Runs a step; after an error nothing of the archive is left. */
  const step = async (act: () => Promise<void>): Promise<void> => {
    if (state !== 'open') throw fail('INTERNAL', `the archive ${path} is ${state} and takes nothing more`);
    try {
      await act();
    } catch (thrown) {
      await abandon();
      throw thrown;
    }
  };
  const addRows = async (batch: RecordBatch): Promise<void> => {
    checkSchema(path, schema, batch);
    for (const [i, column] of columns.entries()) column.append(rawColumn(batch, i));
    rows += batch.numRows;
    // The library works synchronously: signals and timers get their turn here.
    await nextTurn();
  };
  const complete = async (more: Readonly<Record<string, unknown>>): Promise<void> => {
    for (const stream of layer.streams) stream.close();
    const described = layer.open(SCHEMA_DATASET, { element: 'uint8' });
    described.append(formatSchema({ rows, fields, meta: { ...options.meta, ...more } }));
    described.close();
    file.close();
    await verify(file, layer);
    await file.publish();
    state = 'done';
  };
  return {
    append: (batch) => step(() => addRows(batch)),
    get rows() {
      return rows;
    },
    get bytes() {
      return layer.streams.reduce((sum, stream) => sum + stream.bytes, 0);
    },
    finish: (more = {}) => step(() => complete(more)),
    [Symbol.asyncDispose]: abandon,
  };
}
