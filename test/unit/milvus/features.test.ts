import { describe, expect, it } from 'vitest';
import { featuresOf, supports } from '../../../src/milvus/features.js';

const FLOAT = ['FLOAT_VECTOR'];
const V23 = [...FLOAT, 'BINARY_VECTOR'];
const V24 = [...V23, 'FLOAT16_VECTOR', 'BFLOAT16_VECTOR', 'SPARSE_FLOAT_VECTOR'];
const V26 = [...V24, 'INT8_VECTOR'];
const LITE = [...FLOAT, 'SPARSE_FLOAT_VECTOR'];

describe('featuresOf', () => {
  it.each([
    ['v2.2.16', false, V23],
    ['v2.3.5-lite', false, V23],
    ['v2.3.5', false, V23],
    ['2.4.0', false, V24],
    ['v2.4.10', false, V24],
    ['v2.5.4-gpu', false, V24],
    ['2.6.1', false, V26],
    ['v2.6-20251101-abcdef', false, V26],
    ['v2.10.0', false, V26],
    ['v3.0.0', false, V26],
    ['milvus_lite-3.2.2', true, LITE],
    ['milvus-lite-2.4.1', true, LITE],
    ['Milvus_Lite-3.2.2', true, LITE],
    ['garbage', false, V26],
    ['', false, V26],
  ])('of "%s"', (version, lite, types) => {
    const features = featuresOf(version);
    expect([...features.vectorTypes].sort()).toStrictEqual([...types].sort());
    expect(features).toMatchObject({ lite, deduplicates: lite, timestamps: !lite, maxMessageBytes: 64 * 1024 * 1024 });
    expect(features.maxInFlight === 1).toBe(lite);
    expect(features.finiteScalars).toBe(!lite && types !== V23);
  });
});

it.each([
  ['v2.3.5', false],
  ['v2.4.15', false],
  ['v2.5.0', true],
  ['v3.0.0', true],
  ['milvus_lite-3.2.2', true],
])('fields that may be null, on %s: %s', (version, nullable) => {
  expect(featuresOf(version).nullable).toBe(nullable);
});

describe('supports', () => {
  it('asks for vectors, and takes every scalar', () => {
    const lite = featuresOf('milvus_lite-3.2.2');
    expect([
      supports(lite, 'FLOAT_VECTOR'),
      supports(lite, 'BINARY_VECTOR'),
      supports(lite, 'JSON'),
      supports(lite, 'VARCHAR'),
    ]).toStrictEqual([true, false, true, true]);
    expect(supports(featuresOf('v2.3.5'), 'FLOAT16_VECTOR')).toBe(false);
  });
});
