import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { PROJECT } from '../support/environments.js';
import { compareWithFaiss, faissFiles } from '../support/faiss-kinds.js';
import { python } from '../support/python.js';

// Made anew in each run, by the build of Faiss that is installed, from vectors that no fixture holds.
const SEED = Math.floor(Math.random() * 2 ** 31);

describe(`files written by Faiss in this run (seed ${SEED})`, () => {
  let folder = '';

  beforeAll(async () => {
    folder = join(await mkdtemp(join(inject('runFolder'), 'faiss-')), 'kinds');
    await python(join(PROJECT, 'fixtures/mk-faiss-kinds.py'), [folder, '--seed', String(SEED)]);
  });

  it('are read as Faiss reads them, and judged and refused as they must be', async () => {
    const files = faissFiles(folder);
    const faults: string[] = [];
    for (const file of files) {
      const fault = await compareWithFaiss(folder, file);
      if (fault) faults.push(`${file.key}: ${fault}`);
    }
    expect(faults).toEqual([]);
    const compared = files.filter(({ verdict }) => verdict !== 'refused');
    expect(compared.length).toBeGreaterThanOrEqual(130);
  });
});
