import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { SavedReport } from '../../src/job/saved-report.js';
import type { VerifyReport } from '../../src/job/verify-report/verify-report.js';
import { type CliOptions, runCli } from '../support/cli.js';
import { makeCollection, python } from '../support/python.js';
import {
  checkDocument,
  checkOutput,
  dropCollections,
  faissFlat,
  fixture,
  floatFields,
  type Keys,
  milvusUri,
  ran,
  sourceFile,
  temporaryFolder,
  unique,
  withClient,
  yamlFile,
} from './support.js';

afterAll(dropCollections);

const LOADED = { index: { type: 'FLAT' }, load: true };

interface Reported {
  readonly yaml: string;
  readonly json: string;
  readonly html: string;
  readonly saved: SavedReport;
}

/** Runs a YAML file with --report-dir, and gives what it has left there. */
async function runReported(yaml: string, o: CliOptions = {}, args: readonly string[] = []): Promise<Reported> {
  const dir = join(await temporaryFolder(), 'reports');
  const done = ran(await runCli(['run', yaml, '--json', '--report-dir', dir, ...args], o));
  const [html, json] = (await readdir(dir)).sort().map((name) => join(dir, name));
  const saved = JSON.parse(await readFile(json!, 'utf8')) as SavedReport;
  checkDocument('report.schema.json', saved);
  expect(saved).toMatchObject({ ...done.report });
  for (const path of [html!, json!]) expect((await stat(path)).mode & 0o777).toBe(0o600);
  return { yaml, json: json!, html: html!, saved };
}

const reported = async (keys: Keys, o: CliOptions = {}): Promise<Reported> => runReported(await yamlFile(keys), o);

async function verify(args: readonly string[], o: CliOptions = {}): Promise<VerifyReport> {
  const document = checkOutput(await runCli(['verify', ...args, '--json'], o));
  checkDocument('verify.schema.json', document);
  return document as unknown as VerifyReport;
}

describe('a run of 100,000 rows, verified later by its report', () => {
  const collection = unique('report');
  let file = '';
  let run!: Reported;
  beforeAll(async () => {
    file = join(await temporaryFolder(), 'rows.h5');
    await python('make_rows.py', [file, '100000', '16']);
    run = await reported({
      data_path: file,
      dest_collection_name: collection,
      columns: { price: 'price', name: 'name' },
      collection_parameter: LOADED,
    });
  });

  test('the report says what verify needs, and the page is whole', async () => {
    const { run: record, targets } = run.saved;
    expect(record.collections).toMatchObject([
      { collection, server: expect.stringMatching(/^Milvus v2\.3\.5/), fresh: [null] },
    ]);
    expect(record.collections[0]!.fields.map((f) => f.name)).toEqual(['id', 'embedding', 'price', 'name']);
    expect(record.throughput.rows.reduce((sum, n) => sum + n, 0)).toBe(100_000);
    expect(record.phases.map((p) => p.phase)).toEqual(expect.arrayContaining(['plan', 'preflight', 'write', 'verify']));
    const page = await readFile(run.html, 'utf8');
    for (const text of ['100,000 rows moved', collection, targets[0]!.digest!]) expect(page).toContain(text);
  });

  test('equal, then one flipped bit, then one changed text: the ids and fields are named', async () => {
    expect(await verify(['--report', run.json])).toMatchObject({
      status: 'equal',
      exit_code: 0,
      targets: [{ collection, partition: null, status: 'equal', rows: 100_000, digest: run.saved.targets[0]!.digest }],
    });
    await python('change_row.py', [milvusUri(), collection, '200', 'embedding']);
    expect(await verify(['--report', run.json])).toMatchObject({
      status: 'different',
      exit_code: 6,
      targets: [{ differences: [{ id: '200', kind: 'different', fields: ['embedding'] }] }],
    });
    await python('change_row.py', [milvusUri(), collection, '-1000', 'name']);
    const text = await runCli(['verify', '--report', run.json, '--quiet']);
    expect(text.code).toBe(6);
    expect(text.stdout).toContain('2 rows different; ids -1000 (different in name), 200 (different in embedding)');
  });

  test('without its source it still finds that something changed', async () => {
    await rm(file);
    const [target] = (await verify(['--report', run.json])).targets;
    expect(target).toMatchObject({ status: 'different', rows: 100_000, differences: [] });
    expect(target!.detail).toMatch(/the digest is another one; which rows differ cannot be said: .*rows\.h5/);
  });

  test('a collection that is gone is a difference', async () => {
    await withClient(async (client) => {
      await client.releaseCollection({ collection_name: collection });
      await client.dropCollection({ collection_name: collection });
    });
    expect(await verify(['--report', run.json])).toMatchObject({
      exit_code: 6,
      targets: [{ status: 'gone', rows: null }],
    });
  });
});

