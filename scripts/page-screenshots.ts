// Makes the pictures of docs/page.md: a built server, a Milvus at $MILVUS_ADDR, a few jobs, and Chromium.
// Usage: npm run build && MILVUS_ADDR=127.0.0.1:19530 npx tsx scripts/page-screenshots.ts
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { stringify } from 'yaml';
import { openChromium } from '../test/support/chromium.js';
import { PROJECT } from '../test/support/environments.js';

const address = process.env.MILVUS_ADDR;
if (!address) throw new Error('set MILVUS_ADDR to the host:port of a Milvus');
const uri = `http://${address}`;
const IMAGES = join(PROJECT, 'docs', 'images');
const folder = mkdtempSync(join(tmpdir(), 'milvusdm-pictures-'));

const server = spawn(process.execPath, [join(PROJECT, 'dist/cli/main.js'), 'serve', '--port', '0', '--json'], {
  cwd: PROJECT,
  env: { ...process.env, MILVUSDM_PATH: folder },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [first] = await once(server.stdout, 'data');
const { url } = JSON.parse(String(first)) as { url: string };

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${url}/api/v1${path}`, { method, ...json });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return (await response.json()) as T;
}

interface Job {
  readonly id: string;
  readonly state: string;
}

/** Submits a task and waits for its end, unless told otherwise. */
async function run(task: object, wait = true): Promise<Job> {
  let job = await call<Job>('POST', '/jobs', { yaml: stringify(task) });
  while (wait && ['queued', 'running'].includes(job.state)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    job = await call<Job>('GET', `/jobs/${job.id}`);
  }
  return job;
}

/** 200,000 vectors, written slowly. */
function slow(): object {
  const [rows, dim] = [200_000, 16];
  const path = join(folder, 'articles.fbin');
  const file = Buffer.alloc(8 + rows * dim * 4);
  file.writeInt32LE(rows, 0);
  file.writeInt32LE(dim, 4);
  for (let i = 0; i < rows * dim; i++) file.writeFloatLE(Math.sin(i), 8 + 4 * i);
  writeFileSync(path, file);
  const keys = { data_path: path, dest_uri: uri, dest_collection_name: 'pictures_articles', mode: 'overwrite' };
  const parameter = { metric_type: 'L2', index: 'none' };
  return { F2M: { ...keys, collection_parameter: parameter, verify: 'none', batch_bytes: '128KiB', max_rate: 6000 } };
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(IMAGES, `${name}.png`) });
}

try {
  const target = { dest_uri: uri, mode: 'overwrite', verify: 'count' };
  const parameter = { metric_type: 'L2', index: 'none' };
  const faiss = { data_path: 'fixtures/faiss/flat_l2.index', dest_collection_name: 'pictures_faiss' };
  const h5 = { data_path: 'fixtures/hdf5/quickstart.h5', dest_collection_name: 'pictures_quickstart' };
  await run({ F2M: { ...faiss, ...target, collection_parameter: parameter } });
  await run({ H2M: { ...h5, ...target, collection_parameter: { ...parameter, dimension: 64 } } });
  await run({ H2M: { ...h5, ...target, collection_parameter: { ...parameter, dimension: 96 } } });
  const live = await run(slow(), false);
  const browser = await openChromium();
  const page = await browser.newPage({ viewport: { width: 1180, height: 720 }, colorScheme: 'light' });
  await page.goto(`${url}/#/jobs/${live.id}`);
  await page.getByRole('img', { name: /^Chart/ }).waitFor();
  await page.waitForTimeout(12_000);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForTimeout(500);
  await shoot(page, 'page-job-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('link', { name: 'Jobs' }).click();
  await page.getByRole('table').waitFor();
  await shoot(page, 'page-jobs');
  await page.getByRole('link', { name: 'New job' }).first().click();
  const text = stringify({
    H2M: { data_path: ['vectors.h5'], dest_uri: uri, mode: 'replace', dest_colection_name: 'a' },
  });
  await page.getByLabel('Task as YAML').fill(text);
  await page.getByText(/\d mistakes?:/).waitFor();
  await shoot(page, 'page-new-job');
  await browser.close();
  await call('POST', `/jobs/${live.id}/cancel`);
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
