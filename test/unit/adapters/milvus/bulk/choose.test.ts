import { describe, expect, it } from 'vitest';
import { AUTO_BYTES, decidePath, type PathInput } from '../../../../../src/adapters/milvus/bulk/choose.js';
import type { WriteChoice } from '../../../../../src/config/types.js';
import { featuresOf } from '../../../../../src/milvus/features.js';
import { type FieldSpec, schemaOf } from './support.js';

const KEY: FieldSpec = { name: 'id', type: 'INT64', primaryKey: true };
const VECTOR: FieldSpec = { name: 'embedding', type: 'FLOAT_VECTOR', dim: 8 };
const BULK: NonNullable<WriteChoice['bulk']> = {
  storage: { type: 'local', path: '/data' },
  prefix: 'p',
  maxFileBytes: 1 << 20,
  parallelJobs: 1,
  keepFiles: false,
};

function input(how: WriteChoice['how'], more: Partial<PathInput> & { readonly fields?: FieldSpec[] } = {}): PathInput {
  return {
    write: { how, bulk: BULK },
    schema: schemaOf([KEY, VECTOR, ...(more.fields ?? [])]),
    features: featuresOf('v2.3.5'),
    bytes: AUTO_BYTES,
    earlier: undefined,
    ...more,
  };
}

describe('write: auto', () => {
  it('takes bulk imports from 256 MiB on, and says so', () => {
    expect(decidePath(input('auto'))).toEqual({
      path: 'bulk',
      reason: 'write: auto: by bulk import: 256.0 MiB are 256.0 MiB or more',
    });
    expect(decidePath(input('auto', { bytes: AUTO_BYTES - 1 })).path).toBe('insert');
  });

  const cases: [why: string, more: Parameters<typeof input>[1]][] = [
    [
      'numpy files hold no ARRAY, which the field "tags" is',
      { fields: [{ name: 'tags', type: 'ARRAY', elementType: 'INT64' }] },
    ],
    [
      'numpy files hold no null, which the field "age" may be',
      { fields: [{ name: 'age', type: 'INT8', nullable: true }] },
    ],
    ['the texts of "$meta" may be long', { fields: [{ name: '$meta', type: 'JSON', dynamic: true }] }],
    ['the texts of "body" may be long', { fields: [{ name: 'body', type: 'VARCHAR', maxLength: 1025 }] }],
    ['Milvus Lite imports no files', { features: featuresOf('milvus_lite-3.2.2') }],
    ['how much there is to write is not known', { bytes: undefined }],
  ];
  it.each(cases)('inserts otherwise: %s', (why, more) => {
    const { path, reason } = decidePath(input('auto', more));
    expect(path).toBe('insert');
    expect(reason).toContain(`write: auto: by requests: ${why}`);
  });

  it('takes short texts by files', () => {
    const fields: FieldSpec[] = [{ name: 'title', type: 'VARCHAR', maxLength: 1024 }];
    expect(decidePath(input('auto', { fields })).path).toBe('bulk');
  });

  it('inserts where there is no storage', () => {
    expect(decidePath(input('auto', { write: { how: 'auto' } }))).toEqual({ path: 'insert' });
    expect(decidePath(input('auto', { write: undefined }))).toEqual({ path: 'insert' });
  });
});

describe('write: bulk', () => {
  it('is taken whatever the size, also with texts of any length', () => {
    const fields: FieldSpec[] = [{ name: 'body', type: 'JSON' }];
    expect(decidePath(input('bulk', { bytes: 1, fields }))).toEqual({ path: 'bulk', reason: 'write: bulk' });
  });

  it('is refused by name where numpy has nothing for a field', () => {
    const fields: FieldSpec[] = [{ name: 'half', type: 'FLOAT16_VECTOR', dim: 4 }];
    expect(() => decidePath(input('bulk', { fields }))).toThrow(
      expect.objectContaining({
        code: 'DST_UNSUPPORTED',
        message: 'write: bulk cannot be: numpy files hold no FLOAT16_VECTOR, which the field "half" is',
        hint: 'Set write: insert.',
      }),
    );
  });
});

describe('a run that is continued', () => {
  it('goes on as it began, and says so where the file asks for something else', () => {
    expect(decidePath(input('bulk', { earlier: 'insert' }))).toMatchObject({
      path: 'insert',
      reason: 'goes on by insert, as this job began',
    });
    expect(decidePath(input('insert', { earlier: 'bulk' }))).toMatchObject({
      path: 'bulk',
      reason: 'goes on by bulk, as this job began',
    });
    expect(decidePath(input('auto', { earlier: 'bulk', bytes: 1 }))).toEqual({ path: 'bulk' });
  });

  it('by bulk imports needs the storage still', () => {
    expect(() => decidePath(input('auto', { earlier: 'bulk', write: undefined }))).toThrow(
      expect.objectContaining({ code: 'DST_UNFINISHED' }),
    );
  });
});
