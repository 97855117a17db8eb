import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { python } from '../support/python.js';
import { expectedOf } from '../unit/adapters/legacy/support.js';
import { expectCollection, legacyDigest, QUICK_M2M, runTask, writtenTask } from './catalog-support.js';
import { dropCollections, exists, fixture, milvusUri, type Ran, temporaryFolder, unique } from './support.js';

// M2M and M2H: out of old Milvus directories and out of a running Milvus, compared by pymilvus.

afterAll(dropCollections);

/** The others go into Milvus with their metadata in MySQL (interop/legacy-mysql-runs); `npm run test:soak` takes all both ways. */
const DIRECTORIES = [
  'small',
  'floats',
  'binary',
  'secondary',
  ...(process.env.FIXTURES === 'all' ? ['again', 'log'] : []),
];

describe.concurrent('M2M from an old Milvus', () => {
  test.each(DIRECTORIES)(
    'every live row of every collection and partition of "%s" arrives',
    async (variant) => {
      const expected = expectedOf(variant).collections;
      const map = Object.fromEntries(Object.keys(expected).map((name) => [name, unique(`m2m_${variant}`)]));
      const extra = variant === 'secondary' ? { extra_paths: [fixture('legacy/secondary/disk2')] } : {};
      const done = await runTask('M2M', {
        ...QUICK_M2M,
        ...extra,
        source_milvus_path: fixture(`legacy/${variant}`),
        source_collection: '*',
        collection_map: map,
        dest_uri: milvusUri(),
      });
      expect(done.report.error, done.stderr).toBe(null);
      for (const [name, collection] of Object.entries(expected)) await expectCollection(map[name]!, collection);
    },
    300_000,
  );

  test('merges collections into one, with an offset for the ids of one of them', async () => {
    const into = unique('merged');
    const done = await runTask('M2M', {
      ...QUICK_M2M,
      source_milvus_path: fixture('legacy/floats'),
      source_collection: ['deleted_first', 'float_ip', 'deleted_middle'],
      merge: { into, partition: 'all' },
      id_offset: { float_ip: 1_000_000, deleted_middle: 2_000_000 },
      dest_uri: milvusUri(),
    });
    expect(done.report.error, done.stderr).toBe(null);
    expect(done.report.targets.map((t) => [t.partition, t.rows_written])).toEqual([['all', 97 + 200 + 99]]);
    expect((await legacyDigest(into)).all?.rows).toBe(97 + 200 + 99);
  });

  test('refuses to merge what has another dimension, naming the difference', async () => {
    const done = await runTask('M2M', {
      ...QUICK_M2M,
      source_milvus_path: fixture('legacy/floats'),
      source_collection: ['deleted_first', 'float_l2'],
      merge: { into: unique('merged') },
      dest_uri: milvusUri(),
    });
    expect(done.code).toBe(3);
    expect(done.report.error?.message).toMatch(/embedding FLOAT_VECTOR\(16\) \/ embedding FLOAT_VECTOR\(8\)/);
  });

  test('leaves out what exclude_collection names, and says when nothing matches', async () => {
    const keys = { ...QUICK_M2M, source_milvus_path: fixture('legacy/floats'), dest_uri: milvusUri() };
    const target = unique('float_ip');
    const done = await runTask('M2M', {
      ...keys,
      source_collection: 'float_*',
      exclude_collection: { float_l2: null },
      collection_map: { float_ip: target },
    });
    expect(done.report.error, done.stderr).toBe(null);
    expect(done.report.targets.map((t) => t.collection)).toEqual([target]);
    const none = await runTask('M2M', { ...keys, source_collection: 'nothing_*' });
    expect(none.code).toBe(8);
  });
});

interface Dump {
  readonly rows: number;
  readonly sha256: string;
  readonly aliases: readonly string[];
}

async function dump(collection: string): Promise<Dump> {
  return JSON.parse(await python('all_types.py', ['dump', milvusUri(), collection]));
}

/** Everything but the aliases, which a second collection of the same server cannot have. */
function comparable({ aliases: _, ...rest }: Dump): Omit<Dump, 'aliases'> {
  return rest;
}

