import { Schema } from 'apache-arrow';
import { type FieldSpec, toArrowField } from '../../batch/fields.js';
import type { Hdf5Source } from '../../config/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { ReadBatch, Reader, ReadOptions, SourceInfo, Split } from '../types.js';
import { type FileState, fingerprint, openFile, unreadable } from './file.js';
import { fileInfo } from './inspect.js';
import { checkSameFields, type FieldNames, type FilePlan, mergeFields, planFile } from './plan.js';
import { openWorkspace, readPass, type Workspace } from './reader.js';
import { sourceFiles } from './source-files.js';
import { findSignature, withFile } from './superblock.js';

export { inspectHdf5 } from './inspect.js';

/** A file of a run, planned and closed again: a run may have more files than a process may hold open. */
interface PlannedFile extends FilePlan {
  readonly path: string;
  readonly state: FileState;
  readonly split: Split;
  readonly info: SourceInfo;
}

/** Whether a file is HDF5 by its signature, at offset 0 or behind a user block. Throws SRC_NOT_FOUND, SRC_UNREADABLE. */
export async function isHdf5(path: string): Promise<boolean> {
  try {
    return withFile(path, (readAt, size) => findSignature(readAt, size) !== undefined);
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

async function planSource(
  source: Hdf5Source,
  names: FieldNames,
): Promise<{ files: PlannedFile[]; warnings: string[] }> {
  const { files, warnings } = sourceFiles(source);
  const planned: PlannedFile[] = [];
  const seen = new Map<string, number>();
  for (const { path, partition } of files) {
    const file = await openFile(path);
    try {
      const plan = planFile(file, source, names);
      const fields = plan.columns.map((column) => column.field);
      const nth = (seen.get(path) ?? 0) + 1;
      seen.set(path, nth);
      const split: Split = {
        // A file may be listed twice, into two partitions.
        id: nth === 1 ? path : `${path}#${nth}`,
        source: path,
        ...(partition === undefined ? {} : { partition }),
        rows: plan.rows,
        bytes: plan.bytes,
        fingerprint: fingerprint(path, file.state),
      };
      const next = { ...plan, path, state: file.state, split, info: fileInfo(file, plan, fields, source) };
      if (planned[0]) checkSameFields(planned[0], next);
      planned.push(next);
    } finally {
      file.close();
    }
  }
  return { files: planned, warnings: [...warnings, ...gatherWarnings(planned)] };
}

/** Equal warnings of several files as one, with the first path. */
function gatherWarnings(files: readonly PlannedFile[]): string[] {
  const paths = new Map<string, string[]>();
  for (const file of files) {
    for (const warning of file.warnings) paths.set(warning, [...(paths.get(warning) ?? []), file.path]);
  }
  return [...paths].map(([warning, [first, ...rest]]) => {
    return `${warning} (${first}${rest.length > 0 ? ` and ${formatCount(rest.length)} more` : ''})`;
  });
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
    const pass = {
      file,
      rows: planned.rows,
      plans: wanted.map((i) => planned.columns[i]!),
      fields: wanted.map((i) => fields[i]!),
    };
    if (pass.plans.length > 0) yield* readPass(pass, options, workspace);
  } finally {
    file.close();
  }
}

/**
 * Opens the HDF5 files of a source; one split per file, the files sorted by name when a folder is given. Reads headers
 * only; each file is opened again to be read, and SRC_CHANGED is thrown when it is not the same any more. Batches share
 * memory with the reader and are valid until the next is asked for. The cursor of a split is its number of rows read.
 * Throws SRC_NOT_FOUND, SRC_UNREADABLE, SRC_TRUNCATED, SRC_CORRUPT, SRC_UNSUPPORTED, SRC_MISMATCH, NOTHING_MATCHED and
 * CFG_CONFLICT.
 */
export async function openHdf5(source: Hdf5Source, names: FieldNames): Promise<Reader> {
  const { files, warnings } = await planSource(source, names);
  const fields = mergeFields(files);
  const idle: Workspace[] = [];
  let disposed = false;
  return {
    schema: new Schema(fields.map(toArrowField)),
    info: files.map((file) => file.info),
    warnings,
    splits: async () => files.map((file) => file.split),
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
