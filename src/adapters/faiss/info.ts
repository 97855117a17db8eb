import type { FieldSpec } from '../../batch/fields.js';
import { plural } from '../../util/bytes.js';
import type { SourceInfo } from '../types.js';
import { hasIds, type RowLayout } from './layout.js';
import type { OpenIndex } from './open-index.js';

/** The names that the fields of a batch get. */
export interface FieldNames {
  readonly idField: string;
  readonly vectorField: string;
}

/** Binary indexes know only the Hamming distance, whatever their header says. */
function metricOf(node: OpenIndex['node']): string {
  return node.binary ? 'HAMMING' : node.metric;
}

const SHARED_METRICS: ReadonlySet<string> = new Set(['L2', 'IP', 'HAMMING']);

function idScheme(layout: RowLayout): string {
  if (layout.kind === 'flat') return 'ids: none stored, rows are known by their number';
  if (layout.kind === 'lists') return 'ids: stored in the inverted lists';
  return hasIds(layout.inner) ? 'ids: id map over the ids of the inner index' : 'ids: id map over row numbers';
}

/** The fields of the batches: a key where ids are stored, and the vector. */
export function fieldsOf(index: OpenIndex, names: FieldNames): FieldSpec[] {
  const { binary, dim, layout } = index.node;
  const vector: FieldSpec = { name: names.vectorField, type: binary ? 'BINARY_VECTOR' : 'FLOAT_VECTOR', dim };
  return hasIds(layout) ? [{ name: names.idField, type: 'INT64', primaryKey: true }, vector] : [vector];
}

/** What `inspect` and `plan` show of an index. */
export function infoOf(index: OpenIndex, names: FieldNames): SourceInfo {
  const { node, files } = index;
  const metric = metricOf(node);
  const details = [`index: ${node.chain.join(' over ')}`, ...node.details];
  if (files.data) details.push(`data file: ${files.data.path} (${plural(files.data.stamp.size, 'byte')})`);
  if (!SHARED_METRICS.has(metric)) {
    const arg = node.metricArg === undefined ? '' : ` (parameter ${node.metricArg})`;
    details.push(`metric: ${metric}${arg}, which Milvus does not have: name one in the YAML file`);
  } else {
    details.push(`metric: ${metric}`);
  }
  details.push(idScheme(node.layout));
  if (index.trailingBytes > 0) details.push(trailing(index));
  return {
    path: files.index.path,
    format: 'faiss',
    kind: node.chain.join(' over '),
    rows: node.rows,
    dim: node.dim,
    vectorType: node.binary ? 'BINARY_VECTOR' : 'FLOAT_VECTOR',
    metric,
    ids: hasIds(node.layout) ? 'stored' : 'none',
    bytes: files.index.stamp.size + (files.data?.stamp.size ?? 0),
    fields: fieldsOf(index, names),
    details,
  };
}

function trailing(index: OpenIndex): string {
  return `${plural(index.trailingBytes, 'byte')} behind the index are ignored`;
}

/** What the user should know before the rows of this index are written. */
export function warningsOf(index: OpenIndex): string[] {
  const { node, files } = index;
  const warnings = [...node.warnings];
  if (index.trailingBytes > 0) warnings.push(`${files.index.path}: ${trailing(index)}`);
  return warnings;
}
