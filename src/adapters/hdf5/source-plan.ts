import type { FieldSpec } from '../../batch/fields.js';
import type { Hdf5Source } from '../../config/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { ReadBatch, ReadOptions, SourceInfo, Split } from '../types.js';
import { archiveInfo } from './archive-info.js';
import { type ArchivePlan, checkSameArchives, mergeArchiveFields, planArchive } from './archive-plan.js';
import { readArchive } from './archive-reader.js';
import { type FileState, fingerprint, type Hdf5File, openFile } from './file.js';
import { fileInfo } from './inspect.js';
import { checkSameFields, type FieldNames, type FilePlan, mergeFields, planFile } from './plan.js';
import { readPass, type Workspace } from './reader.js';
import { sourceFiles } from './source-files.js';

/** What one file holds, and how it is read: as an archive of ours, or by the names of its datasets. */
interface Content {
  readonly kind: 'archive' | 'datasets';
  readonly rows: number;
  readonly bytes: number;
  readonly warnings: readonly string[];
  readonly fields: readonly FieldSpec[];
  readonly info: SourceInfo;
  /** Reads some of the fields, by their names and as the run has them. */
  read(
    file: Hdf5File,
    fields: readonly FieldSpec[],
    options: ReadOptions,
    workspace: Workspace,
  ): AsyncGenerator<ReadBatch>;
}

/** A file of a run, planned and closed again: a run may have more files than a process may hold open. */
export interface PlannedFile {
  readonly path: string;
  readonly state: FileState;
  readonly split: Split;
  readonly content: Content;
}

export interface SourcePlan {
  readonly files: readonly PlannedFile[];
  readonly fields: readonly FieldSpec[];
  readonly warnings: readonly string[];
}

function archiveContent(file: Hdf5File, plan: ArchivePlan): Content {
  const column = (name: string): ArchivePlan['columns'][number] => plan.columns.find((c) => c.field.name === name)!;
  return {
    kind: 'archive',
    rows: plan.rows,
    bytes: plan.bytes,
    warnings: [],
    fields: plan.columns.map(({ field }) => field),
    info: archiveInfo(file, plan),
    read: (opened, fields, options, workspace) =>
      readArchive(
        { file: opened, rows: plan.rows, columns: fields.map(({ name }) => column(name)), fields },
        options,
        workspace,
      ),
  };
}

function datasetsContent(file: Hdf5File, plan: FilePlan, source: Hdf5Source): Content {
  const fields = plan.columns.map(({ field }) => field);
  const column = (name: string): FilePlan['columns'][number] => plan.columns.find((c) => c.field.name === name)!;
  return {
    kind: 'datasets',
    rows: plan.rows,
    bytes: plan.bytes,
    warnings: plan.warnings,
    fields,
    info: fileInfo(file, plan, fields, source),
    read: (opened, wanted, options, workspace) =>
      readPass(
        { file: opened, rows: plan.rows, plans: wanted.map(({ name }) => column(name)), fields: wanted },
        options,
        workspace,
      ),
  };
}

/** Whether a file of this source that is an archive is read as one; names of datasets win over its schema. */
export function asksForArchive(source: Hdf5Source): boolean {
  if (source.archive === 'ignore' || source.vectorType !== undefined) return false;
  return source.dataset === 'embeddings' && source.idsOptional && Object.keys(source.columns).length === 0;
}

function planContent(file: Hdf5File, source: Hdf5Source, names: FieldNames): Content {
  const archive = asksForArchive(source) ? planArchive(file) : undefined;
  return archive ? archiveContent(file, archive) : datasetsContent(file, planFile(file, source, names), source);
}

function checkSame(first: PlannedFile, next: PlannedFile): void {
  const parts = [first, next].map(({ path, content }) => ({ path, fields: content.fields })) as [
    { path: string; fields: readonly FieldSpec[] },
    { path: string; fields: readonly FieldSpec[] },
  ];
  if (first.content.kind === next.content.kind) {
    if (first.content.kind === 'archive') checkSameArchives(...parts);
    else checkSameFields(...parts);
    return;
  }
  const [archive, other] = first.content.kind === 'archive' ? [first, next] : [next, first];
  throw fail('SRC_MISMATCH', `${archive.path} is an archive with a schema of its own, ${other.path} is not`);
}

/** Equal warnings of several files as one, with the first path. */
function gatherWarnings(files: readonly PlannedFile[]): string[] {
  const paths = new Map<string, string[]>();
  for (const { path, content } of files) {
    for (const warning of content.warnings) paths.set(warning, [...(paths.get(warning) ?? []), path]);
  }
  return [...paths].map(([warning, [first, ...rest]]) => {
    return `${warning} (${first}${rest.length > 0 ? ` and ${formatCount(rest.length)} more` : ''})`;
  });
}

/** Plans all files of a source and closes them again. Throws SRC_*, NOTHING_MATCHED and CFG_CONFLICT errors. */
export async function planSource(source: Hdf5Source, names: FieldNames): Promise<SourcePlan> {
  const { files, warnings } = sourceFiles(source);
  const planned: PlannedFile[] = [];
  const seen = new Map<string, number>();
  for (const { path, partition } of files) {
    const file = await openFile(path);
    try {
      const content = planContent(file, source, names);
      const nth = (seen.get(path) ?? 0) + 1;
      seen.set(path, nth);
      const split: Split = {
        // A file may be listed twice, into two partitions.
        id: nth === 1 ? path : `${path}#${nth}`,
        source: path,
        ...(partition === undefined ? {} : { partition }),
        rows: content.rows,
        bytes: content.bytes,
        fingerprint: fingerprint(path, file.state),
      };
      const next = { path, state: file.state, split, content };
      if (planned[0]) checkSame(planned[0], next);
      planned.push(next);
    } finally {
      file.close();
    }
  }
  const contents = planned.map(({ content }) => content);
  const fields = contents[0]!.kind === 'archive' ? mergeArchiveFields(contents) : mergeFields(contents);
  return { files: planned, fields, warnings: [...warnings, ...gatherWarnings(planned)] };
}
