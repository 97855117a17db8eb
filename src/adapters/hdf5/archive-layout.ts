import { type FieldSpec, vectorBytes } from '../../batch/fields.js';
import { fail } from '../../util/errors.js';
import type { NumberName } from './element.js';

/** Dataset of the archive's schema, as JSON; an attribute could hold no more than 64 KB. */
export const SCHEMA_DATASET = 'milvusdm_schema';

/** How a field lies in an archive. */
export type Layout =
  /** One value or one vector a row. */
  | 'values'
  /** Bytes of all rows, and where each begins. */
  | 'text'
  /** Elements of all rows, and where each row begins. */
  | 'list'
  /** Bytes of all elements, where each begins, and where each row begins among the elements. */
  | 'text-list';

/** The datasets of one field. Offsets have one entry more than there are rows (or elements), and begin with 0. */
export interface FieldDatasets {
  readonly values: string;
  /** Per row: where it begins, in bytes of text or in elements of an array. */
  readonly offsets?: string;
  /** Per element of an array of text: where it begins, in bytes. */
  readonly itemOffsets?: string;
  /** Per row: 1 = it has a value, 0 = null. */
  readonly valid?: string;
}

export interface ArchivedField {
  readonly spec: FieldSpec;
  readonly datasets: FieldDatasets;
}

/** Type of the elements of a dataset, and its columns where it has two dimensions. */
export interface Shape {
  readonly element: NumberName;
  readonly width?: number;
}

const SCALARS = {
  BOOL: 'uint8',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FLOAT: 'float32',
  DOUBLE: 'float64',
} as const;

function scalarElement(type: string | undefined): NumberName {
  return SCALARS[type as keyof typeof SCALARS] ?? 'uint8';
}

/** Element type of arrays that name none, as the batches have it. */
function elementType(spec: FieldSpec): string {
  return spec.elementType ?? 'INT64';
}

/** Layout of a field. */
export function layoutOf(spec: FieldSpec): Layout {
  switch (spec.type) {
    case 'VARCHAR':
    case 'JSON':
    case 'SPARSE_FLOAT_VECTOR':
      return 'text';
    case 'ARRAY':
      return elementType(spec) === 'VARCHAR' ? 'text-list' : 'list';
    default:
      return 'values';
  }
}

/** Element type and columns of a field's `values` dataset. */
export function valuesShape(spec: FieldSpec): Shape {
  switch (spec.type) {
    case 'FLOAT_VECTOR':
      return { element: 'float32', width: spec.dim ?? 0 };
    case 'INT8_VECTOR':
      return { element: 'int8', width: spec.dim ?? 0 };
    case 'BINARY_VECTOR':
    case 'FLOAT16_VECTOR':
    case 'BFLOAT16_VECTOR':
      return { element: 'uint8', width: vectorBytes(spec.type, spec.dim ?? 0) ?? 0 };
    case 'ARRAY':
      return { element: scalarElement(elementType(spec)) };
    default:
      return { element: scalarElement(spec.type) };
  }
}

/** Bytes of one element of a number type. */
export function elementBytes(element: NumberName): number {
  return Number(/\d+$/.exec(element)![0]) / 8;
}

const SUFFIXES = ['__offsets', '__item_offsets', '__valid'] as const;
const LONGEST_NAME = 200;

/** A name that HDF5 takes within a group: no slash, no NUL, not "." and not too long. */
function cleanName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL ends a name in HDF5
  const clean = name.replace(/[/\u0000]/g, '_').replace(/^\.+$/, '_');
  return clean === '' ? '_' : [...clean].slice(0, LONGEST_NAME).join('');
}

/** Whether the vectors may be called `embeddings`: older readers take them as float or packed binary, or as integers. */
function isPlainVector(spec: FieldSpec): boolean {
  return spec.type === 'FLOAT_VECTOR' || spec.type === 'BINARY_VECTOR' || spec.type === 'INT8_VECTOR';
}

function datasetsOf(spec: FieldSpec, base: string): FieldDatasets {
  const layout = layoutOf(spec);
  return {
    values: base,
    ...(layout === 'values' ? {} : { offsets: `${base}__offsets` }),
    ...(layout === 'text-list' ? { itemOffsets: `${base}__item_offsets` } : {}),
    ...(spec.nullable ? { valid: `${base}__valid` } : {}),
  };
}

/**
 * Names of the datasets of every field: `ids` for the key, `embeddings` for the named vector field where that is float,
 * binary or int8, for all others the field's own name, changed where HDF5 cannot have it or another field does.
 * Throws INTERNAL for a key or a vector field that the schema does not have.
 */
export function planDatasets(specs: readonly FieldSpec[], keyName: string, vectorName: string): ArchivedField[] {
  for (const name of [keyName, vectorName]) {
    if (!specs.some((spec) => spec.name === name)) throw fail('INTERNAL', `an archive without its field "${name}"`);
  }
  const taken = new Set([SCHEMA_DATASET]);
  const free = (base: string): boolean => ['', ...SUFFIXES].every((suffix) => !taken.has(base + suffix));
  const claim = (base: string): void => {
    for (const suffix of ['', ...SUFFIXES]) taken.add(base + suffix);
  };
  const fixed = (spec: FieldSpec): string | undefined => {
    if (spec.name === keyName) return 'ids';
    return spec.name === vectorName && isPlainVector(spec) ? 'embeddings' : undefined;
  };
  // Reserved also where they are not used: another field must not pass for ids or vectors.
  for (const name of ['ids', 'embeddings']) claim(name);
  return specs.map((spec) => {
    let base = fixed(spec);
    if (base === undefined) {
      const clean = cleanName(spec.name);
      base = clean;
      for (let n = 1; !free(base); n++) base = `${clean}_${n}`;
      claim(base);
    }
    return { spec, datasets: datasetsOf(spec, base) };
  });
}
