import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unfinishedJobs } from '../../../src/job/jobs.js';
import { openLedger } from '../../../src/job/ledger/ledger.js';
import { useStateFolder } from './support.js';

const state = useStateFolder();

async function leave(id: string, file: string | undefined, rows: number): Promise<void> {
  const { ledger } = await openLedger({ id, task: 'H2M', file }, false);
  await using _ = ledger;
  const books = ledger.collection('');
  await books.begin({
    into: 'books',
    mode: 'append',
    creates: true,
    idStart: null,
    units: [],
    splits: [['a', 100, 'f']],
  });
  await books.ack({ s: 0, from: 0, to: rows, w: rows, b: 8 });
}

describe('jobs', () => {
  it('are none in a folder that is not there', async () => {
    expect(await unfinishedJobs()).toStrictEqual([]);
  });

  it('are listed with what is done and the command that continues them', async () => {
    await leave('aaaaaaaaaaaa', '/data/it is.yaml', 40);
    await leave('bbbbbbbbbbbb', undefined, 100);
    const jobs = await unfinishedJobs();
    expect(jobs.find((j) => j.job_id === 'aaaaaaaaaaaa')).toMatchObject({
      state: 'resumable',
      task: 'H2M',
      collections: ['books'],
      rows_done: 40,
      rows: 100,
      command: "milvusdm --yaml '/data/it is.yaml'",
    });
    expect(jobs.find((j) => j.job_id === 'bbbbbbbbbbbb')!.command).toBe(null);
  });

  it('say when they are running, and when their ledger is damaged', async () => {
    await leave('aaaaaaaaaaaa', undefined, 40);
    const { ledger } = await openLedger({ id: 'aaaaaaaaaaaa', task: 'H2M', file: undefined }, false);
    expect((await unfinishedJobs())[0]).toMatchObject({ state: 'running' });
    await ledger[Symbol.asyncDispose]();
    mkdirSync(join(state.path, 'jobs'), { recursive: true });
    writeFileSync(join(state.path, 'jobs', 'aaaaaaaaaaaa.ledger.jsonl'), 'no ledger\nat all\n');
    expect((await unfinishedJobs())[0]).toMatchObject({ state: 'damaged', command: null });
  });
});
