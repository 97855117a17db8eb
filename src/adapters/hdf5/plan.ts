import type { FieldSpec } from '../../batch/fields.js';
import type { Hdf5Source } from '../../config/types.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { type ColumnPlan, keyPlan, scalarPlan, vectorPlan, vectorWarning } from './column-plan.js';
import { checkColumnShape, checkReadable, type Dataset, describeDataset, elementsOf } from './dataset.js';
import type { Hdf5File } from './file.js';

/** Variable-length texts are not counted before they are read. */
const ASSUMED_TEXT_BYTES = 16;

/** Everything of one file that a run needs. */
export interface FilePlan {
  readonly rows: number;
  readonly columns: readonly ColumnPlan[];
  /** Bytes of all values as they will be batched. */
  readonly bytes: number;
  /** Without the path, so that equal warnings of many files can be told once. */
  readonly warnings: readonly string[];
}

/** Names that the fields get. */
export interface FieldNames {
  readonly idField: string;
  readonly vectorField: string;
}

function datasetPath(name: string): string {
  return `/${name.split('/').filter(Boolean).join('/')}`;
}

function listDatasets(file: Hdf5File): string {
  const names = file.names('/').filter((name) => file.kind(`/${name}`) === 'dataset');
  if (names.length === 0) return 'it has no datasets at its root';
  const shown = names.slice(0, 20).map((name) => `"${name}"`);
  return `it has ${shown.join(', ')}${names.length > 20 ? ` and ${names.length - 20} more` : ''}`;
}

/** Opens a dataset by its name; undefined where the file has none of that name. */
export function findDataset(file: Hdf5File, name: string): Dataset | undefined {
  const path = datasetPath(name);
  const kind = file.kind(path);
  if (kind === 'dataset') return { ...describeDataset(file, path), name };
  if (kind === 'none') return undefined;
  const where = `"${name}" of ${file.path}`;
  if (kind === 'external' || kind === 'broken') {
    throw fail('SRC_UNSUPPORTED', `${where} is a link that leads out of the file or nowhere, which is not followed`, {
      hint: 'Name the file that holds the data.',
    });
  }
  throw fail('SRC_UNSUPPORTED', `${where} is a ${kind}, not a dataset`);
}

function missing(file: Hdf5File, name: string, key: string): MilvusdmError {
  return fail('SRC_UNREADABLE', `${file.path} has no dataset "${name}": ${listDatasets(file)}`, {
    hint: `Name the dataset to use with \`${key}\`.`,
  });
}

/** Finds, checks and plans a dataset that has one value for each of `rows` rows. */
function besideVectors(
  file: Hdf5File,
  dataset: Dataset,
  rows: number,
  vectors: string,
  plan: (dataset: Dataset) => ColumnPlan,
): ColumnPlan {
  checkColumnShape(file, dataset, rows, vectors);
  const planned = plan(dataset);
  checkReadable(file, dataset);
  return planned;
}

/** Where a single chunk must be decompressed whole into a lot of memory. */
function chunkWarning(dataset: Dataset): string | undefined {
  if (!dataset.chunks || dataset.filters.length === 0) return undefined;
  const bytes = elementsOf(dataset.chunks) * dataset.element.bytes;
  if (bytes <= 64 << 20) return undefined;
  return `dataset "${dataset.name}" has chunks of ${Math.round(bytes / 1048576)} MiB, each decompressed whole in memory`;
}

/**
 * Which datasets of an open file become which fields: key (where there is one), vector, further columns. Checks types,
 * shapes, filters and extents; reads no values. Throws SRC_* and CFG_CONFLICT errors.
 */
export function planFile(file: Hdf5File, source: Hdf5Source, names: FieldNames): FilePlan {
  const vectors = findDataset(file, source.dataset);
  if (!vectors) throw missing(file, source.dataset, 'dataset');
  const vector = vectorPlan(file, vectors, source, names.vectorField);
  checkReadable(file, vectors);
  const rows = vectors.shape?.[0] ?? 0;
  const columns: ColumnPlan[] = [];
  const ids = findDataset(file, source.idsDataset);
  if (ids) columns.push(besideVectors(file, ids, rows, vectors.name, (d) => keyPlan(file, d, names.idField)));
  else if (!source.idsOptional) throw missing(file, source.idsDataset, 'ids_dataset');
  columns.push(vector);
  for (const [name, field] of Object.entries(source.columns)) {
    const dataset = findDataset(file, name);
    if (!dataset) throw missing(file, name, 'columns');
    columns.push(besideVectors(file, dataset, rows, vectors.name, (d) => scalarPlan(file, d, field)));
  }
  checkFieldNames(file, columns);
  const rowBytes = columns.reduce(
    (sum, c) => sum + (c.decode ? c.batchRowBytes : c.batchRowBytes || ASSUMED_TEXT_BYTES),
    0,
  );
  const warnings = [
    vector.field.type === 'FLOAT_VECTOR' ? vectorWarning(vectors.name, vectors.element) : undefined,
    ...columns.map((column) => chunkWarning(column.dataset)),
  ].filter((warning) => warning !== undefined);
  return { rows, columns, bytes: rows * rowBytes, warnings };
}

function checkFieldNames(file: Hdf5File, columns: readonly ColumnPlan[]): void {
  const seen = new Map<string, string>();
  for (const { field, dataset } of columns) {
    const first = seen.get(field.name);
    if (first !== undefined) {
      throw fail(
        'CFG_CONFLICT',
        `datasets "${first}" and "${dataset.name}" would both become the field "${field.name}" (${file.path})`,
        { hint: 'Change `columns`, `id_field` or `vector_field`.' },
      );
    }
    seen.set(field.name, dataset.name);
  }
}

function kindOf(field: FieldSpec | undefined): string {
  if (!field) return 'none';
  return field.dim === undefined ? field.type : `${field.type} of dimension ${field.dim}`;
}

/**
 * Throws SRC_MISMATCH unless two files of one run give the same fields. Lengths of text may differ.
 */
export function checkSameFields(
  first: { readonly path: string; readonly fields: readonly FieldSpec[] },
  next: { readonly path: string; readonly fields: readonly FieldSpec[] },
): void {
  const key = (fields: readonly FieldSpec[]): FieldSpec | undefined => fields.find((field) => field.primaryKey);
  const [a, b] = [key(first.fields), key(next.fields)];
  const differ = (what: string, one: string, other: string): MilvusdmError =>
    fail('SRC_MISMATCH', `${what} differ: ${first.path} has ${one}, ${next.path} has ${other}`);
  if (kindOf(a) !== kindOf(b)) throw differ('the ids', kindOf(a), kindOf(b));
  for (const [i, field] of first.fields.entries()) {
    const other = next.fields[i];
    if (kindOf(field) === kindOf(other)) continue;
    throw differ(`the values of "${field.name}"`, kindOf(field), kindOf(other));
  }
}

/** The fields of a run over several files: text is as long as its longest. */
export function mergeFields(files: readonly { readonly fields: readonly FieldSpec[] }[]): FieldSpec[] {
  return files[0]!.fields.map((field, i) => {
    if (field.maxLength === undefined) return field;
    return { ...field, maxLength: Math.max(...files.map((file) => file.fields[i]?.maxLength ?? 0)) };
  });
}
