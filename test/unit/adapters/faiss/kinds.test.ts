import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareWithFaiss, faissFiles } from '../../../support/faiss-kinds.js';

const FOLDER = join(import.meta.dirname, '../../../../fixtures/faiss-kinds');

describe.each(['1.15.1', '1.7.4'])('files of Faiss %s', (version) => {
  const folder = join(FOLDER, version);
  it.each(faissFiles(folder).map((file) => [file.key, file] as const))('%s', async (_, file) => {
    expect(await compareWithFaiss(folder, file)).toBe('');
  });
});

it('the fixtures are of every verdict, and enough of them', () => {
  const files = faissFiles(join(FOLDER, '1.15.1'));
  const count = (verdict: string): number => files.filter((file) => file.verdict === verdict).length;
  expect(count('exact')).toBeGreaterThanOrEqual(30);
  expect(count('narrow')).toBeGreaterThanOrEqual(8);
  expect(count('rounded')).toBeGreaterThanOrEqual(10);
  expect(count('lossy')).toBeGreaterThanOrEqual(35);
  expect(count('refused')).toBeGreaterThanOrEqual(8);
});
