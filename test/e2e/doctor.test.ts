import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { DoctorReport } from '../../src/job/doctor/doctor.js';
import { runCli } from '../support/cli.js';
import { makeCollection } from '../support/python.js';
import {
  checkDocument,
  checkOutput,
  dropCollections,
  exists,
  fixture,
  floatFields,
  milvusUri,
  sourceFile,
  temporaryFolder,
  unique,
  withClient,
  yamlFile,
} from './support.js';

afterAll(dropCollections);

async function doctor(path: string): Promise<DoctorReport> {
  const document = checkOutput(await runCli(['doctor', path, '--json']));
  checkDocument('doctor.schema.json', document);
  return document as unknown as DoctorReport;
}

const names = (report: DoctorReport): string[] => report.checks.map((c) => `${c.of} ${c.name} ${c.status}`);

describe.concurrent('doctor', () => {
  test('of a task that can run: every check is well, with numbers, and nothing is made', async () => {
    const collection = unique('doctor');
    const keys = { data_path: fixture('hdf5/float32.h5'), dest_collection_name: collection };
    const report = await doctor(await yamlFile(keys));
    expect(report.checks.filter((c) => c.status !== 'ok')).toEqual([]);
    expect(report).toMatchObject({ task: 'H2M', status: 'ok', exit_code: 0 });
    expect(names(report)).toEqual([
      'source readable ok',
      'target reachable ok',
      'target TLS ok',
      'target login ok',
      'target server ok',
      'target abilities ok',
      'target quotas ok',
      'machine state folder ok',
    ]);
    const text = report.checks.map((c) => c.detail).join('\n');
    for (const part of ['300 rows', 'Milvus v2.3.5', 'BINARY_VECTOR', 'of memory', 'stored', 'free']) {
      expect(text.replace('GiB memory', 'GiB of memory')).toContain(part);
    }
    expect(await exists(collection)).toBe(false);
  });

  test('of M2M: both servers, and a collection that is not loaded stays so', async () => {
    const collection = unique('doctor');
    const index = { field: 'embedding', type: 'FLAT', metric: 'L2' };
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 5 }], index });
    const yaml = `M2M: {source_uri: '${milvusUri()}', source_collection: {${collection}: null}, dest_uri: '${milvusUri()}', collection_map: {${collection}: ${collection}_b}}\n`;
    const report = await doctor(await sourceFile('m2m.yaml', Buffer.from(yaml)));
    expect(report.checks.filter((c) => c.status !== 'ok')).toEqual([]);
    expect(names(report)).toContain('source quotas ok');
    expect(report.checks.find((c) => c.of === 'source' && c.name === 'readable')!.detail).toContain(collection);
    const state = await withClient((client) => client.getLoadState({ collection_name: collection }));
    expect(state.state).toBe('LoadStateNotLoad');
  });

  test('as text; a server that says nothing is a failure of the network, soon', async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const keys = { data_path: fixture('hdf5/float32.h5'), dest_uri: `http://127.0.0.1:${port}` };
    const yaml = await yamlFile({ ...keys, dest_collection_name: 'c', dest_token: 'root:not-shown-9' });
    const result = await runCli(['doctor', yaml]);
    server.close();
    expect(result.code).toBe(5);
    expect(result.stdout).toMatch(/^ok +source readable/m);
    expect(result.stdout).toMatch(/^fail +target login/m);
    expect(result.stdout).toContain('-> ');
    expect(result.stdout + result.stderr).not.toContain('not-shown-9');
  });

  test('an embedded Milvus Lite is not started, and a damaged source is the first failure', async () => {
    const folder = join(await temporaryFolder(), 'lite');
    const keys = { data_path: fixture('faiss/truncated.index'), dest_uri: folder, dest_collection_name: 'c' };
    const report = await doctor(await yamlFile(keys));
    expect(report).toMatchObject({ task: 'F2M', status: 'fail', exit_code: 3 });
    expect(names(report)).toEqual([
      'source readable fail',
      'target server ok',
      'machine state folder ok',
      'machine Milvus Lite folder ok',
    ]);
  });

  test('a file with mistakes is refused as everywhere', async () => {
    const path = await sourceFile('bad.yaml', Buffer.from('H2M: {data_pth: a}\n'));
    const result = await runCli(['doctor', path, '--json']);
    expect(checkOutput(result)).toMatchObject({ exit_code: 2, error: { code: 'CFG_INVALID' } });
  });
});
