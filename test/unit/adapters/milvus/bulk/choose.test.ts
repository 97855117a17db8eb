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
      files: 'numpy',
      reason: 'write: auto: by bulk import: 256.0 MiB are 256.0 MiB or more',
    });
    expect(decidePath(input('auto', { bytes: AUTO_BYTES - 1 })).path).toBe('insert');
  });

  const cases: [why: string, more: Parameters<typeof input>[1]][] = [
    [
      'files for imports hold no SPARSE_FLOAT_VECTOR, which the field "words" is',
      { fields: [{ name: 'words', type: 'SPARSE_FLOAT_VECTOR' }] },
    ],
    [
      'files for imports hold no null, which the field "age" may be',
      { fields: [{ name: 'age', type: 'INT8', nullable: true }] },
    ],
    ['Milvus Lite imports no files', { features: featuresOf('milvus_lite-3.2.2') }],
    ['how much there is to write is not known', { bytes: undefined }],
  ];
  it.each(cases)('inserts otherwise: %s', (why, more) => {
    const { path, reason } = decidePath(input('auto', more));
    expect(path).toBe('insert');
    expect(reason).toContain(`write: auto: by requests: ${why}`);
  });

  const kinds: [fields: FieldSpec, files: 'numpy' | 'Parquet'][] = [
    [{ name: 'title', type: 'VARCHAR', maxLength: 1024 }, 'numpy'],
    [{ name: 'body', type: 'VARCHAR', maxLength: 1025 }, 'Parquet'],
    [{ name: 'body', type: 'VARCHAR' }, 'Parquet'],
    [{ name: '$meta', type: 'JSON', dynamic: true }, 'Parquet'],
    [{ name: 'tags', type: 'ARRAY', elementType: 'INT64' }, 'Parquet'],
  ];
  it.each(kinds)('takes $type by files, numpy or Parquet', (field, files) => {
    for (const how of ['auto', 'bulk'] as const) {
      expect(decidePath(input(how, { fields: [field] }))).toMatchObject({ path: 'bulk', files });
    }
  });

  it('inserts where there is no storage', () => {
    expect(decidePath(input('auto', { write: { how: 'auto' } }))).toEqual({ path: 'insert' });
    expect(decidePath(input('auto', { write: undefined }))).toEqual({ path: 'insert' });
  });
});

describe('write: bulk', () => {
  it('is taken whatever the size, also with texts of any length', () => {
    const fields: FieldSpec[] = [{ name: 'body', type: 'JSON' }];
    const decision = { path: 'bulk', files: 'Parquet', reason: 'write: bulk' };
    expect(decidePath(input('bulk', { bytes: 1, fields }))).toEqual(decision);
  });

  it('is refused by name where no file holds a field', () => {
    const fields: FieldSpec[] = [{ name: 'half', type: 'FLOAT16_VECTOR', dim: 4 }];
    expect(() => decidePath(input('bulk', { fields }))).toThrow(
      expect.objectContaining({
        code: 'DST_UNSUPPORTED',
        message: 'write: bulk cannot be: files for imports hold no FLOAT16_VECTOR, which the field "half" is',
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
    expect(decidePath(input('auto', { earlier: 'bulk', bytes: 1 }))).toEqual({ path: 'bulk', files: 'numpy' });
  });

  it('by bulk imports needs the storage still', () => {
    expect(() => decidePath(input('auto', { earlier: 'bulk', write: undefined }))).toThrow(
      expect.objectContaining({ code: 'DST_UNFINISHED' }),
    );
  });
});
