import { resolve } from 'node:path';
import type { FieldSpec } from '../../batch/fields.js';
import type { Hdf5Source } from '../../config/types.js';
import { MilvusdmError } from '../../util/errors.js';
import type { SourceInfo } from '../types.js';
import { archiveInfo } from './archive-info.js';
import { planArchive } from './archive-plan.js';
import { type Dataset, elementsOf } from './dataset.js';
import { type Hdf5File, openFile } from './file.js';
import { type FilePlan, planFile } from './plan.js';
import { rootFacts, survey } from './survey.js';

/** What a file is, for one that can be read: with `plan` made for `source`. */
export function fileInfo(file: Hdf5File, plan: FilePlan, fields: readonly FieldSpec[], source: Hdf5Source): SourceInfo {
  const { lines, metric } = rootFacts(file);
  const surveyed = survey(file).lines;
  const vector = plan.columns.find((column) => column.field.dim !== undefined)!;
  const used = plan.columns.map(
    (column) => `field ${column.field.name} (${column.field.type}) from ${column.dataset.name}`,
  );
  return {
    path: file.path,
    format: 'hdf5',
    kind: `HDF5 dataset ${source.dataset}`,
    rows: plan.rows,
    dim: vector.field.dim ?? 0,
    vectorType: vector.field.type,
    ...(metric === undefined ? {} : { metric }),
    ids: plan.columns.some((column) => column.field.primaryKey) ? 'stored' : 'none',
    bytes: plan.bytes,
    fields,
    details: [...used, ...surveyed, ...lines],
  };
}

/** The dataset that holds the vectors, most likely: `embeddings`, else the largest numeric one of two dimensions. */
function guessDataset(datasets: readonly Dataset[]): Dataset | undefined {
  const vectors = datasets.filter((d) => d.element.kind === 'number' && d.shape?.length === 2 && (d.shape[1] ?? 0) > 0);
  const [first, ...rest] = vectors;
  const largest = rest.reduce((a, b) => (elementsOf(b.shape!) > elementsOf(a!.shape!) ? b : a), first);
  return datasets.find((d) => d.name === 'embeddings') ?? largest;
}

/** Facts about a file of which no run could be made as it is; `why` says what is in the way. */
function unusableInfo(file: Hdf5File, guess: Dataset | undefined, why: string): SourceInfo {
  const facts = rootFacts(file);
  const binary = guess?.element.label === 'uint8';
  const columns = guess?.shape?.[1] ?? 0;
  return {
    path: file.path,
    format: 'hdf5',
    kind: guess ? `HDF5 dataset ${guess.name}` : 'HDF5 without vectors',
    rows: guess?.shape?.[0] ?? 0,
    dim: binary ? columns * 8 : columns,
    vectorType: binary ? 'BINARY_VECTOR' : 'FLOAT_VECTOR',
    ...(facts.metric === undefined ? {} : { metric: facts.metric }),
    ids: 'none',
    bytes: file.state.size,
    fields: [],
    details: [why, ...survey(file).lines, ...facts.lines],
  };
}

/**
 * What an HDF5 file holds: all datasets, filters and attributes, and which dataset the vectors would come from. A file
 * without `embeddings` is described by its largest numeric dataset of two dimensions. Throws SRC_NOT_FOUND, SRC_TRUNCATED,
 * SRC_UNREADABLE for what is no readable HDF5 file; a dataset that a run would refuse is described all the same. An archive
 * of ours is described by the schema in it, and one that contradicts it refused (SRC_CORRUPT).
 */
export async function inspectHdf5(path: string): Promise<SourceInfo> {
  const file = await openFile(resolve(path));
  try {
    const archive = planArchive(file);
    if (archive) return archiveInfo(file, archive);
    const guess = guessDataset(survey(file).datasets);
    if (!guess) return unusableInfo(file, undefined, 'no numeric dataset of two dimensions');
    const source: Hdf5Source = {
      adapter: 'hdf5',
      files: [{ path: file.path }],
      dataset: guess.name,
      idsDataset: 'ids',
      idsOptional: true,
      columns: {},
    };
    try {
      const plan = planFile(file, source, { idField: 'id', vectorField: 'embedding' });
      const info = fileInfo(
        file,
        plan,
        plan.columns.map((column) => column.field),
        source,
      );
      const named =
        guess.name === 'embeddings'
          ? []
          : [`no dataset "embeddings": set \`dataset: ${guess.name}\` to migrate this one`];
      return { ...info, details: [...named, ...plan.warnings, ...info.details] };
    } catch (thrown) {
      if (!(thrown instanceof MilvusdmError)) throw thrown;
      return unusableInfo(file, guess, `cannot be migrated as it is: ${thrown.message}`);
    }
  } finally {
    file.close();
  }
}
