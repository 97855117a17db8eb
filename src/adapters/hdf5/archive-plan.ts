import { type FieldSpec, isVector } from '../../batch/fields.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import {
  type ArchivedField,
  elementBytes,
  type Layout,
  layoutOf,
  SCHEMA_DATASET,
  type Shape,
  valuesShape,
} from './archive-layout.js';
import { parseSchema } from './archive-schema.js';
import type { ColumnPlan } from './column-plan.js';
import { checkReadable, type Dataset, describeDataset, formatShape } from './dataset.js';
import { decodeSame } from './decode.js';
import type { Hdf5File } from './file.js';

/** How one field of an archive is read. */
export interface ArchiveColumn {
  readonly field: FieldSpec;
  readonly layout: Layout;
  readonly values: ColumnPlan;
  readonly offsets?: ColumnPlan;
  readonly itemOffsets?: ColumnPlan;
  readonly valid?: ColumnPlan;
}

/** An archive that is ready to be read. */
export interface ArchivePlan {
  readonly rows: number;
  readonly columns: readonly ArchiveColumn[];
  /** Bytes of all values as they will be batched. */
  readonly bytes: number;
  readonly meta: Readonly<Record<string, unknown>>;
}

const MAX_SCHEMA_BYTES = 64 << 20;

function openDataset(file: Hdf5File, name: string): Dataset {
  const path = `/${name}`;
  if (name.includes('/') || file.kind(path) !== 'dataset') {
    throw fail('SRC_CORRUPT', `the archive ${file.path} has no dataset "${name}", which its schema names`);
  }
  const dataset = describeDataset(file, path);
  checkReadable(file, dataset);
  return dataset;
}

/** Plan of one dataset of an archive, whose type and columns the schema says; `rows` where it says them too. */
function planDataset(file: Hdf5File, name: string, shape: Shape, field: FieldSpec, rows?: number): ColumnPlan {
  const dataset = openDataset(file, name);
  const [have = 0, width] = dataset.shape ?? [];
  const rank = shape.width === undefined ? 1 : 2;
  const { element } = dataset;
  const same = element.kind === 'number' && element.name === shape.element;
  if (!same || dataset.shape?.length !== rank || width !== shape.width || (rows !== undefined && have !== rows)) {
    const need = [rows === undefined ? 'n' : formatCount(rows), ...(shape.width === undefined ? [] : [shape.width])];
    throw fail(
      'SRC_CORRUPT',
      `dataset "${name}" of the archive ${file.path} does not fit its schema: need ${need.join(' x ')} ${shape.element}, ` +
        `have ${formatShape(dataset.shape)} ${element.label}`,
    );
  }
  const columns = shape.width ?? 1;
  const rowBytes = columns * elementBytes(shape.element);
  return { dataset, field, width: columns, heapRowBytes: rowBytes, batchRowBytes: rowBytes, decode: decodeSame };
}

function planColumn(file: Hdf5File, { spec, datasets }: ArchivedField, rows: number): ArchiveColumn {
  const layout = layoutOf(spec);
  const own = layout === 'values' ? rows : undefined;
  const values = planDataset(file, datasets.values, valuesShape(spec), spec, own);
  const starts = (name: string | undefined, count?: number): ColumnPlan | undefined =>
    name === undefined ? undefined : planDataset(file, name, { element: 'int64' }, spec, count);
  const offsets = layout === 'values' ? undefined : starts(datasets.offsets, rows + 1);
  const itemOffsets = layout === 'text-list' ? starts(datasets.itemOffsets) : undefined;
  const valid =
    datasets.valid === undefined ? undefined : planDataset(file, datasets.valid, { element: 'uint8' }, spec, rows);
  return {
    field: spec,
    layout,
    values,
    ...(offsets ? { offsets } : {}),
    ...(itemOffsets ? { itemOffsets } : {}),
    ...(valid ? { valid } : {}),
  };
}

