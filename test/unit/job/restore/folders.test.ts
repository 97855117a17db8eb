import { describe, expect, it } from 'vitest';
import type { CollectionBackupInfo } from '../../../../src/backup/types.js';
import { checkCounts } from '../../../../src/job/restore/check.js';
import {
  backupLayout,
  collectionFiles,
  type ImportUnit,
  takesPartitions,
} from '../../../../src/job/restore/folders.js';
import type { MemoryStore } from '../../../support/memory-store.js';
import { collection, item, NAME, partition, segment, storeOf } from './support.js';

const INSERT = 'b1/binlogs/insert_log/7';
const DELTA = 'b1/binlogs/delta_log/7';

function info(): CollectionBackupInfo {
  return collection('c', {
    partition_backups: [
      partition(1n, '_default', [segment(11n, 1n), segment(12n, 1n, { rows: 5, deletes: true })]),
      partition(2n, 'p', [segment(21n, 2n)]),
      partition(3n, 'empty'),
    ],
  });
}

async function unitsOf(
  of: CollectionBackupInfo,
  o: { together?: boolean; staged?: boolean; change?: (store: MemoryStore) => void } = {},
): Promise<readonly ImportUnit[]> {
  const store = storeOf(of);
  o.change?.(store);
  const { units } = await collectionFiles(store, backupLayout(NAME), item(of), {
    together: o.together ?? true,
    staged: o.staged ?? false,
  });
  return units;
}

describe('imports', () => {
  it('are one for each partition, with its deletes', async () => {
    expect(await unitsOf(info())).toMatchObject([
      {
        partition: '_default',
        insert: `${INSERT}/1/`,
        delta: `${DELTA}/1/`,
        rows: 15,
        deltaBytes: 3,
        name: '2 segments',
      },
      { partition: 'p', insert: `${INSERT}/2/`, rows: 10, deltaBytes: 0, name: 'segment 21' },
    ]);
    expect((await unitsOf(info()))[1]).not.toHaveProperty('delta');
  });

  it('are one for each segment where the server wants that', async () => {
    expect(await unitsOf(info(), { together: false })).toMatchObject([
      { partition: '_default', insert: `${INSERT}/1/11/`, rows: 10 },
      { partition: '_default', insert: `${INSERT}/1/12/`, delta: `${DELTA}/1/12/`, rows: 5 },
      { partition: 'p', insert: `${INSERT}/2/21/`, rows: 10 },
    ]);
  });

  it('are one for each segment of a partition whose folder holds more than the meta files name', async () => {
    const change = (store: MemoryStore): unknown => store.objects.set(`${INSERT}/1/99/99/100/1`, new Uint8Array(1));
    const units = await unitsOf(info(), { change });
    expect(units.map(({ insert }) => insert)).toEqual([`${INSERT}/1/11/`, `${INSERT}/1/12/`, `${INSERT}/2/`]);
    // Only what the meta files name is copied there.
    expect(await unitsOf(info(), { change, staged: true })).toHaveLength(2);
  });

  it('take the folder of the partition where segments lie right in it, as older backups have them', async () => {
    const flat = (id: bigint) => ({ ...segment(id, 1n), group_id: 0n });
    const of = collection('c', { partition_backups: [partition(1n, '_default', [flat(11n), flat(12n)])] });
    const all = [{ insert: `${INSERT}/1/`, rows: 20 }];
    expect(await unitsOf(of, { together: false })).toMatchObject(all);
    expect(await unitsOf(of)).toMatchObject(all);
    const change = (store: MemoryStore): unknown => store.objects.set(`${INSERT}/1/99/100/1`, new Uint8Array(1));
    expect((await unitsOf(of, { change })).map(({ insert }) => insert)).toEqual([`${INSERT}/1/11/`, `${INSERT}/1/12/`]);
    await expect(unitsOf(of, { together: false, change })).rejects.toMatchObject({ code: 'SRC_CORRUPT' });
  });

  it('of deletes that stand alone come last', async () => {
    const of = collection('c', {
      partition_backups: [partition(1n, '_default', [segment(11n, 1n), segment(13n, 1n, { l0: true })])],
      l0_segments: [segment(14n, -1n, { l0: true })],
    });
    const units = await unitsOf(of, { together: false });
    expect(units.map(({ insert, delta, partition: name }) => [name, insert, delta])).toEqual([
      ['_default', `${INSERT}/1/11/`, undefined],
      ['_default', undefined, `${DELTA}/1/13/`],
      ['', undefined, `${DELTA}/-1/14/`],
    ]);
  });

  it('of segments without rows there are none', async () => {
    const of = collection('c', { partition_backups: [partition(1n, '_default', [segment(11n, 1n, { rows: 0 })])] });
    expect(await unitsOf(of)).toEqual([]);
  });
});

describe('a backup that is not whole', () => {
  const key = `${INSERT}/1/11/11/100/110`;

  it.each<[string, (store: MemoryStore) => void, object]>([
    [
      'a missing file',
      (store) => store.objects.delete(key),
      { code: 'SRC_TRUNCATED', message: expect.stringContaining(`${key} in memory is missing`) },
    ],
    [
      'a short file',
      (store) => store.objects.set(key, new Uint8Array(4)),
      { code: 'SRC_TRUNCATED', message: expect.stringContaining('has 4 bytes, 5 are expected') },
    ],
    ['a missing delta', (store) => store.objects.delete(`${DELTA}/1/12/12/121`), { code: 'SRC_TRUNCATED' }],
    [
      'a foreign file in a segment',
      (store) => store.objects.set(`${INSERT}/1/11/11/100/5`, new Uint8Array(1)),
      { code: 'SRC_CORRUPT' },
    ],
  ])('%s is named', async (_, change, error) => {
    await expect(unitsOf(info(), { change })).rejects.toMatchObject({ exitCode: 3, ...error });
  });
});

it.each([
  ['v2.3.5-lite', true],
  ['2.2.16', true],
  ['v2.4.0', false],
  ['v2.10.1', false],
  ['v3.0.0', false],
  ['dev', false],
])('server %s takes a folder of many segments: %s', (version, takes) => {
  expect(takesPartitions(version)).toBe(takes);
});

describe('counts', () => {
  const check = (came: number, o: { rows?: number; deltaBytes?: number; target?: number } = {}): unknown => {
    const unit = {
      partition: 'p',
      rows: o.rows ?? 10,
      deltaBytes: o.deltaBytes ?? 0,
      bytes: 1,
      storageVersion: 0,
      name: 'segment 1',
    };
    return checkCounts(item(collection('c')), new Map([[unit, came]]), o.target ?? came);
  };

  it('agree where nothing was deleted, or not more came than there is', () => {
    check(10);
    check(7, { deltaBytes: 3 });
    check(0, { deltaBytes: 3 });
  });

  it.each<[string, () => unknown, string]>([
    [
      'rows that did not come',
      () => check(9),
      'the import of segment 1 of partition "p" brought 9 rows, its files have 10',
    ],
    ['rows from nowhere', () => check(11, { deltaBytes: 3 }), 'brought 11 rows, its files have 10'],
    ['rows that the server does not count', () => check(10, { target: 9 }), 'brought 10 rows, the server counts 9'],
  ])('tell of %s', (_, action, message) => {
    expect(action).toThrow(
      expect.objectContaining({ code: 'VERIFY_MISMATCH', exitCode: 6, message: expect.stringContaining(message) }),
    );
  });
});
