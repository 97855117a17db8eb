import type { FieldSpec, MilvusType } from '../../batch/fields.js';
import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { SourceInfo } from '../types.js';
import type { Verdict } from './assess.js';
import type { IndexHeader } from './header.js';
import { hasIds, type RowLayout } from './layout.js';
import type { StoredRows } from './node.js';
import type { OpenIndex } from './open-index.js';

/** The names that the fields of a batch get. */
export interface FieldNames {
  readonly idField: string;
  readonly vectorField: string;
}

const SHARED_METRICS: ReadonlySet<string> = new Set(['L2', 'IP', 'HAMMING']);

/** Binary indexes know only the Hamming distance, whatever their header says. Plain vectors state none. */
function metricOf({ node }: OpenIndex): string | undefined {
  if (node.binary) return 'HAMMING';
  return node.metric === 'none' ? undefined : node.metric;
}

function idScheme(layout: RowLayout): string {
  switch (layout.kind) {
    case 'flat':
      return 'ids: none stored, rows are known by their number';
    case 'lists':
    case 'copied':
      return 'ids: stored in the inverted lists';
    case 'mapped':
      return hasIds(layout.inner) ? 'ids: id map over the ids of the inner index' : 'ids: id map over row numbers';
  }
}

function isBinary({ form, bits }: StoredRows): boolean {
  return form.kind === 'bits' || bits === true;
}

/** Whether the rows are whole numbers of -128 to 127. */
function isInt8({ form, residualOf, transforms }: StoredRows): boolean {
  const bytes = form.kind === 'numbers' && (form.type === 'int8' || form.type === 'uint8-128');
  return bytes && !residualOf && transforms.length === 0;
}

/**
 * Type of the vectors in the batches: the one asked for, else float or packed binary vectors.
 * Throws CFG_CONFLICT for a type that the rows do not suit.
 */
export function vectorTypeOf(index: OpenIndex, wanted: MilvusType | undefined): MilvusType {
  const { stored, binary } = index.node;
  const bits = stored ? isBinary(stored) : binary;
  const natural: MilvusType = bits ? 'BINARY_VECTOR' : 'FLOAT_VECTOR';
  if (wanted === undefined || wanted === natural || !stored) return natural;
  const floats = wanted === 'FLOAT_VECTOR' || wanted === 'FLOAT16_VECTOR' || wanted === 'BFLOAT16_VECTOR';
  if ((!bits && floats) || (wanted === 'INT8_VECTOR' && isInt8(stored))) return wanted;
  const message = `${index.files.index.path} holds ${bits ? 'binary' : 'float'} vectors: vector_type ${wanted} does not suit them`;
  throw fail('CFG_CONFLICT', message, { hint: bits ? 'Leave vector_type out.' : 'Set vector_type: FLOAT_VECTOR.' });
}

/** The fields of the batches: a key where ids are stored, and the vector. */
function fieldsOf(index: OpenIndex, names: FieldNames, type: MilvusType): FieldSpec[] {
  const { dim, stored } = index.node;
  const vector: FieldSpec = { name: names.vectorField, type, dim };
  const ids = stored && hasIds(stored.layout);
  return ids ? [{ name: names.idField, type: 'INT64', primaryKey: true }, vector] : [vector];
}

const SAYS: Readonly<Record<Verdict, string>> = {
  exact: 'exact: every vector comes back bit for bit',
  narrow: 'exact copy of what is stored, which is narrower than float32',
  rounded: 'exact up to the rounding of float32',
  lossy: 'lossy: refused unless allow_lossy: true is set, which writes similar vectors',
  refused: 'refused: no vectors can be read',
};

function metricLine(metric: string, arg: number | undefined): string {
  if (SHARED_METRICS.has(metric)) return `metric: ${metric}`;
  const parameter = arg === undefined ? '' : ` (parameter ${arg})`;
  return `metric: ${metric}${parameter}, which Milvus does not have: name one in the YAML file`;
}

/** What `inspect` and `plan` show of a file. */
export function infoOf(index: OpenIndex, names: FieldNames, wanted?: MilvusType): SourceInfo {
  const { node, files, assessment } = index;
  const isIndex = index.format === 'faiss';
  const metric = metricOf(index);
  const kind = node.chain.join(' over ');
  const vectorType = vectorTypeOf(index, wanted);
  const details = [`${isIndex ? 'index' : 'format'}: ${kind}`];
  if (node.tree.length > 1) details.push(...node.tree);
  details.push(...node.details);
  if (files.data) details.push(`data file: ${files.data.path} (${plural(files.data.stamp.size, 'byte')})`);
  if (metric !== undefined) details.push(metricLine(metric, node.metricArg));
  if (node.stored) details.push(idScheme(node.stored.layout));
  details.push(`verdict: ${SAYS[assessment.verdict]}`, ...assessment.reasons.map((reason) => `because: ${reason}`));
  if (index.trailingBytes > 0) details.push(trailing(index));
  return {
    path: files.index.path,
    format: isIndex ? 'faiss' : 'vectors',
    kind,
    rows: node.rows,
    dim: node.dim,
    vectorType,
    ...(metric === undefined ? {} : { metric }),
    ids: node.stored && hasIds(node.stored.layout) ? 'stored' : 'none',
    bytes: files.index.stamp.size + (files.data?.stamp.size ?? 0),
    fields: fieldsOf(index, names, vectorType),
    verdict: assessment.verdict,
    details,
  };
}

/** What is known of a file by its first header alone, because the rest cannot be read, and why. */
export function infoOfHead(path: string, bytes: number, head: IndexHeader, why: string): SourceInfo {
  const vectorType = 'FLOAT_VECTOR';
  return {
    path,
    format: 'faiss',
    kind: 'unsupported',
    rows: head.rows,
    dim: head.dim,
    vectorType,
    metric: head.metric,
    ids: 'none',
    bytes,
    fields: [],
    verdict: 'refused',
    details: [metricLine(head.metric, head.metricArg), `verdict: ${SAYS.refused}`, `because: ${why}`],
  };
}

function trailing(index: OpenIndex): string {
  return `${plural(index.trailingBytes, 'byte')} behind the index are ignored`;
}

/** Whether every value of a form is exact in 16 bits. */
function fits16({ form, residualOf, transforms }: StoredRows, type: MilvusType): boolean {
  if (form.kind !== 'numbers' || residualOf || transforms.length > 0) return false;
  if (form.type === 'uint8' || form.type === 'int8' || form.type === 'uint8-128') return true;
  return form.type === (type === 'FLOAT16_VECTOR' ? 'float16' : 'bfloat16');
}

/** What the user should know before the rows of this file are written as vectors of `type`. */
export function warningsOf(index: OpenIndex, type: MilvusType): string[] {
  const { node, files, assessment } = index;
  const { path } = files.index;
  const warnings = [...node.warnings, ...assessment.reasons.map((reason) => `${path}: ${reason}`)];
  const short = type === 'FLOAT16_VECTOR' || type === 'BFLOAT16_VECTOR';
  if (short && node.stored && !fits16(node.stored, type)) {
    warnings.push(`${path}: vector_type ${type} rounds its vectors to 16 bits a dimension`);
  }
  if (index.trailingBytes > 0) warnings.push(`${path}: ${trailing(index)}`);
  return warnings;
}
