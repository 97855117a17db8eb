import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  beginRecord,
  everyRecord,
  findRecord,
} from '../../../../../src/job/snapshot/self-contained/restore-records.js';

const REQUEST = {
  from: { db: 'default', collection: 'articles', name: 'nightly' },
  to: { db: 'shop', collection: 'back' },
};
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'milvusdm-records-'));
  vi.stubEnv('MILVUSDM_PATH', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

function change(id: string, edit: (stored: Record<string, unknown>) => object): void {
  const path = join(folder, 'snapshot-restores', 'a_1', `${id}.json`);
  writeFileSync(path, JSON.stringify(edit(JSON.parse(readFileSync(path, 'utf8')))));
}

describe('a restore in the state folder', () => {
  it('is seen with its progress and its end', async () => {
    const record = await beginRecord('a:1', REQUEST);
    expect(await findRecord('a:1', record.id)).toMatchObject({
      jobId: record.id,
      snapshot: 'nightly',
      to: REQUEST.to,
      state: 'executing',
      progress: 0,
      reason: '',
    });
    vi.useFakeTimers({ now: Date.now() + 1000, toFake: ['Date'] });
    record.progress(40);
    record.progress(41);
    await vi.waitFor(async () => expect(await findRecord('a:1', record.id)).toMatchObject({ progress: 40 }), 60_000);
    await record.end('completed', '');
    const ended = await findRecord('a:1', record.id);
    expect(ended).toMatchObject({ state: 'completed', progress: 100 });
    expect(ended.timeCost).toBeGreaterThanOrEqual(1000);
    expect(Object.keys(ended).sort()).toStrictEqual([
      'jobId',
      'progress',
      'reason',
      'snapshot',
      'started',
      'state',
      'timeCost',
      'to',
    ]);
  });

  it('has an id of its own, whatever begins in the same moment', async () => {
    vi.useFakeTimers({ now: 1_800_000_000_000, toFake: ['Date'] });
    const records = await Promise.all(Array.from({ length: 100 }, () => beginRecord('a:1', REQUEST)));
    expect(new Set(records.map(({ id }) => id)).size).toBe(100);
  });

  it('has failed when its process has ended without a word', async () => {
    const record = await beginRecord('a:1', REQUEST);
    change(record.id, (stored) => ({ ...stored, owner: { ...(stored.owner as object), pid: 2 ** 22 + 1 } }));
    expect(await findRecord('a:1', record.id)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/has ended/),
    });
    const other = await beginRecord('a:1', REQUEST);
    await other.end('failed', 'no space');
    change(other.id, (stored) => ({ ...stored, owner: { ...(stored.owner as object), pid: 2 ** 22 + 1 } }));
    expect(await findRecord('a:1', other.id)).toMatchObject({ state: 'failed', reason: 'no space' });
  });

  it('is listed by its target, for its server alone; what is no record is passed over', async () => {
    const one = await beginRecord('a:1', REQUEST);
    const two = await beginRecord('a:1', { ...REQUEST, to: { db: 'shop', collection: 'other' } });
    await beginRecord('b:1', REQUEST);
    for (const name of ['12.json', 'x.json', '13.json.new']) {
      writeFileSync(join(folder, 'snapshot-restores', 'a_1', name), '{');
    }
    const ids = async (of: object): Promise<string[]> => (await everyRecord('a:1', of)).map(({ jobId }) => jobId);
    expect((await ids({})).sort()).toStrictEqual([one.id, two.id].sort());
    expect(await ids({ collection: 'back' })).toStrictEqual([one.id]);
    expect(await ids({ db: 'default' })).toStrictEqual([]);
    expect(await everyRecord('c:1', {})).toStrictEqual([]);
    expect(readdirSync(join(folder, 'snapshot-restores')).sort()).toStrictEqual(['a_1', 'b_1']);
  });

  it.each(['1', '../1', '', '12345678901234567890123'])('is none of the id %j', async (id) => {
    await expect(findRecord('a:1', id)).rejects.toMatchObject({
      code: 'SNAPSHOT_JOB_NOT_FOUND',
      message: expect.stringMatching(/^restore job not found/),
    });
  });
});
