import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Catalog, Reader } from '../../../../src/adapters/types.js';
import { backupFiles, logKey } from '../../../../src/backup/layout.js';
import type {
  BackupInfo,
  CollectionBackupInfo,
  FieldSchemaInfo,
  SegmentBackupInfo,
} from '../../../../src/backup/types.js';
import { rawColumns } from '../../../../src/batch/columns.js';
import { changeInfo, copyOfSample, infoOf, openAt, SAMPLE } from './support.js';

async function openCollection(catalog: Catalog, name: string): Promise<Reader> {
  return await catalog.collections.find((c) => c.name === name)!.open();
}

/** Ids by partition, sorted. */
async function idsOf(reader: Reader): Promise<Map<string, bigint[]>> {
  const found = new Map<string, bigint[]>();
  for (const split of await reader.splits()) {
    const ids = found.get(split.partition ?? '') ?? [];
    for await (const { batch } of reader.read(split, { maxBytes: 8192, columns: ['id'] })) {
      expect(batch.schema.fields.map(({ name }) => name)).toStrictEqual(['id']);
      ids.push(...(rawColumns(batch)[0]!.values as BigInt64Array));
    }
    found.set(split.partition ?? '', ids);
  }
  for (const ids of found.values()) ids.sort((a, b) => (a < b ? -1 : 1));
  return found;
}

function changeCollection(
  folder: string,
  name: string,
  change: (c: CollectionBackupInfo) => CollectionBackupInfo,
): void {
  changeInfo(folder, (info) => ({
    ...info,
    collection_backups: info.collection_backups.map((c) => (c.collection_name === name ? change(c) : c)),
  }));
}

const changeFields =
  (change: (field: FieldSchemaInfo) => FieldSchemaInfo) =>
  (c: CollectionBackupInfo): CollectionBackupInfo => ({
    ...c,
    schema: { ...c.schema!, fields: c.schema!.fields.map(change) },
  });

const NONE: SegmentBackupInfo = {
  segment_id: 0n,
  collection_id: 0n,
  partition_id: -1n,
  num_of_rows: 0,
  binlogs: [],
  deltalogs: [],
  size: 0,
  group_id: 0n,
  is_l0: true,
  v_channel: '',
  storage_version: 0,
};

/** Moves the deletes of all segments into one segment of deletes alone, as Milvus 2.4 and later record them. */
function moveDeletes(folder: string, c: CollectionBackupInfo): CollectionBackupInfo {
  const all = c.partition_backups.flatMap((p) => p.segment_backups);
  const logs = all.flatMap((s) => s.deltalogs.flatMap((d) => d.binlogs).map((log) => ({ s, log })));
  const zero = { ...NONE, segment_id: 77n, collection_id: c.collection_id };
  for (const { s, log } of logs) {
    const to = join(folder, logKey('', zero, undefined, log.log_id));
    mkdirSync(dirname(to), { recursive: true });
    renameSync(join(folder, logKey('', s, undefined, log.log_id)), to);
  }
  const without = (s: SegmentBackupInfo): SegmentBackupInfo => ({ ...s, deltalogs: [] });
  return {
    ...c,
    partition_backups: c.partition_backups.map((p) => ({ ...p, segment_backups: p.segment_backups.map(without) })),
    l0_segments: [{ ...zero, deltalogs: [{ fieldID: 0n, binlogs: logs.map(({ log }) => log) }] }],
  };
}

describe('deletes of all partitions', () => {
  it('remove the same rows as those of the segments', async () => {
    await using plain = await openAt(SAMPLE);
    await using before = await openCollection(plain, 'articles');
    const folder = copyOfSample();
    changeCollection(folder, 'articles', (c) => moveDeletes(folder, c));
    await using moved = await openAt(folder);
    await moved.collections[1]!.check!();
    await using after = await openCollection(moved, 'articles');
    expect(await idsOf(after)).toStrictEqual(await idsOf(before));
    expect((await after.splits()).map(({ rows }) => rows)).toStrictEqual(
      (await before.splits()).map(({ rows }) => rows),
    );
  });

  it('are no place for rows: nothing is left out in silence', async () => {
    const folder = copyOfSample();
    changeCollection(folder, 'articles', (c) => ({
      ...c,
      partition_backups: c.partition_backups.map((p) => ({
        ...p,
        segment_backups: p.segment_backups.map((s, at) => ({ ...s, is_l0: at === 0 })),
      })),
    }));
    const [one] = infoOf(folder).collection_backups[1]!.partition_backups[0]!.segment_backups;
    const said = `segment ${one!.segment_id} of collection "articles" is one of deletes alone \\(level 0\\) and has \\d+ files of rows`;
    await expect(openAt(folder)).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringMatching(new RegExp(said)),
    });
  });

  it('of another channel are not looked at', async () => {
    const folder = copyOfSample();
    const other = (c: CollectionBackupInfo): CollectionBackupInfo => {
      const moved = moveDeletes(folder, c);
      const on = (s: SegmentBackupInfo): SegmentBackupInfo => ({ ...s, v_channel: 'one' });
      return {
        ...moved,
        partition_backups: moved.partition_backups.map((p) => ({ ...p, segment_backups: p.segment_backups.map(on) })),
        l0_segments: moved.l0_segments.map((s) => ({ ...s, v_channel: 'two' })),
      };
    };
    changeCollection(folder, 'articles', other);
    await using catalog = await openAt(folder);
    await using reader = await openCollection(catalog, 'articles');
    const stored = infoOf(folder).collection_backups[1]!.partition_backups.flatMap((p) => p.segment_backups);
    const rows = (await reader.splits()).reduce((sum, s) => sum + s.rows, 0);
    expect(rows).toBe(stored.reduce((sum, s) => sum + s.num_of_rows, 0));
  });
});

