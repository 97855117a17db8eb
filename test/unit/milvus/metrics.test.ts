import { describe, expect, it } from 'vitest';
import type { MilvusType } from '../../../src/batch/fields.js';
import type { CollectionParameter, IndexChoice, MetricType } from '../../../src/config/types.js';
import { decideIndexes, decideMetric } from '../../../src/milvus/metrics.js';

const parameter = (metric?: MetricType, index?: IndexChoice | 'none'): CollectionParameter => ({
  idField: 'id',
  vectorField: 'v',
  load: false,
  ...(metric ? { metric } : {}),
  ...(index ? { index } : {}),
});

describe('decideMetric', () => {
  it.each<[string, MetricType | undefined, MilvusType, string | undefined, MetricType, number]>([
    ['the YAML alone', 'IP', 'FLOAT_VECTOR', undefined, 'IP', 0],
    ['the source alone', undefined, 'FLOAT_VECTOR', 'IP', 'IP', 0],
    ['both alike', 'L2', 'FLOAT_VECTOR', 'L2', 'L2', 0],
    ['neither', undefined, 'FLOAT_VECTOR', undefined, 'L2', 1],
    ['neither, binary', undefined, 'BINARY_VECTOR', undefined, 'HAMMING', 1],
    ['the YAML against the source', 'L2', 'FLOAT_VECTOR', 'IP', 'L2', 1],
    ['COSINE over a normalised IP', 'COSINE', 'FLOAT_VECTOR', 'IP', 'COSINE', 0],
    ['IP over COSINE', 'IP', 'FLOAT_VECTOR', 'COSINE', 'IP', 1],
    ['the YAML over a metric that Milvus lacks', 'L2', 'FLOAT_VECTOR', 'L1', 'L2', 1],
    ['binary', 'JACCARD', 'BINARY_VECTOR', undefined, 'JACCARD', 0],
    ['binary of the source', undefined, 'BINARY_VECTOR', 'HAMMING', 'HAMMING', 0],
    ['TANIMOTO', 'TANIMOTO', 'BINARY_VECTOR', undefined, 'JACCARD', 1],
    ['SUBSTRUCTURE', 'SUBSTRUCTURE', 'BINARY_VECTOR', undefined, 'SUBSTRUCTURE', 0],
  ])('%s', (_, yaml, type, source, metric, warnings) => {
    const decision = decideMetric(parameter(yaml), type, source);
    expect(decision.metric).toBe(metric);
    expect(decision.warnings).toHaveLength(warnings);
  });

  it('names both sides where they differ', () => {
    expect(decideMetric(parameter('L2'), 'FLOAT_VECTOR', 'IP').warnings.join()).toMatch(/L2 .* IP /);
    expect(decideMetric(parameter('TANIMOTO'), 'BINARY_VECTOR', undefined).warnings.join()).toContain('JACCARD');
  });

  it.each<[MetricType | undefined, MilvusType, string | undefined, string, string]>([
    ['L2', 'BINARY_VECTOR', undefined, 'metric_type L2 does not go with BINARY_VECTOR', 'vector_type: FLOAT_VECTOR'],
    [
      'HAMMING',
      'FLOAT_VECTOR',
      undefined,
      'metric_type HAMMING does not go with FLOAT_VECTOR',
      'vector_type: BINARY_VECTOR',
    ],
    [undefined, 'FLOAT_VECTOR', 'HAMMING', 'metric_type HAMMING does not go with FLOAT_VECTOR', 'Use L2'],
    [undefined, 'FLOAT_VECTOR', 'L1', 'made for the metric L1', 'metric_type'],
    [undefined, 'FLOAT_VECTOR', 'Canberra', 'made for the metric Canberra', 'metric_type'],
  ])('%s with %s and a source of %s is refused', (yaml, type, source, message, hint) => {
    expect(() => decideMetric(parameter(yaml), type, source)).toThrow(
      expect.objectContaining({
        code: 'CFG_CONFLICT',
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
      }),
    );
  });
});

describe('decideIndexes', () => {
  it.each<[MetricType, string, object]>([
    ['L2', 'AUTOINDEX', {}],
    ['IP', 'AUTOINDEX', {}],
    ['COSINE', 'AUTOINDEX', {}],
    ['HAMMING', 'BIN_IVF_FLAT', { nlist: 128 }],
    ['JACCARD', 'BIN_IVF_FLAT', { nlist: 128 }],
    ['SUBSTRUCTURE', 'BIN_FLAT', {}],
    ['SUPERSTRUCTURE', 'BIN_FLAT', {}],
  ])('for %s is %s', (metric, type, params) => {
    expect(decideIndexes(parameter(), undefined, metric, 'vec')).toStrictEqual([
      { field: 'vec', type, metric, params },
    ]);
  });

  it('is that of the YAML, or none', () => {
    const hnsw = { type: 'HNSW', params: { M: 8, efConstruction: 100 } };
    expect(decideIndexes(parameter('L2', hnsw), undefined, 'L2', 'v')).toStrictEqual([
      { field: 'v', metric: 'L2', ...hnsw },
    ]);
    expect(decideIndexes(parameter('L2', 'none'), undefined, 'L2', 'v')).toStrictEqual([]);
  });

  it('is that of the source where the YAML says nothing', () => {
    const indexes = [
      { field: 'v', type: 'IVF_FLAT', metric: 'L2', params: { nlist: 64 } },
      { field: 'n', type: 'STL_SORT', metric: '', params: {} },
    ];
    expect(decideIndexes(parameter(), indexes, 'L2', 'v')).toStrictEqual(indexes);
    expect(decideIndexes(parameter(), [], 'L2', 'v')).toStrictEqual([]);
    expect(decideIndexes(parameter('L2', 'none'), indexes, 'L2', 'v')).toStrictEqual([]);
  });
});