describe('a running Milvus with 18 field types and dynamic fields', () => {
  test('M2M keeps rows, schema, properties and indexes; M2H and the YAML it wrote give them back', async () => {
    const source = unique('all');
    await python('all_types.py', ['make', milvusUri(), source, '1000']);
    const original = await dump(source);
    expect(original.rows).toBe(1000);
    const copy = unique('copy');
    const copied = await runTask('M2M', {
      source_uri: milvusUri(),
      source_collection: { [source]: null },
      collection_map: { [source]: copy },
      dest_uri: milvusUri(),
      mode: 'overwrite',
    });
    expect(copied.report.error, copied.stderr).toBe(null);
    expect(comparable(await dump(copy))).toEqual(comparable(original));

    const folder = await temporaryFolder();
    const archived = await runTask('M2H', { source_uri: milvusUri(), source_collection: [source], data_dir: folder });
    expect(archived.report.error, archived.stderr).toBe(null);
    expect(archived.report.targets.map((t) => t.verified)).toEqual(['full', 'full', 'full']);
    const written = join(folder, readdirSync(folder)[0]!, source);
    expect(readdirSync(written).sort()).toEqual(['_default.h5', `${source}.yaml`, 'empty.h5', 'first.h5']);
    const back = unique('back');
    const { dest_host: _, dest_port: __, ...keys } = writtenTask(folder, source);
    const restored = await runTask('H2M', { ...keys, dest_uri: milvusUri(), dest_collection_name: back });
    expect(restored.report.error, restored.stderr).toBe(null);
    expect(comparable(await dump(back))).toEqual(comparable(original));
    const digests = (r: Ran): (string | null)[] => r.report.targets.map((t) => t.digest);
    expect(digests(archived)).toEqual(digests(copied));
    expect(digests(restored)).toEqual(digests(copied));
  });

  test('filter and output_fields take a part, and a collection is not copied onto itself', async () => {
    const source = unique('part');
    await python('all_types.py', ['make', milvusUri(), source, '200']);
    const target = unique('part');
    const keys = { source_uri: milvusUri(), source_collection: [source], dest_uri: milvusUri(), mode: 'overwrite' };
    const done = await runTask('M2M', {
      ...keys,
      filter: 'f_bool == true',
      output_fields: ['f_bool', 'f_varchar', 'vec'],
      collection_map: { [source]: target },
      verify: 'count',
    });
    expect(done.report.error, done.stderr).toBe(null);
    const rows = done.report.targets.reduce((sum, t) => sum + t.rows_written, 0);
    expect(rows).toBeGreaterThan(50);
    expect(rows).toBeLessThan(150);
    const onto = await runTask('M2M', keys);
    expect(onto.code).toBe(2);
    expect(await exists(source)).toBe(true);
  });
});

describe.concurrent('M2H of an old Milvus', () => {
  test('writes files that H2M brings back equal', async () => {
    const folder = await temporaryFolder();
    const done = await runTask('M2H', {
      source_milvus_path: fixture('legacy/small'),
      source_collection: { float_l2: null, hamming: null },
      data_dir: folder,
    });
    expect(done.report.error, done.stderr).toBe(null);
    for (const name of ['float_l2', 'hamming']) {
      const { dest_host: _, dest_port: __, ...keys } = writtenTask(folder, name);
      const target = unique(name);
      const back = await runTask('H2M', {
        ...keys,
        dest_uri: milvusUri(),
        dest_collection_name: target,
        verify: 'count',
      });
      expect(back.report.error, back.stderr).toBe(null);
      await expectCollection(target, expectedOf('small').collections[name]!);
    }
  });
});

describe('transforms', () => {
  test('rename, constant, where and normalize change what arrives, and their losses are told', async () => {
    const collection = unique('transformed');
    const keys = {
      data_path: [fixture('hdf5/float32.h5')],
      dest_uri: milvusUri(),
      dest_collection_name: collection,
      mode: 'overwrite',
      collection_parameter: { metric_type: 'IP' },
      transforms: [
        { rename: { embedding: 'vec' } },
        { constant: { origin: 'shelf 7' } },
        { normalize: ['vec'] },
        { where: 'id < 2000' },
      ],
    };
    const done = await runTask('H2M', keys);
    expect(done.report.error, done.stderr).toBe(null);
    const [target] = done.report.targets;
    expect(target!.rows_read).toBe(300);
    expect(target!.rows_written).toBeLessThan(300);
    expect(target!.rows_written + target!.rows_skipped).toBe(300);
    expect(target!.verified).toBe('sample');
  });
});
