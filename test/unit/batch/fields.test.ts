import { Field, Int64 } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import {
  type FieldSpec,
  fromArrowField,
  isVector,
  MILVUS_TYPES,
  specsOf,
  toArrowField,
  vectorBytes,
} from '../../../src/batch/fields.js';
import { EVERY_TYPE, schemaOf, specOf } from './support.js';

describe('fields', () => {
  it.each(EVERY_TYPE.map((spec) => [`${spec.name} ${spec.type}`, spec] as const))(
    '%s comes back from Arrow',
    (_, spec) => {
      expect(fromArrowField(toArrowField(spec))).toStrictEqual(spec);
    },
  );

  it('keep key and length', () => {
    const spec: FieldSpec = { name: 'pk', type: 'VARCHAR', maxLength: 65535, primaryKey: true };
    expect(specsOf(schemaOf(spec, specOf('BOOL')))).toStrictEqual([spec, specOf('BOOL')]);
  });

  it('without a Milvus type are refused', () => {
    expect(() => fromArrowField(new Field('x', new Int64()))).toThrow(
      expect.objectContaining({ code: 'INTERNAL', message: expect.stringContaining('"x"') }),
    );
  });

  it('know the size of a vector', () => {
    const sizes = MILVUS_TYPES.map((type) => [type, vectorBytes(type, 64)]);
    expect(Object.fromEntries(sizes.filter(([, size]) => size !== undefined))).toStrictEqual({
      FLOAT_VECTOR: 256,
      BINARY_VECTOR: 8,
      FLOAT16_VECTOR: 128,
      BFLOAT16_VECTOR: 128,
      INT8_VECTOR: 64,
    });
    expect(MILVUS_TYPES.filter(isVector)).toHaveLength(6);
  });
});
