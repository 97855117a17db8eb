import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readArchiveSettings } from '../../../../src/adapters/hdf5/index.js';
import { type FieldSpec, specsOf } from '../../../../src/batch/fields.js';
import { FIXTURES } from '../hdf5/support.js';
import { open, readBack } from './support.js';

interface Expected {
  readonly rows: number;
  readonly digest: string;
  readonly fields: readonly FieldSpec[];
  readonly meta: { readonly settings: object; readonly collection: string };
}

it('an archive of the first format version is read as it was written', async () => {
  const path = `${FIXTURES}archive/version1.h5`;
  const expected = JSON.parse(readFileSync(`${FIXTURES}archive/version1.expected.json`, 'utf8')) as Expected;
  await using reader = await open([path]);
  expect(specsOf(reader.schema)).toEqual(expected.fields);
  const back = await readBack(reader, { maxBytes: 200 });
  expect(back.digest).toMatchObject({ rows: expected.rows, hex: expected.digest });
  expect(await readArchiveSettings(path)).toMatchObject({
    collection: expected.meta.collection,
    settings: expected.meta.settings,
    meta: expected.meta,
  });
});
