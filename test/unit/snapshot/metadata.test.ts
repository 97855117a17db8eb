import { describe, expect, it } from 'vitest';
import {
  decodeMetadata,
  encodeMetadata,
  LARGEST_METADATA,
  NO_DEFAULT,
  NO_FIELD,
  NO_SCHEMA,
} from '../../../src/snapshot/metadata.js';
import { LAYOUT, type SnapshotMetadata } from '../../../src/snapshot/types.js';
import { damage, numbers } from '../../support/binlog-fuzz.js';
import { LARGE, LEAST, METADATA, MOST } from './support.js';

const ROUNDS = Number(process.env.MILVUSDM_FUZZ_ROUNDS ?? 200);
const read = (value: unknown): SnapshotMetadata => decodeMetadata(Buffer.from(JSON.stringify(value)), 'm');

const FULL: SnapshotMetadata = {
  ...METADATA,
  snapshot_info: { ...METADATA.snapshot_info, description: 'größer', pin_ids: [1n, LARGE] },
  collection: {
    ...METADATA.collection,
    schema: {
      ...NO_SCHEMA,
      name: 'articles',
      dbName: 'shop',
      autoID: true,
      enable_dynamic_field: true,
      fields: [
        { ...NO_FIELD, fieldID: 100n, name: 'id', is_primary_key: true, data_type: 5, autoID: true },
        { ...NO_FIELD, fieldID: 101n, name: 'v', data_type: 101, type_params: [{ key: 'dim', value: '8' }] },
        {
          ...NO_FIELD,
          fieldID: 102n,
          name: 'a',
          data_type: 22,
          element_type: 21,
          is_clustering_key: true,
          nullable: true,
        },
        { ...NO_FIELD, fieldID: 103n, name: 'b', data_type: 1, default_value: { ...NO_DEFAULT, bool_data: false } },
        { ...NO_FIELD, fieldID: 104n, name: 'l', data_type: 5, default_value: { ...NO_DEFAULT, long_data: LEAST } },
        { ...NO_FIELD, fieldID: 105n, name: 'd', data_type: 11, default_value: { ...NO_DEFAULT, double_data: -0.5 } },
        {
          ...NO_FIELD,
          fieldID: 106n,
          name: 'n',
          data_type: 10,
          default_value: { ...NO_DEFAULT, float_data: Infinity },
        },
        {
          ...NO_FIELD,
          fieldID: 107n,
          name: 'x',
          data_type: 24,
          default_value: { ...NO_DEFAULT, bytes_data: Uint8Array.of(251, 255) },
        },
      ],
      functions: [
        {
          name: 'f',
          id: 1n,
          description: '',
          type: 1,
          input_field_names: ['a'],
          input_field_ids: [102n],
          output_field_names: [],
          output_field_ids: [LARGE],
          params: [],
        },
      ],
      struct_array_fields: [
        { fieldID: 110n, name: 's', description: '', fields: [{ ...NO_FIELD, fieldID: 111n, name: 't' }] },
      ],
    },
    partitions: { _default: 2n, 'p 2': LARGE },
    properties: [{ key: 'collection.ttl.seconds', value: '0' }],
  },
  indexes: [
    {
      collectionID: 45n,
      fieldID: 101n,
      index_name: 'v',
      indexID: LARGE,
      type_params: [],
      index_params: [{ key: 'index_type', value: 'HNSW' }],
      is_auto_index: true,
      user_index_params: [],
    },
  ],
  storagev2_manifest_list: [{ segment_id: LARGE, manifest: '{"ver":1,"base_path":"x"}' }],
  build_ids: [MOST],
  layout: LAYOUT.selfContained,
};

