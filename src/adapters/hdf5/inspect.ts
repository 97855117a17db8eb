import { resolve } from 'node:path';
import type { FieldSpec } from '../../batch/fields.js';
import type { Hdf5Source } from '../../config/types.js';
import { MilvusdmError } from '../../util/errors.js';
import type { SourceInfo } from '../types.js';
import { readAttributes } from './attributes.js';
import { type Dataset, describeDataset, elementsOf, filterName, formatShape } from './dataset.js';
import { type Hdf5File, openFile } from './file.js';
import { type FilePlan, planFile } from './plan.js';

const MAX_ENTRIES = 200;
const MAX_DEPTH = 3;

/** Metrics as ann-benchmarks files state them in the root attribute `distance`. */
const DISTANCES: Readonly<Record<string, string>> = {
  angular: 'COSINE',
  euclidean: 'L2',
  hamming: 'HAMMING',
  jaccard: 'JACCARD',
  ip: 'IP',
};

function describe(dataset: Dataset): string {
  const parts = [`${formatShape(dataset.shape)} ${dataset.element.label}`];
  if (dataset.chunks) parts.push(`chunks ${formatShape(dataset.chunks)}`);
  if (dataset.filters.length > 0) parts.push(dataset.filters.map(filterName).join(' + '));
  if (dataset.virtual) parts.push('virtual');
  if (dataset.header?.external) parts.push('data in external files');
  return parts.join(', ');
}

/** All datasets within a few levels of groups, and one line for each entry. Entries that cannot be read say so. */
function survey(file: Hdf5File): { datasets: Dataset[]; lines: string[] } {
  const datasets: Dataset[] = [];
  const lines: string[] = [];
  const walk = (group: string, depth: number): void => {
    for (const name of file.names(group === '' ? '/' : group)) {
      if (lines.length >= MAX_ENTRIES) return;
      const path = `${group}/${name}`;
      const kind = file.kind(path);
      if (kind === 'dataset') {
        try {
          const dataset = describeDataset(file, path);
          datasets.push(dataset);
          lines.push(`dataset ${dataset.name}: ${describe(dataset)}`);
        } catch (thrown) {
          if (!(thrown instanceof MilvusdmError)) throw thrown;
          lines.push(`dataset ${path.slice(1)}: ${thrown.message}`);
        }
      } else if (kind === 'group') {
        lines.push(`group ${path.slice(1)}`);
        if (depth < MAX_DEPTH) walk(path, depth + 1);
      } else {
        const what = { broken: 'broken link', external: 'link into another file' }[kind as string] ?? kind;
        lines.push(`${what} ${path.slice(1)}`);
      }
    }
  };
  walk('', 1);
  return { datasets, lines };
}

/** Metric that the file itself states (ann-benchmarks), and one line for each root attribute. */
function rootFacts(file: Hdf5File): { metric: string | undefined; lines: string[] } {
  const attributes = readAttributes(file, '/');
  const distance = attributes.find((attribute) => attribute.name === 'distance')?.value;
  const lines = attributes.map(({ name, value }) => `attribute ${name}${value === undefined ? '' : `: ${value}`}`);
  return { metric: distance === undefined ? undefined : DISTANCES[distance.toLowerCase()], lines };
}

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
 * SRC_UNREADABLE for what is no readable HDF5 file; a dataset that a run would refuse is described all the same.
 */
export async function inspectHdf5(path: string): Promise<SourceInfo> {
  const file = await openFile(resolve(path));
  try {
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
