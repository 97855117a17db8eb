import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeFullMeta, decodeLevels } from '../../../src/backup/decode.js';
import { encodeMeta } from '../../../src/backup/encode.js';
import { backupCodec } from '../../../src/backup/meta.js';
import type { BackupInfo } from '../../../src/backup/types.js';

const META = join(import.meta.dirname, '../../../fixtures/milvus-backup/sample/meta');
const file = (name: string) => ({ where: name, bytes: readFileSync(join(META, name)) });
const textFile = (text: string) => ({ where: 'full_meta.json', bytes: Buffer.from(text) });
const sample = (): BackupInfo => decodeFullMeta(file('full_meta.json'));
const encoded = (info: BackupInfo): Map<string, string> =>
  new Map(encodeMeta(info).map(([name, bytes]) => [name, Buffer.from(bytes).toString()]));

describe('the meta files of milvus-backup', () => {
  it('are read with their ids exact', () => {
    const { collection_backups: collections, ...rest } = sample();
    expect(rest).toMatchObject({ name: 'sample', size: 212317, milvus_version: 'v2.3.5-lite', format: '' });
    expect(collections.map((c) => [c.collection_id, c.collection_name, c.size])).toStrictEqual([
      [470596403606015236n, 'fingerprints', 9226],
      [470596403606015148n, 'articles', 203091],
    ]);
    const articles = collections[1]!;
    expect(articles).toMatchObject({
      shards_num: 2,
      consistency_level: 2,
      created_timestamp: 470597372701310994n,
      aliases: ['articles_alias'],
      properties: [{ key: 'collection.ttl.seconds', value: '864000' }],
      l0_segments: [],
    });
    expect(articles.partition_backups.map((p) => [p.partition_name, p.segment_backups.length])).toStrictEqual([
      ['_default', 3],
      ['p_2024', 2],
      ['p_empty', 0],
    ]);
    expect(collections[0]!.partition_backups[0]!.segment_backups[0]!.binlogs[0]).toStrictEqual({
      fieldID: 0n,
      binlogs: [
        {
          log_path: 'files/insert_log/470596403606015236/470596403606015237/470596403606015267/0/470596403605418491',
          log_size: 1569,
          log_id: 470596403605418491n,
        },
      ],
    });
  });

  it('are written byte for byte as they were', () => {
    const texts = encoded(sample());
    for (const name of ['backup', 'collection', 'partition', 'segment', 'full']) {
      expect(texts.get(name), name).toBe(readFileSync(join(META, `${name}_meta.json`), 'utf8'));
    }
  });

  it('are written with the commit mark last', () => {
    expect(encodeMeta(sample()).map(([name]) => name)).toStrictEqual([
      'backup',
      'collection',
      'partition',
      'segment',
      'full',
    ]);
  });

  it('say the same together as full_meta.json', () => {
    const levels = decodeLevels({
      backup: file('backup_meta.json'),
      collection: file('collection_meta.json'),
      partition: file('partition_meta.json'),
      segment: file('segment_meta.json'),
    });
    // What only the sum has.
    expect({ ...levels, database_backups: [{ db_name: 'default', db_id: 0n, properties: [], ezk: '' }] }).toStrictEqual(
      sample(),
    );
  });

  it('keep what 2.3.5 never says: L0, RBAC, functions, checkpoints, unsigned timestamps', () => {
    const text = JSON.stringify({
      id: 'x',
      state_code: 0,
      backup_timestamp: 1,
      collection_backups: [
        {
          schema: {
            functions: [{ name: 'bm25', id: 100, type: 1, input_field_names: ['t'], input_field_ids: [101] }],
            struct_array_fields: [{ fieldID: 110, name: 's', fields: [{ fieldID: 111, name: 'v', nullable: true }] }],
          },
          size: 0,
          has_index: false,
          channel_checkpoints: { b: 'Cg==', a: 'Cw==' },
          l0_segments: [
            {
              segment_id: 9,
              partition_id: -1,
              deltalogs: [{ binlogs: [{ log_size: 0, log_id: 7 }] }],
              size: 0,
              is_l0: true,
            },
          ],
        },
      ],
      size: 0,
      rbac_meta: { users: [{ user: 'u', password: 'h', roles: [{ name: 'r' }] }], grants: [{ grantor: { user: {} } }] },
    }).replace('"backup_timestamp":1,', '"backup_timestamp":18446744073709551615,');
    const info = decodeFullMeta(textFile(text));
    expect(info.backup_timestamp).toBe(2n ** 64n - 1n);
    expect(info.collection_backups[0]!.l0_segments[0]!.partition_id).toBe(-1n);
    expect(encoded(info).get('full')).toBe(text.replace('{"b":"Cg==","a":"Cw=="}', '{"a":"Cw==","b":"Cg=="}'));
  });

  it('may have keys that nobody knows', () => {
    const { name } = decodeFullMeta(textFile('{"name":"n","of_tomorrow":[{"id":18446744073709551616}],"size":null}'));
    expect(name).toBe('n');
  });

  it('are refused by name where the format is another one, whatever else they hold', () => {
    expect(() => decodeFullMeta(textFile('{"collection_backups":7,"format":"snapshot"}'))).toThrow(
      /full_meta.json says that this backup is a snapshot bundle of Milvus 3.0/,
    );
    expect(() => decodeFullMeta(textFile('{"format":"future"}'))).toThrow(/of the format "future"/);
  });

  it.each([
    ['{"name":5}', 'name: need text, have 5'],
    [
      '{"collection_backups":[{"size":0},{"partition_backups":[{"partition_id":"7"}]}]}',
      'collection_backups[1].partition_backups[0].partition_id: need a whole number of 64 bits, have 7',
    ],
    ['{"size":9007199254740993}', 'size: need a whole number up to 2^53, have 9007199254740993'],
    ['{"collection_backups":{}}', 'collection_backups: need a list, have an object'],
    ['{"flush_all_msgs_base64":{"c":1}}', 'flush_all_msgs_base64.c: need text, have 1'],
    ['{"collection_backups":[{"has_index":1}]}', 'collection_backups[0].has_index: need true or false, have 1'],
    ['{"backup_timestamp":-1}', 'backup_timestamp: need a whole number of 64 bits, have -1'],
    ['[]', 'need an object, have a list'],
    ['{"name":"x', 'the text ends too early'],
  ])('are refused with the place: %s', (text, message) => {
    expect(() => decodeFullMeta(textFile(text))).toThrow(
      expect.objectContaining({ code: 'SRC_CORRUPT', message: expect.stringContaining(message) }),
    );
  });

  it('are refused where a segment belongs to nothing', () => {
    const level = (value: object) => textFile(JSON.stringify(value));
    const files = { backup: level({}), collection: level({}), partition: level({}) };
    expect(() => decodeLevels({ ...files, segment: level({ infos: [{ segment_id: 3, partition_id: 4 }] }) })).toThrow(
      /has segment 3 of partition 4, of which full_meta.json says nothing/,
    );
  });

  it('have a zero for every field', () => {
    expect(decodeFullMeta(textFile('{}'))).toStrictEqual(backupCodec.zero);
  });
});
