import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compareWithFaiss, faissFiles } from '../support/faiss-kinds.js';
import { digest } from '../support/python.js';
import { dropCollections, exists, fixture, planOf, QUICK, run, runOk, temporaryFolder, unique } from './support.js';

afterAll(dropCollections);

const FOLDER = fixture('faiss-kinds/1.15.1');
const kind = (name: string): string => join(FOLDER, `${name}.index`);
const expected = (name: string) => faissFiles(FOLDER).find(({ file }) => file === `${name}.index`)!;

describe('Faiss indexes of several kinds in a real Milvus', () => {
  test.for(['hnsw8_flat', 'dedup', 'merge_ondisk', 'ivf8_flatpanorama3', 'sq8_direct', 'ibm2_over_bhash8'])(
    '%s arrives bit for bit',
    async (name) => {
      const collection = unique('kind');
      await runOk({ ...QUICK, data_path: kind(name), dest_collection_name: collection });
      const { sha256, sha256_ids, rows } = expected(name);
      expect(await digest({ collection })).toMatchObject({ rows, sha256, sha256_ids });
    },
  );

  test('approximations are refused before anything is touched, planned and reported when they are asked for', async () => {
    const collection = unique('lossy');
    const keys = { ...QUICK, data_path: kind('sq8'), dest_collection_name: collection };
    const refused = await run(keys);
    expect([refused.code, refused.report.error!.code]).toEqual([3, 'SRC_UNSUPPORTED']);
    expect(refused.report.error!.hint).toContain('allow_lossy: true');
    expect(await exists(collection)).toBe(false);
    const plan = await planOf({ ...keys, allow_lossy: true });
    expect(plan.warnings.join('\n')).toMatch(/codes of a scalar quantizer give similar vectors/);
    const done = await runOk({ ...keys, allow_lossy: true });
    expect(done.report.warnings.join('\n')).toMatch(/estimated error of its vectors: 0\.\d+ %/);
    expect((await digest({ collection })).rows).toBe(110);
    expect(await compareWithFaiss(FOLDER, expected('sq8'))).toBe('');
  });

  test('a type of vectors that the server lacks is refused before anything is touched', async () => {
    const collection = unique('half');
    const done = await run({
      data_path: kind('sqfp16'),
      vector_type: 'FLOAT16_VECTOR',
      dest_collection_name: collection,
    });
    expect([done.code, done.report.error!.code]).toEqual([4, 'DST_UNSUPPORTED']);
    expect(await exists(collection)).toBe(false);
  });

  test('plain vectors arrive under their row numbers', async () => {
    const collection = unique('fbin');
    const path = join(await temporaryFolder(), 'vectors.index');
    const floats = readFileSync(fixture('faiss/flat_l2.index')).subarray(45);
    writeFileSync(path, Buffer.concat([Buffer.from(Uint32Array.of(300, 16).buffer), floats]));
    await runOk({ ...QUICK, data_path: path, dest_collection_name: collection });
    const { files } = JSON.parse(readFileSync(fixture('faiss/expected.json'), 'utf8')) as {
      files: Record<string, { sha256: string }>;
    };
    expect(await digest({ collection })).toMatchObject({ rows: 300, sha256: files['flat_l2.index']!.sha256 });
  });
});
