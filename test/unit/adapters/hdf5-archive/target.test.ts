import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { openArchiveTarget } from '../../../../src/adapters/hdf5/archive-target.js';
import type { WriterRequest } from '../../../../src/adapters/types.js';
import { schemaOf } from '../../batch/support.js';
import { open, readBack, scratchFolder, simpleBatch, simpleSpecs } from './support.js';

const REQUEST: WriterRequest = {
  collection: 'c',
  mode: 'overwrite',
  parameter: { idField: 'id', vectorField: 'vec', index: 'none' } as never,
  metric: 'L2',
  ids: { stored: true, type: 'INT64', newIds: false } as never,
  settings: {} as never,
  description: '',
  parallelism: 4,
};

it('batches that several readers write at a time go into one file, each of them', async () => {
  const said: string[] = [];
  await using target = await openArchiveTarget({ dir: scratchFolder() }, ['c'], (line) => said.push(line), new Date());
  await using writer = target.writer(REQUEST);
  const plan = await writer.plan(schemaOf(...simpleSpecs(4)), [{}] as never, { exact: false });
  await writer.prepare(plan);
  const firsts = [0, 100, 200, 300];
  await Promise.all(firsts.map((first) => writer.write(simpleBatch(10, 4, first), { repeatable: true } as never)));
  // Only what is in a complete file counts.
  expect(await writer.countRows({})).toBe(0);
  await writer.commit({ phase: () => {} } as never);
  expect(await writer.countRows({})).toBe(40);
  const yaml = said[0]!.slice('wrote '.length);
  const names = readdirSync(dirname(yaml));
  expect(names.sort()).toEqual(['_default.h5', 'c.yaml']);
  await using reader = await open([`${dirname(yaml)}/_default.h5`]);
  const ids = (await readBack(reader)).rows.map(([id]) => Number(id)).sort((a, b) => a - b);
  expect(ids).toEqual(firsts.flatMap((first) => Array.from({ length: 10 }, (_, i) => first + i)));
});