function readSchema(file: Hdf5File): Uint8Array {
  const dataset = openDataset(file, SCHEMA_DATASET);
  const [bytes = 0] = dataset.shape ?? [];
  if (dataset.element.label !== 'uint8' || dataset.shape?.length !== 1 || bytes === 0 || bytes > MAX_SCHEMA_BYTES) {
    throw fail('SRC_CORRUPT', `dataset "${SCHEMA_DATASET}" of ${file.path} is no schema of milvusdm`, {
      hint: 'If the file is no archive of milvusdm, name its datasets with `dataset` and `columns`.',
    });
  }
  const block = file.library.allocate(bytes, `reading the schema of ${file.path}`);
  try {
    file.read(dataset.path, [0], [bytes], block.pointer);
    return file.library.module.HEAPU8.slice(block.pointer, block.pointer + bytes);
  } finally {
    block.free();
  }
}

/** Bytes of the values of a column, for the plan. */
function valueBytes({ values }: ArchiveColumn): number {
  return (values.dataset.shape?.[0] ?? 0) * values.heapRowBytes;
}

/**
 * The plan of an open file that is an archive of milvusdm; undefined for any other. Reads the schema and the headers of
 * the datasets. Throws SRC_CORRUPT, SRC_TRUNCATED or SRC_UNSUPPORTED.
 */
export function planArchive(file: Hdf5File): ArchivePlan | undefined {
  if (file.kind(`/${SCHEMA_DATASET}`) !== 'dataset') return undefined;
  const schema = parseSchema(readSchema(file), file.path);
  const columns = schema.fields.map((field) => planColumn(file, field, schema.rows));
  const bytes = columns.reduce((sum, column) => sum + valueBytes(column), 0);
  return { rows: schema.rows, columns, bytes, meta: schema.meta };
}

function describeField(field: FieldSpec): string {
  const of = field.elementType === undefined ? '' : ` of ${field.elementType}`;
  const dim = field.dim === undefined ? '' : ` of dimension ${field.dim}`;
  return `${field.type}${of}${dim}${field.primaryKey ? ', the key' : ''}${field.dynamic ? ', dynamic' : ''}`;
}

/** Throws SRC_MISMATCH unless two archives of one run have the same fields. Lengths and nulls may differ. */
export function checkSameArchives(
  first: { readonly path: string; readonly fields: readonly FieldSpec[] },
  next: { readonly path: string; readonly fields: readonly FieldSpec[] },
): void {
  for (const [a, b] of [
    [first, next],
    [next, first],
  ] as const) {
    for (const field of a.fields) {
      const other = b.fields.find(({ name }) => name === field.name);
      const have = other ? describeField(other) : 'no such field';
      if (have === describeField(field)) continue;
      throw fail(
        'SRC_MISMATCH',
        `the field "${field.name}" differs: ${a.path} has ${describeField(field)}, ${b.path} has ${have}`,
      );
    }
  }
}

/** The fields of a run over several archives: each as long as its longest, and nullable where any is. */
export function mergeArchiveFields(files: readonly { readonly fields: readonly FieldSpec[] }[]): FieldSpec[] {
  return files[0]!.fields.map((field) => {
    const all = files.map((file) => file.fields.find(({ name }) => name === field.name) ?? field);
    const largest = (of: (spec: FieldSpec) => number | undefined): number => Math.max(...all.map((f) => of(f) ?? 0));
    return {
      ...field,
      ...(field.maxLength === undefined ? {} : { maxLength: largest((f) => f.maxLength) }),
      ...(field.maxCapacity === undefined ? {} : { maxCapacity: largest((f) => f.maxCapacity) }),
      ...(all.some((f) => f.nullable) ? { nullable: true } : {}),
    };
  });
}

/** The vector field that a user would call the vectors of an archive: that in `embeddings`, else the first. */
export function mainVector(plan: ArchivePlan): FieldSpec | undefined {
  const vectors = plan.columns.filter((column) => isVector(column.field.type));
  return (vectors.find((column) => column.values.dataset.name === 'embeddings') ?? vectors[0])?.field;
}
