import type { MilvusType } from '../batch/fields.js';
import type { CollectionParameter, MetricType } from '../config/types.js';
import { fail } from '../util/errors.js';
import type { IndexSpec } from './indexes.js';

const FLOAT_METRICS: ReadonlySet<string> = new Set(['L2', 'IP', 'COSINE']);
const BINARY_METRICS: ReadonlySet<string> = new Set([
  'HAMMING',
  'JACCARD',
  'TANIMOTO',
  'SUBSTRUCTURE',
  'SUPERSTRUCTURE',
]);
/** BIN_IVF_FLAT wants its number of clusters; 128 is what Milvus' own guides start from. */
const BIN_IVF_NLIST = 128;

export interface MetricDecision {
  readonly metric: MetricType;
  readonly warnings: readonly string[];
}

/**
 * The metric of a run: from the YAML, else from the source, else L2 (HAMMING for binary vectors), said in a warning unless no
 * index is wanted.
 * @param fromSource metric that the source states, in its own words where Milvus lacks it
 * @throws CFG_CONFLICT when metric and vector type contradict each other, or the source's metric has no counterpart
 */
export function decideMetric(
  parameter: CollectionParameter,
  vectorType: MilvusType,
  fromSource: string | undefined,
): MetricDecision {
  const warnings: string[] = [];
  const binary = vectorType === 'BINARY_VECTOR';
  const known = fromSource !== undefined && (FLOAT_METRICS.has(fromSource) || BINARY_METRICS.has(fromSource));
  let metric = parameter.metric ?? (known ? (fromSource as MetricType) : undefined);
  if (metric === undefined && fromSource !== undefined) {
    throw fail('CFG_CONFLICT', `the source was made for the metric ${fromSource}, which Milvus does not have`, {
      hint: 'Name the metric to use by collection_parameter.metric_type.',
    });
  }
  if (metric === undefined) {
    metric = binary ? 'HAMMING' : 'L2';
    // Without an index nothing has a metric.
    if (parameter.index !== 'none') warnings.push(`no metric_type given and none in the source: ${metric} is used`);
  } else if (
    parameter.metric &&
    fromSource &&
    parameter.metric !== fromSource &&
    !sameMetric(parameter.metric, fromSource)
  ) {
    warnings.push(
      `metric_type ${parameter.metric} of the YAML differs from ${fromSource} in the source: the YAML wins`,
    );
  }
  if (binary !== BINARY_METRICS.has(metric)) throw contradiction(metric, vectorType, binary);
  if (metric === 'TANIMOTO') {
    metric = 'JACCARD';
    warnings.push(
      'Milvus 2.x has no TANIMOTO: JACCARD is used, whose distances differ (the order of neighbours does not)',
    );
  }
  return { metric, warnings };
}

function contradiction(metric: string, vectorType: MilvusType, binary: boolean): Error {
  return fail('CFG_CONFLICT', `metric_type ${metric} does not go with ${vectorType}`, {
    hint: binary
      ? 'uint8 embeddings are packed binary vectors (8 dimensions a byte): use HAMMING or JACCARD, or set vector_type: FLOAT_VECTOR if each byte is one dimension.'
      : 'Use L2, IP or COSINE, or vector_type: BINARY_VECTOR for packed uint8 data.',
  });
}

/** Faiss' cosine is an inner product on normalised vectors, so IP in the file and COSINE in the YAML agree. */
function sameMetric(yaml: string, source: string): boolean {
  return yaml === 'COSINE' && source === 'IP';
}

/** The default index of a metric. */
export function defaultIndex(metric: MetricType, field: string): IndexSpec {
  if (metric === 'SUBSTRUCTURE' || metric === 'SUPERSTRUCTURE') return { field, type: 'BIN_FLAT', metric, params: {} };
  if (BINARY_METRICS.has(metric)) return { field, type: 'BIN_IVF_FLAT', metric, params: { nlist: BIN_IVF_NLIST } };
  return { field, type: 'AUTOINDEX', metric, params: {} };
}

/**
 * The indexes that are made after the last row: the YAML's, else those of the source, else the default for the metric;
 * none for `none`.
 */
export function decideIndexes(
  parameter: CollectionParameter,
  fromSource: readonly IndexSpec[] | undefined,
  metric: MetricType,
  field: string,
): IndexSpec[] {
  if (parameter.index === 'none') return [];
  if (parameter.index) return [{ field, type: parameter.index.type, metric, params: parameter.index.params }];
  // TANIMOTO is gone from Milvus 2.x (decideMetric has said so).
  const renamed = (m: string): string => (m === 'TANIMOTO' ? 'JACCARD' : m);
  return fromSource ? fromSource.map((i) => ({ ...i, metric: renamed(i.metric) })) : [defaultIndex(metric, field)];
}