describe('a metadata file', () => {
  it('comes back as it was', () => {
    expect(decodeMetadata(encodeMetadata(FULL), 'm')).toStrictEqual(FULL);
    expect(decodeMetadata(encodeMetadata(METADATA), 'm')).toStrictEqual(METADATA);
  });

  it('is written as protojson: 64-bit integers as text, enums by name, bytes as base64, nothing that is zero', () => {
    const text = Buffer.from(encodeMetadata(FULL)).toString();
    expect(text.startsWith('{\n  "format_version": 4,\n  "snapshot_info": {\n    "name": "nightly"')).toBe(true);
    const written = JSON.parse(text);
    expect(written).toMatchObject({
      snapshot_info: { id: '77', collection_id: '45', create_ts: String(LARGE), pin_ids: ['1', String(LARGE)] },
      collection: {
        num_shards: '1',
        consistency_level: 'Bounded',
        partitions: { _default: '2', 'p 2': String(LARGE) },
      },
      indexes: [{ indexID: String(LARGE), is_auto_index: true }],
      build_ids: [String(MOST)],
      layout: 'SnapshotLayoutSelfContained',
    });
    const { fields } = written.collection.schema;
    expect(fields[0]).toStrictEqual({
      fieldID: '100',
      name: 'id',
      is_primary_key: true,
      data_type: 'Int64',
      autoID: true,
    });
    expect(fields[2]).toMatchObject({ data_type: 'Array', element_type: 'VarChar' });
    expect(fields.slice(3).map((f: { default_value: unknown }) => f.default_value)).toStrictEqual([
      { bool_data: false },
      { long_data: String(LEAST) },
      { double_data: -0.5 },
      { float_data: 'Infinity' },
      { bytes_data: '+/8=' },
    ]);
  });

  it('may have integers as numbers, enums by number, and keys that nobody knows', () => {
    const found = decodeMetadata(
      Buffer.from(
        `{"format_version": "2", "snapshot_info": {"collection_id": ${LARGE}, "id": 7, "state": "Whatever", "pin_expire_at_ms": {"1": "2"}},
          "collection": {"schema": {"fields": [{"fieldID": 100, "data_type": 5}, {"data_type": "None"}]}, "consistency_level": 1},
          "storagev2_manifest_list": [{"segmentID": ${LARGE}, "manifest": "m"}], "layout": null, "new": {}}`,
      ),
      'm',
    );
    expect(found).toMatchObject({
      format_version: 2,
      snapshot_info: { collection_id: LARGE, id: 7n },
      collection: { consistency_level: 1, schema: { fields: [{ fieldID: 100n, data_type: 5 }, { data_type: 0 }] } },
      storagev2_manifest_list: [{ segment_id: LARGE, manifest: 'm' }],
      layout: LAYOUT.referenced,
    });
  });

  it('without a version is of version 1', () => {
    expect(read({}).format_version).toBe(1);
    expect(read({ format_version: 0 }).format_version).toBe(1);
  });

  it.each<[string, unknown, string, RegExp]>([
    [
      'of a newer version',
      { format_version: 5 },
      'SRC_UNSUPPORTED',
      /format version 5, milvusdm reads .* up to version 4/,
    ],
    ['of a newer version as text', { format_version: '17' }, 'SRC_UNSUPPORTED', /format version 17/],
    ['of no version', { format_version: -1 }, 'SRC_CORRUPT', /format_version -1/],
    ['of half a version', { format_version: 1.5 }, 'SRC_CORRUPT', /format_version 1.5/],
    [
      'with a type that nobody knows',
      { collection: { schema: { fields: [{ data_type: 'Quaternion' }] } } },
      'SRC_UNSUPPORTED',
      /collection\.schema\.fields\[0\]\.data_type: "Quaternion" is no DataType/,
    ],
    ['with a layout that nobody knows', { layout: 'SnapshotLayoutFolded' }, 'SRC_UNSUPPORTED', /layout/],
    [
      'with an id beyond 64 bits',
      { segment_ids: ['9223372036854775808'] },
      'SRC_CORRUPT',
      /segment_ids\[0\]: need a whole number of 64 bits/,
    ],
    ['with an id that is none', { segment_ids: ['1e3'] }, 'SRC_CORRUPT', /segment_ids\[0\]/],
    ['with a list that is none', { manifest_list: 'x' }, 'SRC_CORRUPT', /manifest_list: need a list/],
    ['with a map that is none', { collection: { partitions: [] } }, 'SRC_CORRUPT', /partitions: need an object/],
    [
      'with bytes that are none',
      { collection: { schema: { fields: [{ default_value: { bytes_data: '*' } }] } } },
      'SRC_CORRUPT',
      /bytes_data: need base64/,
    ],
    ['that is a list', [], 'SRC_CORRUPT', /need an object/],
    ['that is nothing', null, 'SRC_CORRUPT', /need an object/],
  ])('%s is refused', (_, value, code, message) => {
    expect(() => read(value)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  it('that is no JSON, no UTF-8 or too long is refused', () => {
    for (const bytes of [
      Buffer.from('{'),
      Buffer.from([0x22, 0xff, 0x22]),
      Buffer.alloc(0),
      Buffer.from('['.repeat(300)),
    ]) {
      expect(() => decodeMetadata(bytes, 'm')).toThrow(expect.objectContaining({ code: 'SRC_CORRUPT' }));
    }
    expect(() => decodeMetadata(new Uint8Array(LARGEST_METADATA + 1), 'm')).toThrow(
      expect.objectContaining({ code: 'SRC_UNSUPPORTED' }),
    );
  });

  it('damaged anyhow ends in an error of its kind, or in metadata', () => {
    const bytes = encodeMetadata(FULL);
    const next = numbers(9);
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      try {
        decodeMetadata(damage(bytes, next), 'm');
      } catch (thrown) {
        expect(['SRC_CORRUPT', 'SRC_UNSUPPORTED']).toContain((thrown as { code?: string }).code);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(ROUNDS / 4);
  });
});
