import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { CACHE, PROJECT } from '../support/environments.js';
import { counts, makeCollection } from '../support/python.js';
import { snapshotOfSample } from '../support/snapshot-files.js';
import { dropCollections, milvusUri, runYaml, temporaryFolder, unique } from './support.js';

interface Block {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

function blocksOf(file: string): Block[] {
  const text = readFileSync(join(PROJECT, file), 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    file,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1]!,
    text: match[2]!,
  }));
}

const pages = ['README.md', ...readdirSync(join(PROJECT, 'docs')).map((name) => `docs/${name}`)];
const blocks = pages.filter((page) => page.endsWith('.md')).flatMap(blocksOf);
const tasks = blocks.filter(({ language, text }) => language === 'yaml' && /^(F2M|H2M):/.test(text));
const catalogs = blocks.filter(
  ({ language, text }) => language === 'yaml' && /^(M2M|M2H):/.test(text) && !text.includes('source_snapshot:'),
);
const snapshots = blocks.filter(
  ({ language, text }) => language === 'yaml' && /^M2[MH]:\n {2}source_snapshot:/.test(text),
);
const programs = blocks.filter(({ text }) => text.startsWith('// runnable'));

beforeAll(() => {
  vi.stubEnv('MILVUSDM_EMBEDDED_PATH', inject('embeddedPath'));
});
afterAll(dropCollections);

/** The text with the server and the collection of the test in the place of those that the page names. */
function here(text: string): { text: string; collection: string } {
  const collection = unique('docs');
  const [host, port] = inject('milvusAddress').split(':') as [string, string];
  const changed = text
    .replaceAll('http://127.0.0.1:19530', milvusUri())
    .replace(/dest_host: \S+/, `dest_host: ${host}`)
    .replace(/dest_port: \d+/, `dest_port: ${port}`)
    .replace(/dest_collection_name: \S+/, `dest_collection_name: ${collection}`);
  return { text: changed, collection };
}

test('the README shows tasks', () => {
  expect(tasks.filter((block) => block.file === 'README.md').length).toBeGreaterThanOrEqual(2);
  expect(programs.length).toBeGreaterThan(0);
  expect(snapshots.length).toBe(2);
});

describe.concurrent('what the pages show runs', () => {
  test.for(tasks)('$file:$line', async (block) => {
    const { text, collection } = here(block.text);
    const folder = await temporaryFolder();
    const path = join(folder, 'task.yaml');
    await writeFile(path, text.replaceAll('/var/lib/milvus/data', folder));
    const done = await runYaml(path, { cwd: PROJECT });
    expect(done.report.error, done.stderr).toBe(null);
    const written = done.report.targets.reduce((sum, target) => sum + target.rows_written, 0);
    expect(written).toBeGreaterThan(0);
    expect((await counts({ collection })).count).toBe(written);
  });

  test.for(catalogs)('$file:$line', async (block) => {
    const folder = await temporaryFolder();
    const path = join(folder, 'task.yaml');
    const source = unique('docs');
    if (/source_collection: .*articles/.test(block.text)) {
      const fields = [
        { name: 'id', type: 'INT64', primary: true },
        { name: 'embedding', type: 'FLOAT_VECTOR', dim: 8 },
      ];
      const index = { field: 'embedding', type: 'FLAT', metric: 'L2' };
      await makeCollection({ collection: source, fields, insert: [{ rows: 200 }], index });
    }
    const text = block.text
      .replaceAll('http://127.0.0.1:19530', milvusUri())
      .replaceAll('http://other-milvus:19530', join(folder, 'milvus'))
      .replaceAll('/var/lib/milvus/data', inject('milvusStorage'))
      .replaceAll('articles', source)
      .replace(/data_dir: \S+/, `data_dir: ${folder}/archive`)
      .replace(/m2m_page_\w+/g, () => unique('docs'));
    await writeFile(path, text);
    const done = await runYaml(path, { cwd: PROJECT });
    expect(done.report.error, done.stderr).toBe(null);
    expect(done.report.targets.reduce((sum, target) => sum + target.rows_written, 0)).toBeGreaterThan(100);
  });

  test.for(snapshots)('$file:$line', async (block) => {
    const folder = await temporaryFolder();
    const metadata = snapshotOfSample(join(folder, 'bundle'), 'articles');
    const path = join(folder, 'task.yaml');
    const text = block.text
      .replace('/exports/articles/snapshots/450/metadata/451.json', metadata)
      .replace(/store: \{.*\}/, `store: {type: local, path: ${join(folder, 'bundle')}}`)
      .replace('path: snapshots/450', `path: ${relative(join(folder, 'bundle'), dirname(dirname(metadata)))}`)
      .replace('nightly_20261121', 'nightly')
      .replace('http://other-milvus:19530', join(folder, 'milvus'))
      .replace(/data_dir: \S+/, `data_dir: ${folder}/archive`);
    await writeFile(path, text);
    const done = await runYaml(path, { cwd: PROJECT });
    expect(done.report.error, done.stderr).toBe(null);
    expect(done.report.targets.reduce((sum, target) => sum + target.rows_written, 0)).toBe(1875);
  });

  test.for(programs)('$file:$line as a program', async (block) => {
    const { text, collection } = here(block.text);
    // Within the package, so that it can import it by its name.
    const path = join(CACHE, `${collection}.mjs`);
    await writeFile(path, text);
    try {
      const env = { ...process.env, MILVUSDM_PATH: await temporaryFolder() };
      const { stdout } = await promisify(execFile)(process.execPath, [path], { cwd: PROJECT, env });
      expect(stdout).toBe('done 5000 sample\n');
    } finally {
      await rm(path);
    }
    expect((await counts({ collection })).count).toBe(5000);
  });
});

describe('the examples in yamls/ run as they are', () => {
  test.for(['M2M', 'M2H'])('%s', async (task) => {
    const folder = await temporaryFolder();
    await symlink(join(PROJECT, 'fixtures'), join(folder, 'fixtures'));
    const done = await runYaml(join(PROJECT, 'yamls', `${task}.yaml`), { cwd: folder });
    expect(done.report).toMatchObject({ task, status: 'done', error: null });
    expect(done.report.targets.reduce((sum, target) => sum + target.rows_written, 0)).toBeGreaterThan(300);
  });

  test.for(['F2M', 'H2M'])('%s', async (task) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'yamls'));
    await symlink(join(PROJECT, 'fixtures'), join(folder, 'fixtures'));
    const name = join('yamls', `${task}.yaml`);
    await writeFile(join(folder, name), readFileSync(join(PROJECT, name)));
    const done = await runYaml(name, { cwd: folder });
    expect(done.report).toMatchObject({ task, status: 'done', error: null });
    expect(done.target.rows_written).toBeGreaterThan(0);
    expect(done.target.verified).toBe('sample');
    const again = await runYaml(name, { cwd: folder });
    expect(again.report.status).toBe('skipped');
  });
});
