import { Schema } from 'apache-arrow';
import { type FieldSpec, toArrowField } from '../../batch/fields.js';
import type { Hdf5Source } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import type { CollectionSettings, ReadBatch, Reader, ReadOptions } from '../types.js';
import { readArchiveSettings } from './archive-info.js';
import { openFile, unreadable } from './file.js';
import type { FieldNames } from './plan.js';
import { openWorkspace, type Workspace } from './reader.js';
import { asksForArchive, type PlannedFile, planSource } from './source-plan.js';
import { findSignature, withFile } from './superblock.js';

export { type ArchiveSettings, readArchiveSettings } from './archive-info.js';
export { archiveFileName, safeFileNames } from './archive-names.js';
export { type ArchiveFile, type ArchiveFileOptions, createArchiveFile } from './archive-writer.js';
export { type ArchiveYamlOptions, archiveYaml } from './archive-yaml.js';
export { inspectHdf5 } from './inspect.js';

/** Whether a file is HDF5 by its signature, at offset 0 or behind a user block. Throws SRC_NOT_FOUND, SRC_UNREADABLE. */
export async function isHdf5(path: string): Promise<boolean> {
  try {
    return withFile(path, (readAt, size) => findSignature(readAt, size) !== undefined);
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

function projection(fields: readonly FieldSpec[], columns: readonly string[] | undefined): number[] {
  const all = fields.map((_, i) => i);
  if (columns === undefined) return all;
  for (const name of columns) {
    if (!fields.some((field) => field.name === name)) throw fail('INTERNAL', `the source has no field "${name}"`);
  }
  return all.filter((i) => columns.includes(fields[i]!.name));
}

async function* readFile(
  planned: PlannedFile,
  fields: readonly FieldSpec[],
  options: ReadOptions,
  workspace: Workspace,
): AsyncGenerator<ReadBatch> {
  const file = await openFile(planned.path);
  try {
    const { size, mtimeMs } = file.state;
    if (size !== planned.state.size || mtimeMs !== planned.state.mtimeMs) {
      throw fail('SRC_CHANGED', `${planned.path} changed after it was opened`);
    }
    const wanted = projection(fields, options.columns);
    if (wanted.length === 0) return;
    yield* planned.content.read(
      file,
      wanted.map((i) => fields[i]!),
      options,
      workspace,
    );
  } finally {
    file.close();
  }
}

/**
 * Opens the HDF5 files of a source; one split per file, the files sorted by name when a folder is given. Reads headers
 * only; each file is opened again to be read, and SRC_CHANGED is thrown when it is not the same any more. Batches share
 * memory with the reader and are valid until the next is asked for. The cursor of a split is its number of rows read.
 * Archives of ours are read by the schema in them, with the names, types and nulls of the collection that they hold, unless
 * the source names datasets or columns, or says `archive: 'ignore'`.
 * Throws SRC_NOT_FOUND, SRC_UNREADABLE, SRC_TRUNCATED, SRC_CORRUPT, SRC_UNSUPPORTED, SRC_MISMATCH, NOTHING_MATCHED and
 * CFG_CONFLICT.
 */
export async function openHdf5(source: Hdf5Source, names: FieldNames): Promise<Reader> {
  const { files, fields, warnings } = await planSource(source, names);
  const idle: Workspace[] = [];
  let disposed = false;
  return {
    schema: new Schema(fields.map(toArrowField)),
    info: files.map((file) => file.content.info),
    warnings,
    splits: async () => files.map((file) => file.split),
    cursorAt: (_split, row) => String(row),
    async *read(split, options) {
      if (disposed) throw fail('INTERNAL', 'the HDF5 reader was read after it was disposed of');
      const planned = files.find((file) => file.split.id === split.id);
      if (!planned) throw fail('INTERNAL', `the HDF5 reader has no split "${split.id}"`);
      // One workspace per pass at a time: passes over two splits may run side by side.
      const workspace = idle.pop() ?? openWorkspace();
      try {
        yield* readFile(planned, fields, options, workspace);
      } finally {
        if (disposed) workspace.free();
        else idle.push(workspace);
      }
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      for (const workspace of idle.splice(0)) workspace.free();
    },
  };
}

/** What an archive says of its collection besides the rows; {} for every other source. */
export async function hdf5Settings(source: Hdf5Source): Promise<CollectionSettings> {
  const [first] = source.files ?? [];
  const archive = first && asksForArchive(source) ? await readArchiveSettings(first.path) : undefined;
  // The partitions are those of the files that are read.
  const { partitions: _, ...settings } = archive?.settings ?? {};
  return settings;
}
