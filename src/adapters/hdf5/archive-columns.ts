import { isList, isText, type RawColumn, type RawValues } from '../../batch/columns.js';
import { asBytes } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { type ArchivedField, type Shape, valuesShape } from './archive-layout.js';
import type { ArchiveStream } from './archive-stream.js';

/** Opens a stream of the archive by the name and the shape of its dataset. */
export type StreamOpener = (name: string, shape: Shape) => ArchiveStream;

/** Writes one column of the batches to its datasets. */
export interface ColumnWriter {
  append(column: RawColumn): void;
}

/** An offsets stream, which begins with 0. Takes the ends of rows as differences to where they began. */
function openOffsets(open: StreamOpener, name: string): (offsets: Int32Array, from: number, to: number) => void {
  const stream = open(name, { element: 'int64' });
  stream.append(new Uint8Array(8));
  let total = 0;
  return (offsets, from, to) => {
    const base = total - offsets[from]!;
    // In halves: a BigInt per row would cost ten times as much.
    const words = new Uint32Array((to - from) * 2);
    for (let i = from + 1, at = 0; i <= to; i++, at += 2) {
      const end = base + offsets[i]!;
      words[at] = end;
      words[at + 1] = end / 4294967296;
    }
    stream.append(asBytes(words));
    total = base + offsets[to]!;
  };
}

/** Elements from..to of an array's items, or text of rows from..to. */
type PartWriter = (values: RawValues, from: number, to: number) => void;

function flatWriter(open: StreamOpener, name: string, shape: Shape): PartWriter {
  const stream = open(name, shape);
  const width = shape.width ?? 1;
  return (values, from, to) => {
    if (isText(values) || isList(values)) throw fail('INTERNAL', `dataset "${name}" was given values of another kind`);
    const size = values.BYTES_PER_ELEMENT * width;
    stream.append(asBytes(values).subarray(from * size, to * size));
  };
}

function textWriter(open: StreamOpener, name: string, offsetsName: string): PartWriter {
  const bytes = open(name, { element: 'uint8' });
  const offsets = openOffsets(open, offsetsName);
  return (values, from, to) => {
    if (!isText(values)) throw fail('INTERNAL', `dataset "${name}" was given values of another kind`);
    bytes.append(values.bytes.subarray(values.offsets[from]!, values.offsets[to]!));
    offsets(values.offsets, from, to);
  };
}

function valuesWriter(open: StreamOpener, { spec, datasets }: ArchivedField): PartWriter {
  const { values, offsets, itemOffsets } = datasets;
  if (offsets === undefined) return flatWriter(open, values, valuesShape(spec));
  if (spec.type !== 'ARRAY') return textWriter(open, values, offsets);
  const items =
    itemOffsets === undefined ? flatWriter(open, values, valuesShape(spec)) : textWriter(open, values, itemOffsets);
  const rows = openOffsets(open, offsets);
  return (list, from, to) => {
    if (!isList(list)) throw fail('INTERNAL', `dataset "${values}" was given values of another kind`);
    items(list.items, list.offsets[from]!, list.offsets[to]!);
    rows(list.offsets, from, to);
  };
}

/** Opens the datasets of a field. */
export function openColumn(open: StreamOpener, field: ArchivedField): ColumnWriter {
  const write = valuesWriter(open, field);
  const { valid } = field.datasets;
  const present = valid === undefined ? undefined : open(valid, { element: 'uint8' });
  return {
    append(column) {
      if (column.valid && !present) {
        throw fail('INTERNAL', `the field "${field.spec.name}" has nulls, which its schema does not allow`);
      }
      write(column.values, 0, column.rows);
      present?.append(column.valid ?? new Uint8Array(column.rows).fill(1));
    },
  };
}
