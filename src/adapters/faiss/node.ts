import type { ByteCursor } from './byte-cursor.js';
import { type IndexHeader, readBinaryHeader, readHeader } from './header.js';
import type { RowLayout } from './layout.js';
import type { Unread } from './refused.js';
import type { StoredForm } from './stored-form.js';
import type { Transform } from './vector-transforms.js';

/** The rows of an index: where they lie and how their bytes become vectors. */
export interface StoredRows {
  readonly layout: RowLayout;
  readonly form: StoredForm;
  /** Dimension of the stored rows, before `transforms` are undone. */
  readonly storedDim: number;
  /** The quantizer whose centroid of a row's list is to be added, where only the difference to it is stored. */
  readonly residualOf?: IndexNode;
  /** What was done to the vectors before they were stored, in the order in which it was done. */
  readonly transforms: readonly Transform[];
  /** The rows are floats that stand for bits: 1 where a value is above 0. */
  readonly bits?: boolean;
}

/** An index as found in a file, with the indexes inside it. */
export interface IndexNode extends IndexHeader {
  /** e.g. "IVFFlat (IwFl)". */
  readonly label: string;
  readonly binary: boolean;
  /** Its rows. Where they cannot be read, or are no data but centroids, `unread` says why. */
  readonly stored?: StoredRows;
  readonly unread?: Unread;
  /** The labels from this index inwards to the one that holds the rows. */
  readonly chain: readonly string[];
  /** Facts of this index and of those inside, one line each. */
  readonly details: readonly string[];
  /** This index and those inside, one line each, indented by their depth. */
  readonly tree: readonly string[];
  readonly warnings: readonly string[];
}

/** What a decoder is told of the index that it decodes. */
export interface Context {
  readonly label: string;
  readonly fourcc: string;
  readonly binary: boolean;
  /** Decodes the index that stands next in the file; `binary` where it is of the other family. */
  nested(binary?: boolean): IndexNode;
  /** Keeps a header, so that a file can be described whose rest cannot be read. */
  note(head: IndexHeader): void;
}

/** Decodes an index of one kind, from behind its four characters to its last byte. */
export type Decoder = (cursor: ByteCursor, context: Context) => IndexNode;

/** Reads the header that most kinds begin with. `wrapper`: the code size of a binary index may be 0. */
export function readHead(cursor: ByteCursor, context: Context, wrapper = false): IndexHeader {
  const head = context.binary ? readBinaryHeader(cursor, wrapper) : readHeader(cursor);
  context.note(head);
  return head;
}

export function describeIndex(label: string, head: IndexHeader): string {
  return `${label}: ${head.rows} x ${head.dim}, ${head.metric}`;
}

/** Lines of an index inside another: its own line after what it is there for, the rest one step further in. */
export function branch(role: string, node: Pick<IndexNode, 'tree'>): string[] {
  return node.tree.map((line, i) => (i === 0 ? `  ${role}: ${line}` : `  ${line}`));
}

type Parts = Partial<Pick<IndexNode, 'stored' | 'unread' | 'details' | 'warnings'>> & {
  /** Lines of the tree below the index. */
  readonly below?: readonly string[];
};

/** An index that holds its rows itself. */
export function leaf(head: IndexHeader, context: Context, parts: Parts): IndexNode {
  const { below = [], details = [], warnings = [], stored, unread } = parts;
  return {
    ...head,
    label: context.label,
    binary: context.binary,
    chain: [context.label],
    tree: [describeIndex(context.label, head), ...below],
    details,
    warnings,
    ...(stored ? { stored } : {}),
    ...(unread ? { unread } : {}),
  };
}

/** An index whose rows are those of one inside it; `parts.stored` where they are not taken as they are. */
export function around(head: IndexHeader, context: Context, inner: IndexNode, parts: Parts = {}): IndexNode {
  const { below = branch('storage', inner), details = [], warnings = [] } = parts;
  const stored = inner.stored && (parts.stored ?? inner.stored);
  const unread = inner.unread ?? parts.unread;
  return {
    ...head,
    label: context.label,
    binary: context.binary,
    chain: [context.label, ...inner.chain],
    tree: [describeIndex(context.label, head), ...below],
    details: [...details, ...inner.details],
    warnings: [...warnings, ...inner.warnings],
    ...(stored && !unread ? { stored } : {}),
    ...(unread ? { unread } : {}),
  };
}

/** Throws SRC_CORRUPT where an index and the one that holds its rows differ in size. */
export function assertSame(cursor: ByteCursor, context: Context, head: IndexHeader, inner: IndexNode): void {
  if (inner.dim !== head.dim) {
    throw cursor.corrupt(`${context.label} has dimension ${head.dim}, the index inside it ${inner.dim}`);
  }
  if (inner.rows !== head.rows) {
    throw cursor.corrupt(`${context.label} has ${head.rows} rows, the index inside it ${inner.rows}`);
  }
}