describe('the files of a backup', () => {
  it('are missed by name before anything is read', async () => {
    const folder = copyOfSample();
    const [first] = [...backupFiles('', infoOf(folder))];
    rmSync(join(folder, first!.key));
    await using catalog = await openAt(folder);
    await expect(catalog.collections[0]!.check!()).rejects.toMatchObject({
      code: 'SRC_NOT_FOUND',
      message: expect.stringContaining(first!.key),
    });
    await catalog.collections[1]!.check!();
  });

  it('must have the length that they had', async () => {
    const folder = copyOfSample();
    const file = [...backupFiles('', infoOf(folder))].find(({ size }) => size > 2000)!;
    truncateSync(join(folder, file.key), 1500);
    await using catalog = await openAt(folder);
    await expect(catalog.collections[0]!.check!()).rejects.toMatchObject({
      code: 'SRC_TRUNCATED',
      message: expect.stringContaining(`${file.key} has 1,500 bytes`),
    });
  });

  it('are told from files of other data', async () => {
    const folder = copyOfSample();
    const file = [...backupFiles('', infoOf(folder))].find(({ field }) => field === 101n)!;
    writeFileSync(join(folder, file.key), Buffer.alloc(file.size, 7));
    await using catalog = await openAt(folder);
    await using reader = await catalog.collections[0]!.open();
    const [split] = await reader.splits();
    const read = async (): Promise<void> => {
      for await (const _ of reader.read(split!, { maxBytes: 8192 }));
    };
    await expect(read()).rejects.toMatchObject({ code: 'SRC_UNSUPPORTED', message: expect.stringContaining(file.key) });
  });
});

describe('what is selected', () => {
  it('narrows collections, partitions and fields', async () => {
    const more = { select: { articles: ['p_*'] }, outputFields: ['title', '$meta'] };
    await using catalog = await openAt(SAMPLE, more);
    expect(catalog.collections.map(({ name }) => name)).toStrictEqual(['articles']);
    expect(catalog.collections[0]!.settings).toMatchObject({ partitions: ['p_2024', 'p_empty'], indexes: [] });
    await using reader = await catalog.collections[0]!.open();
    expect(reader.schema.fields.map(({ name }) => name)).toStrictEqual(['id', 'title', '$meta']);
    expect((await reader.splits()).every(({ partition }) => partition === 'p_2024')).toBe(true);
    await expect(openAt(SAMPLE, { outputFields: ['titel'] })).rejects.toMatchObject({ code: 'CFG_CONFLICT' });
    await expect(openAt(SAMPLE, { select: { article: null } })).rejects.toMatchObject({ code: 'NOTHING_MATCHED' });
  });

  it('is one database', async () => {
    const folder = copyOfSample();
    changeCollection(folder, 'articles', (c) => ({ ...c, db_name: 'shop' }));
    await expect(openAt(folder)).rejects.toMatchObject({
      code: 'CFG_CONFLICT',
      message: expect.stringContaining('default, shop'),
    });
    await using catalog = await openAt(folder, { db: 'shop' });
    expect(catalog.collections.map(({ name }) => name)).toStrictEqual(['articles']);
  });
});

describe('a backup that cannot be read', () => {
  const refused: [string, (info: BackupInfo) => BackupInfo, object][] = [
    [
      'is a bundle of Milvus 3.0',
      (info) => ({ ...info, format: 'snapshot' }),
      { code: 'SRC_UNSUPPORTED', message: expect.stringMatching(/snapshot/) },
    ],
    [
      'is of an unknown format',
      (info) => ({ ...info, format: 'tape' }),
      { code: 'SRC_UNSUPPORTED', message: expect.stringMatching(/tape/) },
    ],
  ];
  it.each(refused)('%s', async (_, change, error) => {
    const folder = copyOfSample();
    changeInfo(folder, change);
    await expect(openAt(folder)).rejects.toMatchObject(error);
  });

  it('is not complete, or not there', async () => {
    const folder = copyOfSample();
    for (const file of ['full_meta', 'segment_meta']) rmSync(join(folder, `meta/${file}.json`));
    await expect(openAt(folder)).rejects.toMatchObject({ code: 'SRC_UNFINISHED' });
    await expect(openAt(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' });
  });

  it('has a type or a schema that is not read', async () => {
    const folder = copyOfSample();
    changeCollection(
      folder,
      'articles',
      changeFields((f) => (f.name === 'title' ? { ...f, data_type: 24 } : f)),
    );
    await expect(openAt(folder)).rejects.toMatchObject({
      code: 'SRC_UNSUPPORTED',
      message: expect.stringMatching(/"title".*GEOMETRY/),
    });
    changeCollection(
      folder,
      'articles',
      changeFields((f) => ({ ...f, data_type: f.name === 'title' ? 21 : f.data_type, is_primary_key: false })),
    );
    await expect(openAt(folder)).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringMatching(/0 primary keys/),
    });
  });
});

