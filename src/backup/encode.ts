import type { Codec } from './codec.js';
import { backupCodec, collectionCodec, levelCodec, partitionCodec, segmentCodec } from './meta.js';
import type { BackupInfo } from './types.js';

/** A backup's five meta files in the order in which they are written: the commit mark last. */
export type MetaTexts = readonly (readonly ['backup' | 'collection' | 'partition' | 'segment' | 'full', Uint8Array])[];

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const out: string[] = [];
  codec.write(value, out);
  // Piece by piece: together they may be longer than a string can be.
  return Buffer.concat(out.map((piece) => Buffer.from(piece)));
}

/**
 * What milvus-backup's four level files and full_meta.json say of a backup. The level files leave out what the next
 * level says; deletes of all partitions are in full_meta.json only.
 */
export function encodeMeta(info: BackupInfo): MetaTexts {
  const collections = info.collection_backups;
  const partitions = collections.flatMap((c) => c.partition_backups);
  const segments = partitions.flatMap((p) => p.segment_backups);
  const withoutSegments = partitions.map((p) => ({ ...p, segment_backups: [] }));
  const { id, state_code, name, backup_timestamp, size, milvus_version } = info;
  const level = { ...backupCodec.zero, id, state_code, name, backup_timestamp, size, milvus_version };
  return [
    ['backup', encode(backupCodec, level)],
    [
      'collection',
      encode(levelCodec(collectionCodec), {
        infos: collections.map((c) => ({
          ...c,
          l0_segments: [],
          partition_backups: c.partition_backups.map((p) => ({ ...p, segment_backups: [] })),
        })),
      }),
    ],
    ['partition', encode(levelCodec(partitionCodec), { infos: withoutSegments })],
    ['segment', encode(levelCodec(segmentCodec), { infos: segments })],
    ['full', encode(backupCodec, info)],
  ];
}
