import { count } from '../batch/described.js';
import type { RowRange } from '../util/row-ranges.js';
import { decodeDocument, encodeDocument, type LogicalPart, listOf, parsePart } from './logical.js';

/** What stands beside a complete Arrow file until its collection is complete. */
export interface PartNote {
  readonly part: LogicalPart;
  /** The rows in it, by the split that they were read from. */
  readonly rows: ReadonlyMap<string, readonly RowRange[]>;
}

export function encodePartNote({ part, rows }: PartNote): Uint8Array {
  const pairs = [...rows].map(([split, ranges]) => [split, ranges.map(({ from, to }) => [from, to])]);
  return encodeDocument({ part, rows: pairs });
}

/** Throws SRC_CORRUPT, and SRC_UNSUPPORTED for one of a later version; `where` is for messages. */
export function decodePartNote(bytes: Uint8Array, where: string): PartNote {
  const { document, damaged } = decodeDocument(bytes, where);
  const odd = () => damaged('does not say which rows are in its file');
  const range = (pair: unknown): RowRange => {
    const [from, to] = Array.isArray(pair) ? [count(pair[0]), count(pair[1])] : [];
    if (from === undefined || to === undefined || from >= to) throw odd();
    return { from, to };
  };
  const split = (pair: unknown): [string, RowRange[]] => {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string') throw odd();
    return [pair[0], listOf(pair[1], range, odd)];
  };
  return { part: parsePart(document.part, damaged), rows: new Map(listOf(document.rows, split, odd)) };
}
