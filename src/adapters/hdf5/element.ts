import type { NumberLayout } from './object-header.js';
import type { Metadata } from './wasm.js';

export type NumberName =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64';

/** How fixed-length text is filled up: HDF5 knows three ways. */
export type Padding = 'terminated' | 'zeros' | 'spaces';

/** Type of one element of a dataset. `label` is what the user sees. */
export type ElementType =
  | { readonly kind: 'number'; readonly name: NumberName; readonly bytes: number; readonly label: string }
  | { readonly kind: 'bool'; readonly bytes: 1; readonly label: string }
  | { readonly kind: 'text'; readonly bytes: number; readonly padding: Padding; readonly label: string }
  | { readonly kind: 'vlen-text'; readonly bytes: 4; readonly label: string }
  | { readonly kind: 'other'; readonly bytes: number; readonly label: string };

/** H5T_class_t, by number. */
const CLASS_NAMES = [
  'integer',
  'float',
  'time',
  'string',
  'bitfield',
  'opaque',
  'compound',
  'reference',
  'enum',
  'variable-length sequence',
  'array',
  'complex',
] as const;

const IEEE: Readonly<Record<number, readonly [number, number, number, number, number]>> = {
  2: [10, 5, 0, 10, 15],
  4: [23, 8, 0, 23, 127],
  8: [52, 11, 0, 52, 1023],
};
const BRAIN = [7, 8, 0, 7, 127] as const;

function hasLayout(n: NumberLayout, want: readonly number[]): boolean {
  const have = [n.exponentAt, n.exponentBits, n.mantissaAt, n.mantissaBits, n.bias];
  return n.bitOffset === 0 && n.precision === n.size * 8 && have.every((value, i) => value === want[i]);
}

function other(bytes: number, label: string): ElementType {
  return { kind: 'other', bytes, label };
}

function floatType(bytes: number, layout: NumberLayout | undefined): ElementType {
  const name = { 2: 'float16', 4: 'float32', 8: 'float64' }[bytes] as NumberName | undefined;
  if (name === undefined) return other(bytes, `float of ${bytes * 8} bits`);
  if (layout && bytes === 2 && hasLayout(layout, BRAIN)) {
    return { kind: 'number', name: 'bfloat16', bytes, label: 'bfloat16' };
  }
  // Two floats of 16 bits are in use: without the layout it would be a guess.
  const known = layout ? hasLayout(layout, IEEE[bytes]!) : bytes !== 2;
  return known ? { kind: 'number', name, bytes, label: name } : other(bytes, `non-IEEE float of ${bytes * 8} bits`);
}

function integerType(metadata: Metadata, layout: NumberLayout | undefined): ElementType {
  const { size: bytes, signed } = metadata;
  if (layout && (layout.bitOffset !== 0 || layout.precision !== bytes * 8)) {
    return other(bytes, `integer of ${layout.precision} bits in ${bytes} bytes`);
  }
  if (bytes !== 1 && bytes !== 2 && bytes !== 4 && bytes !== 8) return other(bytes, `integer of ${bytes * 8} bits`);
  const name = `${signed ? 'int' : 'uint'}${bytes * 8}` as NumberName;
  return { kind: 'number', name, bytes, label: name };
}

/** h5py stores booleans as an enumeration of one byte with exactly these members. */
function isBoolean(metadata: Metadata): boolean {
  const members = metadata.enum_type?.members ?? {};
  return metadata.size === 1 && Object.keys(members).length === 2 && members.FALSE === 0 && members.TRUE === 1;
}

/** The element type of a dataset. `layout` (from the object header) tells what h5wasm's description leaves open. */
export function elementType(metadata: Metadata, layout: NumberLayout | undefined): ElementType {
  const bytes = metadata.size;
  switch (CLASS_NAMES[metadata.type]) {
    case 'integer':
      return integerType(metadata, layout);
    case 'float':
      return floatType(bytes, layout);
    case 'string': {
      if (metadata.vlen) return { kind: 'vlen-text', bytes: 4, label: 'variable-length string' };
      const padding = (['terminated', 'zeros', 'spaces'] as const)[metadata.strpad ?? 0] ?? 'zeros';
      return { kind: 'text', bytes, padding, label: `string[${bytes}]` };
    }
    case 'enum':
      return isBoolean(metadata) ? { kind: 'bool', bytes: 1, label: 'bool' } : other(bytes, 'enum');
    default:
      return other(bytes, CLASS_NAMES[metadata.type] ?? `type class ${metadata.type}`);
  }
}
