import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { startCli } from '../support/cli.js';
import { counts, makeCollection, partitionDigests, python } from '../support/python.js';
import {
  dropCollections,
  faissFlat,
  fixture,
  floatFields,
  type Keys,
  milvusUri,
  planOf,
  runOk,
  runYaml,
  sourceFile,
  temporaryFolder,
  unique,
  untilSaid,
  yamlFile,
} from './support.js';

/** The server works on one import at a time, and the tests have several. */
const INDEX = { field: 'embedding', type: 'FLAT', metric: 'L2' };

afterAll(dropCollections);

interface Staged {
  readonly folder: string;
  readonly keys: Keys;
}

/** The keys of a run by bulk imports, with files in a folder of its own that the server sees as well. */
async function staged(more: object = {}): Promise<Staged> {
  const folder = await temporaryFolder();
  const bulk = { storage: { type: 'local', path: folder }, max_file_bytes: '1MiB', ...more };
  return { folder, keys: { write: 'bulk', batch_bytes: '1MiB', bulk } };
}

async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const vectors = (rows: number, dim: number): Promise<string> =>
  sourceFile(
    'f.index',
    faissFlat(rows, dim, (row, column) => row + column / dim),
  );

describe.concurrent('bulk imports', () => {
  test('bring HDF5 columns of every type into a partition as requests do', async () => {
    const [imported, inserted] = [unique('bulk_types'), unique('insert_types')];
    // Without the texts of any length, which do not go into numpy files.
    const { n_free: _, ...columns } = JSON.parse(await readFile(fixture('hdf5/expected.json'), 'utf8')).files[
      'columns.h5'
    ].options.columns;
    const path = fixture('hdf5/columns.h5');
    const common = { data_path: [{ path, partition: 'one' }], columns, mode: 'overwrite', verify: 'full' };
    const { folder, keys } = await staged();
    const bulk = await runOk({ ...common, ...keys, dest_collection_name: imported });
    expect(bulk.stderr).toMatch(/90 rows \([^)]+, numpy\) are handed over/);
    const insert = await runOk({ ...common, dest_collection_name: inserted });
    const shown = ({ report }: typeof bulk) =>
      report.targets.map(({ partition, rows_written, verified, digest }) => ({
        partition,
        rows_written,
        verified,
        digest,
      }));
    expect(shown(bulk)).toEqual(shown(insert));
    const found = await partitionDigests([imported, inserted]);
    expect(found.get(imported)!.parts).toEqual(found.get(inserted)!.parts);
    expect(await filesIn(folder)).toEqual([]);
  });

  test('copy a collection with text keys and JSON, and append to a loaded one whose keys the server makes', async () => {
    const [source, copy, own] = [unique('texts'), unique('copy'), unique('own_keys')];
    const key = { type: 'VARCHAR', max_length: 64 };
    await makeCollection({
      collection: source,
      fields: floatFields(8, key),
      dynamic: true,
      insert: [{ rows: 300 }],
      index: INDEX,
    });
    await makeCollection({
      collection: own,
      fields: floatFields(8, { auto_id: true }),
      insert: [{ rows: 100 }],
      index: INDEX,
      load: true,
    });
    const { keys } = await staged();
    const yaml = join(await temporaryFolder(), 'M2M.yaml');
    const dest = { source_uri: milvusUri(), dest_uri: milvusUri(), source_collection: source };
    await writeFile(yaml, stringify({ M2M: { ...dest, ...keys, verify: 'full', collection_map: { [source]: copy } } }));
    const moved = await runYaml(yaml);
    expect(moved.report, moved.stderr).toMatchObject({
      error: null,
      targets: [{ rows_written: 300, verified: 'full' }],
    });
    const found = await partitionDigests([source, copy]);
    expect(found.get(copy)!.parts).toEqual(found.get(source)!.parts);

    const data_path = await vectors(500, 8);
    const appended = await runOk({ ...keys, data_path, mode: 'append', new_ids: true, dest_collection_name: own });
    expect(appended.target).toMatchObject({ rows_written: 500, target_rows: 600 });
  });

  test('bring partitions with arrays of every type, JSON and long texts as Parquet files, also when a kill -9 cuts them short', async () => {
    const [source, copy] = [unique('arrays'), unique('arrays_copy')];
    await python('all_types.py', ['make', milvusUri(), source, '400', 'long']);
    const { folder, keys } = await staged({ parallel_jobs: 1 });
    const yaml = join(await temporaryFolder(), 'M2M.yaml');
    const task = { source_uri: milvusUri(), dest_uri: milvusUri(), source_collection: source, verify: 'full' };
    await writeFile(yaml, stringify({ M2M: { ...task, ...keys, collection_map: { [source]: copy } } }));
    const running = await startCli(['--yaml', yaml, '--json']);
    await untilSaid(running, 'are handed over as');
    running.child.kill('SIGKILL');
    const { stateFolder } = await running.result;
    expect((await filesIn(folder)).some((path) => basename(path).startsWith('rows.parquet'))).toBe(true);
    const again = await runYaml(yaml, { stateFolder });
    expect(again.report, again.stderr).toMatchObject({ status: 'done', error: null });
    const written = again.report.targets.map(({ partition, rows_written }) => [partition, rows_written]);
    expect(Object.fromEntries(written)).toEqual({ _default: 200, first: 200, empty: 0 });
    expect(again.report.targets.every(({ verified }) => verified === 'full')).toBe(true);
    const dump = async (name: string): Promise<object> => {
      const { aliases: _, ...rest } = JSON.parse(await python('all_types.py', ['dump', milvusUri(), name]));
      return rest;
    };
    expect(await dump(copy)).toEqual(await dump(source));
    expect(await filesIn(folder)).toEqual([]);
  });

  test('that a kill -9 cuts short are finished by the same command, each row once', async () => {
    const collection = unique('bulk_killed');
    const { folder, keys } = await staged({ parallel_jobs: 2 });
    const data_path = await vectors(20_000, 32);
    const path = await yamlFile({ ...keys, data_path, verify: 'full', dest_collection_name: collection });
    const running = await startCli(['--yaml', path, '--json']);
    await untilSaid(running, 'are handed over as');
    running.child.kill('SIGKILL');
    const { stateFolder } = await running.result;
    expect((await filesIn(folder)).length).toBeGreaterThan(0);
    const again = await runYaml(path, { stateFolder });
    expect(again.report, again.stderr).toMatchObject({ status: 'done', error: null });
    expect(again.target).toMatchObject({ rows_written: 20_000, target_rows: 20_000, verified: 'full' });
    expect((await counts({ collection })).count).toBe(20_000);
    expect(await filesIn(folder)).toEqual([]);
  });

  test('of files that the server does not find fail with its words, leave nothing and go on once that is mended', async () => {
    const collection = unique('bulk_lost');
    const folder = await temporaryFolder();
    const { keys } = await staged({ storage: { type: 'local', path: folder, server_path: join(folder, 'elsewhere') } });
    const data_path = await vectors(100, 8);
    const path = await yamlFile({ ...keys, data_path, dest_collection_name: collection });
    const failed = await runYaml(path);
    expect(failed.code).toBe(4);
    expect(failed.report).toMatchObject({ status: 'failed', resumable: true, error: { code: 'DST_REFUSED' } });
    expect(failed.report.error!.message).toContain(`could not import 100 rows into "${collection}"`);
    expect(failed.report.error!.hint).toContain('bulk.storage');
    expect(failed.target.rows_written).toBe(0);
    expect(await filesIn(folder)).toEqual([]);

    const task = parse(await readFile(path, 'utf8'));
    task.F2M.bulk.storage = { type: 'local', path: folder };
    await writeFile(path, stringify(task));
    const mended = await runYaml(path, { stateFolder: failed.stateFolder });
    expect(mended.report, mended.stderr).toMatchObject({ status: 'done', targets: [{ target_rows: 100 }] });
  });

  test('are what the plan says, and by auto only for what is large', async () => {
    const { folder, keys } = await staged();
    const data_path = await vectors(100, 8);
    const task = { ...keys, data_path, dest_collection_name: unique('bulk_plan') };
    const how = async (write: string): Promise<unknown> =>
      (await planOf({ ...task, write })).actions.find(({ kind }) => kind === 'write');
    expect(await how('bulk')).toMatchObject({ detail: `write: bulk, numpy files in folder ${folder}` });
    expect(await how('auto')).toMatchObject({ detail: 'write: auto: by requests: 3.1 KiB are less than 256.0 MiB' });
    expect(await how('insert')).toBe(undefined);
    expect(existsSync(join(folder, 'milvusdm-bulk'))).toBe(false);
  });
});
