import type { Hdf5File } from './file.js';
import type { Metadata } from './wasm.js';

/** An attribute, with its value where that is a short number or text. */
export interface Attribute {
  readonly name: string;
  readonly value: string | undefined;
}

const MAX_ATTRIBUTE_BYTES = 4096;
const MAX_ATTRIBUTES = 64;

function textAt(heap: Uint8Array, from: number, limit: number): string {
  const end = heap.indexOf(0, from);
  return new TextDecoder().decode(heap.subarray(from, Math.min(end < 0 ? heap.length : end, from + limit)));
}

function format(heap: Uint8Array, pointer: number, metadata: Metadata, count: number): string | undefined {
  const view = new DataView(heap.buffer, pointer, metadata.size * count);
  const { size, signed } = metadata;
  const one = (i: number): string | undefined => {
    const at = i * size;
    if (metadata.type === 3) {
      if (!metadata.vlen) return textAt(heap, pointer + at, size);
      const from = view.getUint32(i * 4, true);
      return from === 0 ? '' : textAt(heap, from, MAX_ATTRIBUTE_BYTES);
    }
    if (metadata.type === 1 && size === 4) return String(view.getFloat32(at, true));
    if (metadata.type === 1 && size === 8) return String(view.getFloat64(at, true));
    if (metadata.type === 0 && size === 8)
      return String(signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
    if (metadata.type === 0 && size === 4) return String(signed ? view.getInt32(at, true) : view.getUint32(at, true));
    if (metadata.type === 0 && size === 2) return String(signed ? view.getInt16(at, true) : view.getUint16(at, true));
    if (metadata.type === 0 && size === 1) return String(signed ? view.getInt8(at) : view.getUint8(at));
    return undefined;
  };
  const values = Array.from({ length: count }, (_, i) => one(i));
  return values.some((value) => value === undefined) ? undefined : values.join(', ');
}

function readAttribute(file: Hdf5File, path: string, name: string): string | undefined {
  const { library, id } = file;
  const { module } = library;
  const described = library.attempt(() => module.get_attribute_metadata(id, path, name));
  if (!described.ok || described.value.shape === null) return undefined;
  const metadata = described.value;
  const count = described.value.shape.reduce((product, n) => product * n, 1);
  const bytes = count * metadata.size;
  if (count === 0 || count > 16 || bytes > MAX_ATTRIBUTE_BYTES || ![0, 1, 3].includes(metadata.type)) return undefined;
  const block = library.allocate(bytes, `attribute "${name}"`);
  try {
    module.HEAPU8.fill(0, block.pointer, block.pointer + bytes);
    const read = library.attempt(
      () => module.get_attribute_data(id, path, name, BigInt(block.pointer)),
      (code) => code < 0,
    );
    if (!read.ok) return undefined;
    const value = format(module.HEAPU8, block.pointer, metadata, count);
    if (metadata.vlen) library.attempt(() => module.reclaim_vlen_memory(id, path, name, BigInt(block.pointer)));
    return value;
  } finally {
    block.free();
  }
}

/** The attributes of a group or dataset, as text. Attributes that cannot be read have no value; nothing is thrown. */
export function readAttributes(file: Hdf5File, path: string): Attribute[] {
  const names = file.library.attempt((module) => module.get_attribute_names(file.id, path));
  if (!names.ok) return [];
  return names.value.slice(0, MAX_ATTRIBUTES).map((name) => ({ name, value: readAttribute(file, path, name) }));
}