describe.concurrent('verify', () => {
  test('rows that were added to those of others are looked for among them', async () => {
    const collection = unique('report');
    const index = { field: 'embedding', type: 'FLAT', metric: 'L2' };
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 500, first_id: 10_000 }], index });
    const data_path = await sourceFile(
      'a.index',
      faissFlat(300, 4, (row) => row),
    );
    const keys = { data_path, mode: 'append', dest_collection_name: collection, id_start: 0 };
    const { json, saved } = await reported(keys);
    expect(saved.run.collections[0]!.fresh).toEqual([]);
    expect(await verify(['--report', json])).toMatchObject({
      status: 'equal',
      targets: [{ rows: 800, expected_rows: 300 }],
    });
    await withClient(async (client) => {
      await client.loadCollectionSync({ collection_name: collection });
      await client.delete({ collection_name: collection, filter: 'id in [7]' });
    });
    expect(await verify(['--report', json])).toMatchObject({
      exit_code: 6,
      targets: [{ differences: [{ id: '7', kind: 'missing' }] }],
    });
  });

  test('ids of which the source has several copies are no difference', async () => {
    const collection = unique('report');
    const data_path = fixture('faiss/ivf_repeated_ids.index');
    const { json, saved } = await reported({
      data_path,
      dest_collection_name: collection,
      collection_parameter: LOADED,
    });
    expect(saved.targets[0]!.duplicates).toBeGreaterThan(0);
    const found = await verify(['--report', json]);
    expect(found).toMatchObject({ status: 'equal', targets: [{ detail: 'each row of the run is there' }] });
  });

  test('keys that the server has made', async () => {
    const collection = unique('report');
    const index = { field: 'embedding', type: 'FLAT', metric: 'L2' };
    await makeCollection({ collection, fields: floatFields(4, { auto_id: true }), index });
    const data_path = await sourceFile(
      'a.index',
      faissFlat(50, 4, (row) => row),
    );
    const { json, saved } = await reported({ data_path, mode: 'append', dest_collection_name: collection });
    expect(saved.run.collections[0]!.fields.map((f) => f.name)).toEqual(['embedding']);
    expect(await verify(['--report', json])).toMatchObject({ status: 'equal', targets: [{ rows: 50 }] });
  });

  test('archives', async () => {
    const collection = unique('report');
    const index = { field: 'embedding', type: 'FLAT', metric: 'L2' };
    const insert = [{ rows: 20 }, { rows: 30, partition: 'red' }];
    await makeCollection({ collection, fields: floatFields(4), partitions: ['red'], insert, index });
    const data_dir = await temporaryFolder();
    const yaml = join(data_dir, 'M2H.yaml');
    const task = { source_uri: milvusUri(), source_collection: { [collection]: null }, data_dir };
    await writeFile(yaml, stringify({ M2H: task }));
    const { json } = await runReported(yaml);
    expect(await verify(['--report', json])).toMatchObject({ status: 'equal', targets: [{ rows: 20 }, { rows: 30 }] });
    const [folder] = (await readdir(data_dir)).filter((name) => name !== 'M2H.yaml');
    await rm(join(data_dir, folder!, collection, 'red.h5'));
    expect(await verify(['--report', json])).toMatchObject({
      exit_code: 6,
      targets: [
        { partition: '_default', status: 'equal' },
        { partition: 'red', status: 'different', rows: 0 },
      ],
    });
  });

  test('a rehearsal, from another folder, with secrets that are in no file of the report', async () => {
    const collection = unique('report');
    const yaml = await yamlFile({
      data_path: 'fixtures/hdf5/quickstart.h5',
      dest_collection_name: collection,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the YAML file
      dest_token: '${REPORT_TOKEN}',
      collection_parameter: LOADED,
    });
    const env = { REPORT_TOKEN: 'root:very-secret-7' };
    const { json, html } = await runReported(yaml, { env }, ['--limit', '100']);
    for (const path of [json, html]) expect(await readFile(path, 'utf8')).not.toContain('very-secret-7');
    const options = { env, cwd: '/' };
    expect(await verify(['--report', json], options)).toMatchObject({ status: 'equal', targets: [{ rows: 100 }] });
    expect(await runCli(['verify', '--report', json, '--json'])).toMatchObject({ code: 2 });

    const copy = await sourceFile('copy.yaml', await readFile(yaml));
    await writeFile(yaml, '# changed\n', { flag: 'a' });
    const refused = await runCli(['verify', '--report', json, '--json'], { env });
    expect(checkOutput(refused)).toMatchObject({ exit_code: 2, error: { code: 'CFG_CONFLICT' } });
    expect(await verify([copy, '--report', json], options)).toMatchObject({ status: 'equal' });
  });

  test('a run that skips writes a report that has nothing to verify', async () => {
    const collection = unique('report');
    await makeCollection({ collection, fields: floatFields(16) });
    const { json, saved } = await reported({ data_path: fixture('hdf5/float32.h5'), dest_collection_name: collection });
    expect(saved.status).toBe('skipped');
    expect(await runCli(['verify', '--report', json, '--json'])).toMatchObject({ code: 2 });
  });

  test('a report folder that cannot be written is said, and the rows are there', async () => {
    const collection = unique('report');
    const file = await sourceFile('taken', Buffer.from('x'));
    const yaml = await yamlFile({ data_path: fixture('hdf5/float32.h5'), dest_collection_name: collection });
    const done = ran(await runCli(['run', yaml, '--json', '--report-dir', file]));
    expect(done.report).toMatchObject({
      status: 'partial',
      exit_code: 4,
      error: { code: 'DST_STORAGE' },
      targets: [{ rows_written: 300 }],
    });
  });

  test.each([
    ['no report named', [], 'USAGE'],
    ['a file that is not there', ['--report', '/nowhere/r.json'], 'CFG_FILE'],
    ['a file that is no report', ['--report', fixture('hdf5/quickstart.h5')], 'CFG_FILE'],
    ['a JSON file of another kind', ['--report', join(fixture('..'), 'package.json')], 'CFG_FILE'],
  ] as const)('%s: one error, exit 2', async (_, args, code) => {
    const result = await runCli(['verify', ...args, '--json']);
    expect(checkOutput(result)).toMatchObject({ exit_code: 2, error: { code } });
  });
});
