import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { unfinishedJobs } from '../../../src/job/jobs.js';
import { openLedger } from '../../../src/job/ledger/ledger.js';
import { useStateFolder } from './support.js';

/** What happens as soon as the ledger of a job has been looked at. */
const behind = vi.hoisted(() => ({ stat: () => {}, isLocked: () => {}, lines: async () => {} }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    async stat(path: string) {
      const found = await real.stat(path);
      behind.stat();
      return found;
    },
  };
});
vi.mock('../../../src/job/ledger/lock.js', async (original) => {
  const real = await original<typeof import('../../../src/job/ledger/lock.js')>();
  return {
    ...real,
    async isLocked(path: string) {
      const locked = await real.isLocked(path);
      behind.isLocked();
      return locked;
    },
  };
});
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return {
    ...real,
    async *createReadStream(path: string) {
      yield* real.createReadStream(path);
      await behind.lines();
    },
  };
});

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

  it.each(['stat', 'isLocked'] as const)(
    'that are complete while they are looked at are left out (%s)',
    async (step) => {
      await leave('aaaaaaaaaaaa', undefined, 40);
      await leave('bbbbbbbbbbbb', undefined, 40);
      behind[step] = () => rmSync(join(state.path, 'jobs', 'aaaaaaaaaaaa.ledger.jsonl'), { force: true });
      try {
        expect((await unfinishedJobs()).map((job) => job.job_id)).toStrictEqual(['bbbbbbbbbbbb']);
      } finally {
        behind[step] = () => {};
      }
    },
  );

  it('that go on while they are looked at are not damaged', async () => {
    await leave('aaaaaaaaaaaa', undefined, 40);
    const { ledger } = await openLedger({ id: 'aaaaaaaaaaaa', task: 'H2M', file: undefined }, false);
    await using _ = ledger;
    behind.lines = async () => {
      await ledger.collection('books').ack({ s: 0, from: 40, to: 50, w: 10, b: 8 });
    };
    try {
      expect((await unfinishedJobs())[0]).toMatchObject({ state: 'running', rows_done: 40 });
    } finally {
      behind.lines = async () => {};
    }
  });
});
