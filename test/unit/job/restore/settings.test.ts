import { describe, expect, it } from 'vitest';
import { indexCodec } from '../../../../src/backup/meta.js';
import type { IndexInfo } from '../../../../src/backup/types.js';
import { indexesOf } from '../../../../src/job/restore/indexes.js';
import { loadWish } from '../../../../src/job/restore/loading.js';
import { makingName } from '../../../../src/job/restore/making.js';
import { restoreJobId } from '../../../../src/job/restore/restore-job.js';
import { CONFIG, collection, item, partition } from './support.js';

function index(field_name: string, params: Record<string, string>): IndexInfo {
  return { ...indexCodec.zero, field_name, index_name: `${field_name}_idx`, params };
}

describe('indexes', () => {
  const info = collection('c', {
    index_infos: [
      index('id', { index_type: 'marisa-trie' }),
      index('v', { index_type: 'HNSW', metric_type: 'COSINE', M: '16', efConstruction: '100' }),
    ],
  });

  it('are those of the backup, vectors first, under names that servers take today', () => {
    expect(indexesOf(info, 'restore')).toEqual([
      {
        field: 'v',
        name: 'v_idx',
        params: { index_type: 'HNSW', metric_type: 'COSINE', M: '16', efConstruction: '100' },
      },
      { field: 'id', name: 'id_idx', params: { index_type: 'Trie' } },
    ]);
  });

  it('may be automatic on vectors, with the metric that was, or none', () => {
    expect(indexesOf(info, 'auto')[0]?.params).toEqual({ index_type: 'AUTOINDEX', metric_type: 'COSINE' });
    expect(indexesOf(info, 'auto')[1]?.params).toEqual({ index_type: 'Trie' });
    expect(indexesOf(info, 'none')).toEqual([]);
  });
});

describe('what is loaded', () => {
  const info = (state: string, ...partitions: string[]) =>
    collection('c', {
      load_state: state,
      partition_backups: partitions.map((load_state, i) => ({ ...partition(BigInt(i), `p${i}`), load_state })),
    });

  it.each<[ReturnType<typeof info>, boolean | 'restore', unknown]>([
    [info('Loaded', 'Loaded', 'Loaded'), 'restore', 'all'],
    [info('Loaded', '', ''), 'restore', 'all'],
    [info('Loaded', 'Loaded', 'NotLoad'), 'restore', ['p0']],
    [info('NotLoad', 'NotLoad', 'Loaded'), 'restore', ['p1']],
    [info('NotLoad', 'NotLoad'), 'restore', 'nothing'],
    [info('', ''), 'restore', 'nothing'],
    [info('NotLoad', 'NotLoad'), true, 'all'],
    [info('Loaded', 'Loaded'), false, 'nothing'],
  ])('case %#', (of, load, wish) => {
    expect(loadWish(of, load)).toEqual(wish);
  });
});

describe('the name of what is being made', () => {
  const name = (changes: object): string => makingName(restoreJobId({ ...CONFIG, ...changes }), item(collection('c')));

  it('is the same for every run of the same restore, and one that Milvus takes', () => {
    const changes = {
      parallelism: 9,
      verify: 'none',
      secrets: ['x'],
      retryFor: 5,
      endpoint: { ...CONFIG.endpoint, token: 't' },
    };
    expect(name(changes)).toBe(name({}));
    expect(name({})).toMatch(/^milvusdm_restore_[0-9a-f]{12}_[0-9a-f]{12}$/);
  });

  it.each<object>([
    { name: 'b2' },
    { store: { type: 'local', path: '/other' } },
    { endpoint: { at: { kind: 'server', address: 'b:1', tls: false } } },
    { rename: { map: {}, suffix: '_x' } },
    { select: ['a.*'] },
  ])('is another one for %j', (changes) => {
    expect(name(changes)).not.toBe(name({}));
  });
});