describe('the schema of a collection', () => {
  it('has default values, in whatever form', async () => {
    const folder = copyOfSample();
    // ValueField with member 6, a text; with member 5, a double.
    const text = Buffer.from([0x32, 2, 0x68, 0x69]).toString('base64');
    const double = Buffer.concat([Buffer.from([0x29]), Buffer.from(Float64Array.of(0.5).buffer)]).toString('base64');
    changeCollection(
      folder,
      'articles',
      changeFields((f) => ({
        ...f,
        default_value_base64: f.name === 'title' ? text : f.name === 'score' ? double : '',
      })),
    );
    await using catalog = await openAt(folder);
    await using reader = await openCollection(catalog, 'articles');
    const values = reader.schema.fields.map((f) => f.metadata.get('milvus.default_value'));
    expect(values.filter((value) => value !== undefined)).toStrictEqual(['hi', '0.5']);
  });

  it('may name its dynamic field, or leave it to its id', async () => {
    const folder = copyOfSample();
    changeCollection(folder, 'articles', (c) => {
      const [field] = c.schema!.fields;
      const dynamic = {
        ...field!,
        fieldID: 108n,
        name: '$meta',
        data_type: 23,
        is_dynamic: true,
        is_primary_key: false,
      };
      return { ...c, schema: { ...c.schema!, fields: [...c.schema!.fields, dynamic] } };
    });
    await using catalog = await openAt(folder);
    await using reader = await openCollection(catalog, 'articles');
    expect(reader.schema.fields.map(({ name }) => name)).toContain('$meta');
    for (const split of await reader.splits()) {
      for await (const { batch } of reader.read(split, { maxBytes: 65536, columns: ['$meta'] })) {
        expect(JSON.parse(String(batch.get(0)!.toJSON().$meta))).toBeTypeOf('object');
      }
    }
  });

  it('spreads a partition key over partitions that rows do not name', async () => {
    const folder = copyOfSample();
    changeCollection(
      folder,
      'articles',
      changeFields((f) => ({ ...f, is_partition_key: f.name === 'title' })),
    );
    await using catalog = await openAt(folder);
    expect(catalog.collections[1]!.settings).toMatchObject({ partitionCount: 3 });
    expect(catalog.collections[1]!.settings.partitions).toBeUndefined();
    await using reader = await openCollection(catalog, 'articles');
    expect((await reader.splits()).every((split) => !('partition' in split))).toBe(true);
  });

  it('warns of functions and leaves their outputs to the target', async () => {
    const folder = copyOfSample();
    const bm25 = {
      name: 'bm25',
      id: 1n,
      description: '',
      type: 1,
      input_field_names: ['title'],
      input_field_ids: [102n],
      output_field_names: ['ok'],
      output_field_ids: [104n],
      params: [],
    };
    changeCollection(folder, 'articles', (c) => {
      const fields = c.schema!.fields.map((f) => ({ ...f, is_function_output: f.name === 'ok' }));
      return { ...c, schema: { ...c.schema!, fields, functions: [bm25] } };
    });
    await using catalog = await openAt(folder);
    await using reader = await openCollection(catalog, 'articles');
    expect(reader.schema.fields.map(({ name }) => name)).not.toContain('ok');
    expect(reader.warnings).toStrictEqual(['the function "bm25" of "articles" is not carried over']);
  });
});

it('a backup that has fewer rows than it says is told to be incomplete', async () => {
  const folder = copyOfSample();
  const more = (s: SegmentBackupInfo): SegmentBackupInfo => ({ ...s, num_of_rows: s.num_of_rows + 5 });
  changeCollection(folder, 'fingerprints', (c) => ({
    ...c,
    partition_backups: c.partition_backups.map((p) => ({ ...p, segment_backups: p.segment_backups.map(more) })),
  }));
  await using catalog = await openAt(folder);
  await using reader = await openCollection(catalog, 'fingerprints');
  await idsOf(reader);
  expect(reader.lateWarnings!()).toStrictEqual([expect.stringMatching(/gives 500 rows, the backup says 505/)]);
});
