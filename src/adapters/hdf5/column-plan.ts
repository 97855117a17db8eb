import { type FieldSpec, vectorBytes } from '../../batch/fields.js';
import type { Hdf5Source } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import { type Dataset, formatShape } from './dataset.js';
import { type Decode, decodeBool, decodeSame, decodeToFloat32, decodeToInt64, decodeWider } from './decode.js';
import type { ElementType } from './element.js';
import type { Hdf5File } from './file.js';

/** Milvus takes no longer VARCHAR. */
export const MAX_TEXT_BYTES = 65535;
/** How one dataset becomes one field. */
export interface ColumnPlan {
  readonly dataset: Dataset;
  readonly field: FieldSpec;
  /** Elements of the dataset per row: its columns for vectors, else 1. */
  readonly width: number;
  /** Bytes of a row on the library's heap. */
  readonly heapRowBytes: number;
  /** Bytes of a row in a batch: exact, an upper bound for fixed text, 0 for variable-length text. */
  readonly batchRowBytes: number;
  /** Absent for text. */
  readonly decode?: Decode;
}

/** Whether floats are narrowed, or integers beyond 2^24 rounded, on the way to float32. */
export function vectorWarning(name: string, element: ElementType): string | undefined {
  const what = `dataset "${name}" is ${element.label}`;
  switch (element.label) {
    case 'float32':
      return undefined;
    case 'float64':
      return `${what}: narrowed to float32, rounded to nearest; values beyond 3.4e38 become infinite`;
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      return `${what}: stored as float32, not exact beyond 2^24 (16,777,216)`;
    default:
      return `${what}: stored as float32, every value exact`;
  }
}

/** Plan of the vectors: uint8 is packed binary unless `vector_type` says otherwise, all other numbers become float32. */
export function vectorPlan(file: Hdf5File, dataset: Dataset, source: Hdf5Source, field: string): ColumnPlan {
  const { element, shape = [] } = dataset;
  const where = `dataset "${dataset.name}" of ${file.path}`;
  if (element.kind !== 'number') {
    throw fail('SRC_UNSUPPORTED', `${where} is of type ${element.label}; vectors are numbers`, {
      hint: 'Name a numeric dataset with `dataset`.',
    });
  }
  if (shape.length !== 2) {
    throw fail('SRC_UNSUPPORTED', `${where} is ${formatShape(shape)}; vectors are rows x dimension`);
  }
  const columns = shape[1] ?? 0;
  if (columns === 0) throw fail('SRC_UNSUPPORTED', `${where} is ${formatShape(shape)}: its vectors have no dimension`);
  if (source.vectorType === 'BINARY_VECTOR' && element.name !== 'uint8') {
    throw fail(
      'CFG_CONFLICT',
      `vector_type is BINARY_VECTOR, but ${where} is ${element.label}; binary is packed uint8`,
    );
  }
  const binary = element.name === 'uint8' && source.vectorType !== 'FLOAT_VECTOR';
  const type = binary ? 'BINARY_VECTOR' : 'FLOAT_VECTOR';
  const dim = binary ? columns * 8 : columns;
  return {
    dataset,
    field: { name: field, type, dim },
    width: columns,
    heapRowBytes: columns * element.bytes,
    batchRowBytes: vectorBytes(type, dim) ?? 0,
    decode: binary ? decodeSame : decodeToFloat32(element.name),
  };
}

function textPlan(dataset: Dataset, name: string): ColumnPlan {
  const { element } = dataset;
  const fixed = element.kind === 'text';
  const maxLength = fixed ? Math.min(element.bytes, MAX_TEXT_BYTES) : MAX_TEXT_BYTES;
  return {
    dataset,
    field: { name, type: 'VARCHAR', maxLength },
    width: 1,
    heapRowBytes: element.bytes,
    batchRowBytes: fixed ? element.bytes : 0,
  };
}

/** Plan of the primary key: any integer as INT64, text as VARCHAR. Floats are refused. */
export function keyPlan(file: Hdf5File, dataset: Dataset, field: string): ColumnPlan {
  const { element } = dataset;
  if (element.kind === 'text' || element.kind === 'vlen-text') {
    const plan = textPlan(dataset, field);
    return { ...plan, field: { ...plan.field, primaryKey: true } };
  }
  const decode = element.kind === 'number' ? decodeToInt64(element.name) : undefined;
  if (!decode) {
    throw fail(
      'SRC_UNSUPPORTED',
      `dataset "${dataset.name}" of ${file.path} is of type ${element.label}; ids are integers or strings`,
      { hint: 'Name another dataset with `ids_dataset`.' },
    );
  }
  const spec: FieldSpec = { name: field, type: 'INT64', primaryKey: true };
  return { dataset, field: spec, width: 1, heapRowBytes: element.bytes, batchRowBytes: 8, decode };
}

/** Plan of a further column: the smallest Milvus type that holds every value. */
export function scalarPlan(file: Hdf5File, dataset: Dataset, field: string): ColumnPlan {
  const { element } = dataset;
  if (element.kind === 'text' || element.kind === 'vlen-text') return textPlan(dataset, field);
  const plan = (type: FieldSpec['type'], batchRowBytes: number, decode: Decode): ColumnPlan => {
    return { dataset, field: { name: field, type }, width: 1, heapRowBytes: element.bytes, batchRowBytes, decode };
  };
  if (element.kind === 'bool') return plan('BOOL', 1, decodeBool);
  if (element.kind === 'number') {
    switch (element.name) {
      case 'int8':
        return plan('INT8', 1, decodeSame);
      case 'int16':
        return plan('INT16', 2, decodeSame);
      case 'int32':
        return plan('INT32', 4, decodeSame);
      case 'uint8':
        return plan('INT16', 2, decodeWider('uint8'));
      case 'uint16':
        return plan('INT32', 4, decodeWider('uint16'));
      case 'float64':
        return plan('DOUBLE', 8, decodeSame);
      case 'int64':
      case 'uint32':
      case 'uint64':
        return plan('INT64', 8, decodeToInt64(element.name)!);
      default:
        return plan('FLOAT', 4, decodeToFloat32(element.name));
    }
  }
  throw fail(
    'SRC_UNSUPPORTED',
    `dataset "${dataset.name}" of ${file.path} is of type ${element.label}, which no field can hold`,
    { hint: 'Leave it out of `columns`.' },
  );
}
