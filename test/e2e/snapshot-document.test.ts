import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { runCli } from '../support/cli.js';
import { PROJECT } from '../support/environments.js';
import { serverStorage } from './backup-support.js';
import { dropCollections, temporaryFolder, unique, withClient } from './support.js';

const PAGE = readFileSync(join(PROJECT, 'docs/snapshots.md'), 'utf8');
const articles = unique('articles');
const restored = unique('restored');

interface Step {
  readonly command: string;
  readonly output: readonly string[];
}

/** The commands of the page's transcript, each with the lines that it prints. */
function stepsOf(page: string): Step[] {
  const [, transcript = ''] = /^```console\n([\s\S]*?)^```$/m.exec(page) ?? [];
  return transcript
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const [command = '', ...output] = text.trimEnd().split('\n');
      return { command, output };
    });
}

/** The words of a command line of a shell: only single quotes occur. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** The page's text with the names of the test, and back again. */
function here(text: string): string {
  return text
    .replaceAll('127.0.0.1:19530', inject('milvusAddress'))
    .replaceAll('/var/lib/milvus/data', serverStorage().path)
    .replace(/\barticles_restored\b/g, restored)
    .replace(/\barticles\b/g, articles);
}

/** Lines without what is another one each time: ids, times, sizes, the width of columns. */
function settled(text: string): string {
  return text
    .replaceAll(restored, 'articles_restored')
    .replaceAll(articles, 'articles')
    .replaceAll(serverStorage().path, '/var/lib/milvus/data')
    .replaceAll(inject('milvusAddress'), '127.0.0.1:19530')
    .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, 'TIME')
    .replace(/\b\d{12,}\b/g, 'ID')
    .replace(/[\d.,]+ (?:B|KiB|MiB)\b/g, 'SIZE')
    .replace(/[\d.,]+ (?:s|ms)(?=[\s,]|$)/gm, 'N s')
    .replace(/[\d,]+ rows\/s/g, 'N rows/s')
    .replace(/ +/g, ' ')
    .trimEnd();
}

function pattern(lines: readonly string[]): RegExp {
  const parts = lines.map((line) =>
    line === '...' ? '(?:.*\\n)*?' : `${settled(line).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\n`,
  );
  return new RegExp(`^${parts.join('')}$`);
}

beforeAll(async () => {
  await withClient(async (client) => {
    const fields = [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true },
      { name: 'embedding', data_type: DataType.FloatVector, dim: 8 },
      { name: 'title', data_type: DataType.VarChar, max_length: 64 },
    ];
    await client.createCollection({ collection_name: articles, shards_num: 1, fields });
    const data = Array.from({ length: 1000 }, (_, id) => {
      return { id, embedding: Array.from({ length: 8 }, (_, k) => id + k / 8), title: `row ${id}` };
    });
    await client.insert({ collection_name: articles, data });
    await client.flushSync({ collection_names: [articles] });
    const index = { index_type: 'HNSW', metric_type: 'L2', params: { M: 8, efConstruction: 64 } };
    await client.createIndex({ collection_name: articles, field_name: 'embedding', ...index });
    await client.loadCollectionSync({ collection_name: articles });
    await client.delete({ collection_name: articles, filter: 'id in [1, 2, 3, 4, 5]' });
  });
});
afterAll(dropCollections);

test('the life of a snapshot, as the page shows it', async () => {
  const folder = await temporaryFolder();
  const state = await temporaryFolder();
  const steps = stepsOf(PAGE);
  expect(steps.length).toBeGreaterThan(8);
  // The bundle that the page's snapshot lies in, and that of ours.
  const bundle = /milvusdm_snapshots\/\d+\/\d+/;
  const [shown = ''] = bundle.exec(PAGE) ?? [];
  let ours = shown;
  for (const { command, output } of steps) {
    const [program, ...args] = wordsOf(here(command));
    if (program === 'cat') {
      await writeFile(join(folder, args[0]!), here(output.join('\n')).replaceAll(shown, ours));
      continue;
    }
    expect(program).toBe('milvusdm');
    const done = await runCli(args, { cwd: folder, stateFolder: state });
    expect(done.code, `${command}\n${done.stdout}${done.stderr}`).toBe(0);
    ours = bundle.exec(done.stdout)?.[0] ?? ours;
    expect(`${settled(done.stdout)}\n`, command).toMatch(pattern(output));
  }
  const digests = new Set(steps.flatMap(({ output }) => output.join('\n').match(/\b[0-9a-f]{32}\b/g) ?? []));
  expect([...digests]).toHaveLength(1);
});
