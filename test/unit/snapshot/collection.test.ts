import { describe, expect, it } from 'vitest';
import { commitTimes, snapshotCollection } from '../../../src/snapshot/collection.js';
import { defaultFromBase64, defaultToBase64 } from '../../../src/snapshot/default-value.js';
import { NO_DEFAULT, NO_FIELD, NO_SCHEMA } from '../../../src/snapshot/metadata.js';
import type { OpenSnapshot } from '../../../src/snapshot/open.js';
import type {
  DefaultValue,
  SegmentManifest,
  SnapshotField,
  SnapshotIndex,
  SnapshotMetadata,
} from '../../../src/snapshot/types.js';
import { BARE, LARGE, LEAST, log, logs, METADATA } from './support.js';

function opened(segments: readonly SegmentManifest[], more: Partial<SnapshotMetadata> = {}): OpenSnapshot {
  const metadata = { ...METADATA, ...more };
  const place = { root: '', collection: 45n, file: '77.json' };
  return { key: 'k', where: 'k in memory', place, metadata, segments, manifests: [] };
}

const SEGMENT = {
  ...BARE,
  num_of_rows: 7n,
  binlog_files: [logs(100n, log(1n, 'a', 30n))],
  deltalog_files: [logs(0n, log(2n, 'd', 4n))],
};

describe('the collection of a snapshot', () => {
  it('has its segments in their partitions, and deletes of all partitions beside them', () => {
    const zero = {
      ...BARE,
      segment_id: 12n,
      partition_id: -1n,
      segment_level: 1n,
      deltalog_files: [logs(0n, log(3n, 'z', 5n))],
    };
    const info = snapshotCollection(opened([SEGMENT, zero]), new Map([['a', 31]]));
    expect(info).toMatchObject({
      collection_id: 45n,
      collection_name: 'articles',
      shards_num: 1,
      size: 40,
      consistency_level: 2,
    });
    expect(info.partition_backups).toMatchObject([{ partition_id: 2n, partition_name: '_default', size: 35 }]);
    expect(info.partition_backups[0]!.segment_backups).toMatchObject([
      {
        segment_id: 11n,
        num_of_rows: 7,
        is_l0: false,
        size: 35,
        binlogs: [{ binlogs: [{ log_path: 'a', log_size: 31 }] }],
      },
    ]);
    expect(info.l0_segments).toMatchObject([
      { segment_id: 12n, is_l0: true, deltalogs: [{ binlogs: [{ log_path: 'z' }] }] },
    ]);
  });

  it('has no columns of the server in its schema, and indexes by name of their field', () => {
    const fields: SnapshotField[] = [
      { ...NO_FIELD, fieldID: 0n, name: 'RowID', data_type: 5 },
      { ...NO_FIELD, fieldID: 1n, name: 'Timestamp', data_type: 5 },
      { ...NO_FIELD, fieldID: 101n, name: 'v', data_type: 101 },
    ];
    const index: SnapshotIndex = {
      collectionID: 45n,
      fieldID: 101n,
      index_name: 'i',
      indexID: 9n,
      type_params: [],
      index_params: [
        { key: 'index_type', value: 'HNSW' },
        { key: 'metric_type', value: 'COSINE' },
        { key: 'M', value: '18' },
      ],
      is_auto_index: true,
      user_index_params: [{ key: 'index_type', value: 'AUTOINDEX' }],
    };
    const collection = { ...METADATA.collection, schema: { ...NO_SCHEMA, name: 'articles', fields } };
    const info = snapshotCollection(opened([], { collection, indexes: [index] }));
    expect(info.schema!.fields.map(({ name }) => name)).toStrictEqual(['v']);
    expect(info.index_infos).toMatchObject([
      {
        field_name: 'v',
        index_name: 'i',
        index_type: 'AUTOINDEX',
        params: { index_type: 'AUTOINDEX', metric_type: 'COSINE' },
      },
    ]);
    expect(Object.keys(info.index_infos[0]!.params)).toHaveLength(2);
  });

  it('knows when a segment was committed', () => {
    expect(commitTimes(opened([SEGMENT, { ...SEGMENT, segment_id: 12n, commit_timestamp: LARGE }]))).toStrictEqual(
      new Map([[12n, LARGE]]),
    );
  });

  it.each<[string, Partial<SegmentManifest>, Partial<SnapshotMetadata>, string, RegExp]>([
    ['a partition that it does not have', { partition_id: 3n }, {}, 'SRC_CORRUPT', /segment 11 of partition 3/],
    ['rows of all partitions', { partition_id: -1n }, {}, 'SRC_CORRUPT', /segment 11 of partition -1/],
    ['storage version 3', { storage_version: 3n }, {}, 'SRC_UNSUPPORTED', /segment 11 is of storage version 3/],
    [
      'a Loon manifest in place of files',
      { binlog_files: [] },
      { storagev2_manifest_list: [{ segment_id: 11n, manifest: '{}' }] },
      'SRC_UNSUPPORTED',
      /segment 11 is of storage version 3/,
    ],
    [
      'files of another format',
      { binlog_files: [{ ...logs(100n, log(1n, 'a')), format: 'vortex' }] },
      {},
      'SRC_UNSUPPORTED',
      /segment 11 has files in the format "vortex"/,
    ],
  ])('with a segment of %s is refused', (_, segment, more, code, message) => {
    expect(() => snapshotCollection(opened([{ ...SEGMENT, ...segment }], more))).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('without a schema is refused', () => {
    const collection = { ...METADATA.collection, schema: undefined };
    expect(() => snapshotCollection(opened([], { collection }))).toThrow(
      expect.objectContaining({ code: 'SRC_CORRUPT' }),
    );
  });
});

describe('default values', () => {
  const members: Partial<DefaultValue>[] = [
    { bool_data: false },
    { bool_data: true },
    { int_data: -5 },
    { int_data: 0 },
    { long_data: LEAST },
    { float_data: 0.5 },
    { double_data: -1e300 },
    { string_data: '' },
    { string_data: 'größer' },
    { bytes_data: Uint8Array.of(0, 255) },
  ];
  it.each(members.map((member) => [Object.keys(member)[0]!, member] as const))(
    'of %s come back from the bytes of backups',
    (_, member) => {
      const value = { ...NO_DEFAULT, ...member };
      expect(defaultFromBase64(defaultToBase64(value))).toStrictEqual(value);
    },
  );

  it('without a member are none', () => {
    expect(defaultToBase64(NO_DEFAULT)).toBe('');
    expect(defaultFromBase64('')).toBeUndefined();
  });

  it('are the bytes of a ValueField', () => {
    expect(Buffer.from(defaultToBase64({ ...NO_DEFAULT, string_data: 'hi' }), 'base64')).toStrictEqual(
      Buffer.from([0x32, 2, 0x68, 0x69]),
    );
    expect(Buffer.from(defaultToBase64({ ...NO_DEFAULT, int_data: -1 }), 'base64')).toHaveLength(11);
  });
});
