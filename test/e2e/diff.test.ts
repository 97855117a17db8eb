import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { DiffReport } from '../../src/job/diff/diff.js';
import { type CliOptions, runCli } from '../support/cli.js';
import { makeCollection, python } from '../support/python.js';
import {
  checkDocument,
  checkOutput,
  dropCollections,
  faissFlat,
  fixture,
  floatFields,
  milvusUri,
  runOk,
  runYaml,
  sourceFile,
  temporaryFolder,
  unique,
  withClient,
} from './support.js';

afterAll(dropCollections);

const LOADED = { index: { type: 'FLAT' }, load: true };
const ROWS = 100_000;

async function diff(a: string, b: string, args: readonly string[] = [], o: CliOptions = {}): Promise<DiffReport> {
  const result = await runCli(['diff', a, b, '--json', ...args], o);
  const document = checkOutput(result);
  checkDocument('diff.schema.json', document);
  return document as unknown as DiffReport;
}

const at = (collection: string): string => `${milvusUri()}/${collection}`;

describe('100,000 rows in a file and in a collection', () => {
  const collection = unique('diff');
  let file = '';
  beforeAll(async () => {
    file = join(await temporaryFolder(), 'rows.h5');
    await python('make_rows.py', [file, String(ROWS), '16']);
    const keys = { data_path: file, dest_collection_name: collection, verify: 'count' };
    await runOk({ ...keys, columns: { price: 'price', name: 'name' }, collection_parameter: LOADED });
  });

  // The file by the names of H2M has no columns, so that the fields of the collection are more: only an archive has all.
  test('the archive of the collection is equal to it, and one flipped bit and one changed scalar are named', async () => {
    const data_dir = await temporaryFolder();
    const yaml = join(data_dir, 'M2H.yaml');
    const task = { source_uri: milvusUri(), source_collection: { [collection]: null }, data_dir };
    await writeFile(yaml, stringify({ M2H: task }));
    const done = await runYaml(yaml);
    expect(done.report.error, done.stderr).toBe(null);
    const [folder] = (await readdir(data_dir, { recursive: true })).filter((name) => name.endsWith('.h5'));
    const archive = join(data_dir, dirname(folder!));

    const same = await diff(archive, at(collection));
    expect(same).toMatchObject({ status: 'equal', exit_code: 0, fields: [] });
    expect(same.parts).toMatchObject([{ partition: '_default', rows_a: ROWS, rows_b: ROWS }]);
    expect(same.parts[0]!.digest_b).toBe(done.report.targets[0]!.digest);

    const vector = JSON.parse(await python('change_row.py', [milvusUri(), collection, '123455', 'embedding']));
    expect(Math.abs(vector.before - vector.after)).toBeLessThan(1e-7);
    const flipped = await diff(archive, at(collection));
    expect(flipped).toMatchObject({ status: 'different', exit_code: 6 });
    expect(flipped.parts).toMatchObject([
      {
        ...{ missing: 0, extra: 0, different: 1, complete: true },
        differences: [{ id: '123455', kind: 'different', fields: ['embedding'] }],
      },
    ]);

    await python('change_row.py', [milvusUri(), collection, '-997', 'price']);
    const both = await diff(at(collection), archive);
    expect(both.parts[0]!.differences).toEqual([
      { id: '-997', kind: 'different', fields: ['price'] },
      { id: '123455', kind: 'different', fields: ['embedding'] },
    ]);
  });

  test('the file lacks the fields that are no vector, which is said', async () => {
    const found = await diff(file, at(collection));
    expect(found.exit_code).toBe(6);
    expect(found.fields).toEqual([
      { name: 'price', a: null, b: 'DOUBLE' },
      { name: 'name', a: null, b: expect.stringMatching(/^VARCHAR/) },
    ]);
  });

  test('as text it names the ids, and exits with 6', async () => {
    const result = await runCli(['diff', file, at(collection), '--quiet']);
    expect(result.code).toBe(6);
    expect(result.stdout).toContain('diff different');
    expect(result.stdout).toContain('price: none in A, DOUBLE in B');
    expect(result.stderr).toBe('');
  });
});

