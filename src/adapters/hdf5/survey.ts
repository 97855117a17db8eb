import { MilvusdmError } from '../../util/errors.js';
import { readAttributes } from './attributes.js';
import { type Dataset, describeDataset, filterName, formatShape } from './dataset.js';
import type { Hdf5File } from './file.js';

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
export function survey(file: Hdf5File): { datasets: Dataset[]; lines: string[] } {
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
export function rootFacts(file: Hdf5File): { metric: string | undefined; lines: string[] } {
  const attributes = readAttributes(file, '/');
  const distance = attributes.find((attribute) => attribute.name === 'distance')?.value;
  const lines = attributes.map(({ name, value }) => `attribute ${name}${value === undefined ? '' : `: ${value}`}`);
  return { metric: distance === undefined ? undefined : DISTANCES[distance.toLowerCase()], lines };
}
