// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { type SnapshotCommandOptions, snapshotConfig } from '../../../src/cli/snapshot.js';
import { MilvusdmError } from '../../../src/util/errors.js';

const QUIET: SnapshotCommandOptions = { logLevel: 'info', logFormat: 'text' };
const WHERE = 'http://a:1';
const folder = mkdtempSync(join(tmpdir(), 'milvusdm-snapshot-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

type Options = Partial<SnapshotCommandOptions>;
const config = (action: Parameters<typeof snapshotConfig>[0], where: string, subject?: string, o: Options = {}) =>
  snapshotConfig(action, where, subject, { ...QUIET, ...o });

function refusal(run: () => unknown): MilvusdmError {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof MilvusdmError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

function file(text: string): string {
  const path = join(folder, `${Math.random()}.yaml`);
  writeFileSync(path, text);
  return path;
}

describe('an address', () => {
  it('with all options makes the task that a YAML file would make', () => {
    vi.stubEnv('A_TOKEN', 'geheim');
    const made = config('create', 'https://a:1', 'daily_20260101', {
      collection: 'articles',
      db: 'shop',
      token: '${A_TOKEN}',
      ca: 'ca.pem',
      storage: 's3://bucket/root',
      description: 'd',
      flush: false,
      compactionProtection: 60,
    });
    expect(made).toMatchObject({
      task: 'SNAPSHOT',
      action: 'create',
      name: 'daily_20260101',
      collection: 'articles',
      db: 'shop',
      endpoint: { at: { address: 'a:1', tls: true }, token: 'geheim', tls: { ca: join(process.cwd(), 'ca.pem') } },
      storage: { type: 's3', bucket: 'bucket', root: 'root' },
      description: 'd',
      flush: false,
      compactionProtection: 60,
      secrets: ['geheim'],
    });
    expect(config('list', WHERE, undefined, { storage: './data' }).storage).toEqual({
      type: 'local',
      path: join(process.cwd(), 'data'),
    });
  });

  it('restores without waiting unless --wait is given', () => {
    const o = { to: 'restored', toDb: 'other', verify: 'full' };
    expect(config('restore', WHERE, 'daily_20260101', o)).toMatchObject({
      wait: false,
      verify: 'full',
      to: { collection: 'restored', db: 'other' },
    });
    expect(config('restore', WHERE, 'daily_20260101', { ...o, wait: true }).wait).toBe(true);
  });

  it('takes the id of a job, and what is to be pruned', () => {
    expect(config('job', WHERE, '460212311434199064').jobId).toBe('460212311434199064');
    expect(config('prune', WHERE, undefined, { keepLast: 3, olderThan: '2d', yes: true })).toMatchObject({
      keepLast: 3,
      olderThanMs: 172_800_000,
      apply: true,
    });
  });

  it.each([
    ['create', 'a_2026', {}, '--collection is missing, needed with action: create'],
    ['describe', undefined, {}, 'NAME is missing, needed with action: describe'],
    ['describe', 'a/b', {}, 'NAME: `a/b` is not allowed'],
    ['restore', 'a_2026', {}, '--to is missing, needed with action: restore'],
    ['job', undefined, {}, 'ID is missing, needed with action: job'],
    ['prune', undefined, {}, 'needed with action: prune: --keep-last, --older-than or both'],
    ['list', undefined, { user: 'root' }, '--user: is given without --password'],
    ['list', undefined, { token: 'plain' }, '--token is a secret'],
    ['list', undefined, { token: '${NOT_SET_ANYWHERE}' }, 'NOT_SET_ANYWHERE is not set'],
    [
      'restore',
      'a_2026',
      { to: 'b', verify: 'all' },
      'verify: `all` is not allowed, allowed: none, count, sample, full',
    ],
  ] as const)('%s %s %j is refused in the words of the command line', (action, subject, o, message) => {
    const error = refusal(() => config(action, WHERE, subject, o));
    expect(error.code).toBe('USAGE');
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('plain');
  });
});

describe('a YAML file', () => {
  const text =
    'SNAPSHOT:\n  action: create\n  source_uri: http://b:2\n  source_collection: c\n  snapshot_name: s_2026\n';

  it('serves every verb', () => {
    const path = file(text);
    expect(config('list', path)).toMatchObject({ action: 'list', collection: 'c', file: path });
    expect(config('drop', path)).toMatchObject({ action: 'drop', name: 's_2026' });
    expect(config('describe', path, 'other_2026', { collection: 'd' })).toMatchObject({
      name: 'other_2026',
      collection: 'd',
    });
  });

  it('has no login on the command line', () => {
    const error = refusal(() => config('list', file(text), undefined, { token: '${A}', storage: '.' }));
    expect(error).toMatchObject({ code: 'USAGE', message: '--token, --storage is given with a YAML file' });
  });

  it('must be one, and of a SNAPSHOT', () => {
    expect(refusal(() => config('list', join(folder, 'none.yaml'))).code).toBe('USAGE');
    const error = refusal(() => config('list', 'yamls/F2M.yaml'));
    expect(error).toMatchObject({ code: 'USAGE', message: 'yamls/F2M.yaml is a task of F2M, and not a SNAPSHOT' });
  });
});
