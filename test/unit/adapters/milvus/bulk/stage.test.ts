import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStage, type Stage } from '../../../../../src/adapters/milvus/bulk/stage.js';

let path: string;
const opened: Stage[] = [];

async function stage(prefix: string, serverPath?: string): Promise<Stage> {
  const storage = { type: 'local' as const, path, ...(serverPath === undefined ? {} : { serverPath }) };
  const sizes = { maxFileBytes: 1, parallelJobs: 1, keepFiles: false };
  const made = await openStage({ storage, prefix, ...sizes }, 'job1', { retryFor: 0, log: () => {} });
  opened.push(made);
  return made;
}

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'milvusdm-stage-'));
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
  await rm(path, { recursive: true });
});

it('names files as the server sees them, and knows those of a set also when they were put elsewhere', async () => {
  const now = await stage('new/prefix', '/seen/by/server');
  const file = now.view(`${now.folder('s-1')}id.npy`);
  expect(file).toBe('/seen/by/server/new/prefix/job1/s-1/id.npy');
  const before = await stage('old');
  const old = before.view(`${before.folder('s-1')}id.npy`);
  expect([file, old].map((one) => now.owns('s-1', one))).toEqual([true, true]);
  const others = [old.replace('s-1', 's-10'), old.replace('job1', 'job2')];
  expect(others.map((one) => now.owns('s-1', one))).toEqual([false, false]);
});

it('clears a set, or all of its job, with what was not finished, and nothing else', async () => {
  const one = await stage('p');
  const keys = ['p/job1/s-1/id.npy', 'p/job1/s-2/id.npy', 'p/job10/s-1/id.npy'];
  for (const key of keys) await one.store.write(key, new Uint8Array(3));
  // As a process that is killed leaves it.
  await (await one.store.begin('p/job1/s-2/embedding.npy', 128)).append(new Uint8Array(9));
  const left = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of one.store.list('')) found.push(key);
    return found;
  };
  await one.clear('s-1');
  expect(await left()).toEqual(['p/job1/s-2/embedding.npy.part', 'p/job1/s-2/id.npy', 'p/job10/s-1/id.npy']);
  await one.clear();
  expect(await left()).toEqual(['p/job10/s-1/id.npy']);
});
