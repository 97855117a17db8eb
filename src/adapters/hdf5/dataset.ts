import { formatCount, plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { type ElementType, elementType } from './element.js';
import type { Hdf5File } from './file.js';
import type { ObjectHeader } from './object-header.js';
import type { Filter } from './wasm.js';

/** A dataset as its header describes it. */
export interface Dataset {
  /** As the user named it. */
  readonly name: string;
  /** Absolute within the file. */
  readonly path: string;
  /** Undefined for a dataset without a dataspace. */
  readonly shape: readonly number[] | undefined;
  readonly element: ElementType;
  readonly chunks: readonly number[] | undefined;
  readonly filters: readonly Filter[];
  readonly header: ObjectHeader | undefined;
  readonly virtual: boolean;
}

/** Filters that are compiled into the library. */
const BUILT_IN = new Map([
  [1, 'gzip'],
  [2, 'shuffle'],
  [3, 'fletcher32'],
  [4, 'szip'],
  [5, 'nbit'],
  [6, 'scaleoffset'],
]);

/** Registered filters that are met in practice, by their number in the HDF Group's registry. */
const REGISTERED = new Map([
  [305, 'lzo'],
  [307, 'bzip2'],
  [32000, 'lzf'],
  [32001, 'blosc'],
  [32004, 'lz4'],
  [32008, 'bitshuffle'],
  [32013, 'zfp'],
  [32015, 'zstd'],
  [32017, 'sz'],
  [32019, 'jpeg'],
  [32022, 'bitgroom'],
  [32024, 'sz3'],
  [32026, 'blosc2'],
]);

/** Deflate cannot do better than 1032:1, so a declared size beyond this is not what was written. */
const MAX_RATIO = 1000;

/** Display name of a filter. */
export function filterName(filter: Filter): string {
  const name = BUILT_IN.get(filter.id) ?? REGISTERED.get(filter.id) ?? (filter.name || 'unknown');
  return filter.id === 1 && filter.cd_values[0] !== undefined ? `${name} ${filter.cd_values[0]}` : name;
}

/** "300 x 16". */
export function formatShape(shape: readonly number[] | undefined): string {
  if (shape === undefined) return 'no dataspace';
  return shape.length === 0 ? 'scalar' : shape.map(formatCount).join(' x ');
}

/** Reads the description of the dataset at an absolute path that is known to be one. Throws SRC_CORRUPT. */
export function describeDataset(file: Hdf5File, path: string): Dataset {
  const metadata = file.metadata(path);
  const header = file.header(path);
  return {
    name: path.replace(/^\/+/, ''),
    path,
    shape: metadata.shape ?? undefined,
    element: elementType(metadata, header?.number),
    chunks: metadata.chunks ?? undefined,
    filters: file.filters(path),
    header,
    virtual: (metadata.virtual_sources?.length ?? 0) > 0 || header?.layout === 'virtual',
  };
}

/** Number of elements of a shape. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Whether all bytes that the shape declares can be in the file; a small file may claim any shape. */
function checkExtent(file: Hdf5File, dataset: Dataset): void {
  const shape = dataset.shape ?? [];
  const bytes = elementsOf(shape) * dataset.element.bytes;
  const where = `dataset "${dataset.name}" of ${file.path}`;
  const claim = `${where} declares ${formatShape(shape)} ${dataset.element.label}`;
  if (bytes === 0) return;
  if (!Number.isSafeInteger(bytes)) throw fail('SRC_CORRUPT', `${claim}, more than any file holds`);
  if (dataset.header && !dataset.header.allocated) {
    throw fail('SRC_CORRUPT', `${claim}, but nothing was ever written to it`);
  }
  const { data } = dataset.header ?? {};
  const { size } = file.state;
  if (data && data.bytes < bytes && dataset.element.kind !== 'vlen-text') {
    throw fail('SRC_CORRUPT', `${claim}, ${formatCount(bytes)} bytes, but stores ${formatCount(data.bytes)}`);
  }
  if (data && data.offset + data.bytes > size) {
    const need = formatCount(data.offset + data.bytes);
    throw fail('SRC_TRUNCATED', `${where} ends at byte ${need}, the file has ${formatCount(size)}`);
  }
  const ratio = dataset.filters.length > 0 ? MAX_RATIO : 1;
  if (bytes > size * ratio) {
    const times = ratio === 1 ? '' : `, more than ${MAX_RATIO} times`;
    throw fail('SRC_CORRUPT', `${claim}, ${formatCount(bytes)} bytes${times}, the file has ${formatCount(size)}`);
  }
}

/**
 * Throws unless the dataset can be read from this file alone: SRC_UNSUPPORTED for virtual and external storage and for
 * filters that are not built in, SRC_CORRUPT or SRC_TRUNCATED where the file cannot hold what is declared.
 */
export function checkReadable(file: Hdf5File, dataset: Dataset): void {
  const where = `dataset "${dataset.name}" of ${file.path}`;
  const oneFile = { hint: 'Copy the data into one file (`h5repack`, or h5py), and migrate that.' };
  if (dataset.virtual) throw fail('SRC_UNSUPPORTED', `${where} is virtual: its data lie in other files`, oneFile);
  if (dataset.header?.external) {
    throw fail('SRC_UNSUPPORTED', `${where} keeps its data in external files, which are not followed`, oneFile);
  }
  const missing = dataset.filters.filter((filter) => !BUILT_IN.has(filter.id));
  if (missing.length > 0) {
    const names = missing.map((filter) => `${filterName(filter)} (filter ${filter.id})`).join(', ');
    throw fail('SRC_UNSUPPORTED', `${where} is compressed with ${names}, which is not built in`, {
      hint: 'Write it again with gzip or without a filter: `h5repack -f GZIP=4 OLD NEW`.',
    });
  }
  if (dataset.shape === undefined) throw fail('SRC_UNSUPPORTED', `${where} has no dataspace: it holds no values`);
  checkExtent(file, dataset);
}

/** A dataset that must have `rows` values in one dimension (n, or n x 1). Throws SRC_UNSUPPORTED or SRC_MISMATCH. */
export function checkColumnShape(file: Hdf5File, dataset: Dataset, rows: number, against: string): void {
  const shape = dataset.shape ?? [];
  const flat = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  const where = `dataset "${dataset.name}" of ${file.path}`;
  if (!flat) throw fail('SRC_UNSUPPORTED', `${where} is ${formatShape(shape)}; one value a row is needed`);
  if (shape[0] !== rows) {
    throw fail(
      'SRC_MISMATCH',
      `${where} has ${plural(shape[0] ?? 0, 'row')}, dataset "${against}" has ${formatCount(rows)}`,
      { hint: 'They belong together row by row: write the file again with equal lengths.' },
    );
  }
}