describe.concurrent('diff', () => {
  test('rows without ids are compared by their numbers, from --id-start on', async () => {
    const collection = unique('diff');
    const file = await sourceFile(
      'a.index',
      faissFlat(500, 4, (row, column) => row + column),
    );
    await runOk({
      data_path: file,
      mode: 'append',
      dest_collection_name: collection,
      id_start: 7000,
      collection_parameter: LOADED,
    });
    expect((await diff(file, at(collection), ['--id-start', '7000'])).status).toBe('equal');
    const shifted = await diff(file, at(collection));
    expect(shifted.parts).toMatchObject([{ missing: 500, extra: 500, different: 0 }]);
    expect(shifted.parts[0]!.differences[0]).toEqual({ id: '0', kind: 'missing', fields: [] });
  });

  test('partitions one by one, one partition against a file, and a collection that it has to load', async () => {
    const [first, second] = [unique('diff'), unique('diff')];
    const insert = (seed: number) => [
      { partition: 'red', rows: 50, first_id: 0, seed: 1 },
      { partition: 'blue', rows: 50, first_id: 50, seed },
    ];
    const index = { field: 'embedding', type: 'FLAT', metric: 'L2' };
    for (const [name, seed] of [
      [first, 2],
      [second, 3],
    ] as const) {
      const plan = {
        collection: name,
        fields: floatFields(4),
        partitions: ['red', 'blue'],
        insert: insert(seed),
        index,
      };
      await makeCollection(plan);
    }
    const found = await diff(at(first), at(second));
    expect(found.parts.map((p) => [p.partition, p.equal, p.different])).toEqual([
      ['_default', true, 0],
      ['blue', false, 50],
      ['red', true, 0],
    ]);
    expect((await diff(`${at(first)}/red`, `${at(second)}/red`)).status).toBe('equal');
    const state = await withClient((client) => client.getLoadState({ collection_name: first }));
    expect(state.state).toBe('LoadStateNotLoad');
  });

  test('a Milvus Lite folder, and the file that was written into it', async () => {
    const folder = await temporaryFolder();
    const data_path = fixture('hdf5/quickstart.h5');
    await runOk({ data_path, dest_uri: folder, dest_collection_name: 'books' });
    const found = await diff(data_path, `${folder}#books`);
    expect(found).toMatchObject({ status: 'equal', b: { what: expect.stringContaining('Milvus Lite') } });
  });

  test.each([
    ['no file', ['/nowhere/a.h5', '/nowhere/b.h5'], 3, 'SRC_NOT_FOUND'],
    ['no collection', [fixture('hdf5/float32.h5'), 'MILVUS/no_such_collection'], 8, 'NOTHING_MATCHED'],
    ['no name', [fixture('hdf5/float32.h5'), 'MILVUS'], 2, 'USAGE'],
    ['a literal secret', ['MILVUS/a', 'MILVUS/b', '--token-a', 'root:Milvus'], 2, 'USAGE'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the command line
    ['a reference to nothing', ['MILVUS/a', 'MILVUS/b', '--token-a', '${NO_SUCH_VARIABLE_1}'], 2, 'CFG_REFERENCE'],
    ['a server that is not there', ['http://127.0.0.1:1/a', 'MILVUS/b'], 5, 'NET_UNAVAILABLE'],
  ] as const)('%s: one error and its exit code', async (_, args, code, name) => {
    const given = args.map((arg) => arg.replace('MILVUS', milvusUri()));
    const result = await runCli(['diff', ...given, '--json']);
    const document = checkOutput(result) as { error: { code: string } };
    expect([result.code, document.error.code]).toEqual([code, name]);
    expect(result.stdout + result.stderr).not.toContain('root:Milvus');
  });
});
