import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectFaiss } from '../../../../src/adapters/faiss/index.js';
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

it('the tree of nested indexes is shown, with what would be lost', async () => {
  const { details } = await inspectFaiss(join(FOLDER, '1.15.1/idmap2_opq4_ivf8_pq4x4.index'));
  expect(details).toEqual(
    expect.arrayContaining([
      'IDMap2 (IxM2): 110 x 16, L2',
      '  storage: PreTransform (IxPT): 110 x 16, L2',
      '    transform: OPQ or linear (LTra), 16 to 16 dimensions',
      '    index: IVFPQ (IwPQ): 110 x 16, L2',
      '      quantizer: Flat L2 (IxF2): 8 x 16, L2',
      'ids: id map over the ids of the inner index',
      'verdict: lossy: refused unless allow_lossy: true is set, which writes similar vectors',
      expect.stringMatching(/^because: codes of a product quantizer/),
      expect.stringMatching(/^because: OPQ or linear \(LTra\): undone by the transposed matrix in float64/),
    ]),
  );
});

it('an index that cannot be read is shown with its rows and the reason', async () => {
  const info = await inspectFaiss(join(FOLDER, '1.15.1/idmap_lsh.index'));
  expect(info).toMatchObject({ verdict: 'refused', rows: 110, dim: 16, kind: 'IDMap (IxMp) over LSH (IxHe)' });
  expect(info.details).toContain('because: it stores no vectors (only hash bits are stored)');
});

it('a projection says how much of the variance is gone', async () => {
  const { details } = await inspectFaiss(join(FOLDER, '1.15.1/pca8_flat.index'));
  expect(details.join('\n')).toMatch(/projection of 16 to 8 dimensions.*: 39\.\d % of the variance/);
});
