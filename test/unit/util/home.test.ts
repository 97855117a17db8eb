import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stateFolder } from '../../../src/util/home.js';

it('is $MILVUSDM_PATH, else milvusdm in the home folder', () => {
  expect(stateFolder({ MILVUSDM_PATH: '/srv/state' })).toBe('/srv/state');
  expect(stateFolder({ MILVUSDM_PATH: '' })).toBe(join(homedir(), 'milvusdm'));
  expect(stateFolder({})).toBe(join(homedir(), 'milvusdm'));
});
