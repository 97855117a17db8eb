/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { openChromium } from '../support/chromium.js';
import { onlyBackup } from '../support/only-one.js';
import { obstacles } from '../support/page-check.js';
import { startServe, type TestServer } from '../support/serve.js';
import { serverStorage } from './backup-support.js';
import {
  alsoDropped,
  dropCollections,
  exists,
  faissFlat,
  milvusUri,
  slowTask,
  sourceFile,
  temporaryFolder,
  unique,
} from './support.js';

const TOKEN = 'a-token-for-the-page-0123456789';
const ROWS = 3000;

let server: TestServer;
let browser: Browser;
let page: Page;
let collection: string;
let backups: string;
/** What the browser has complained about, and where it has asked. */
const complaints: string[] = [];
const hosts = new Set<string>();

beforeAll(async () => {
  collection = unique('page');
  const folder = await temporaryFolder();
  backups = join(folder, 'backups');
  await writeFile(join(folder, 'tokens'), `${TOKEN}\n`);
  [server, browser] = await Promise.all([
    startServe({ args: ['--token-file', join(folder, 'tokens')], token: TOKEN }),
    openChromium(),
  ]);
  page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
  page.setDefaultTimeout(300_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Refused requests are looked at where they happen.
    const refused = message.text().startsWith('Failed to load resource: the server responded');
    if (message.type() === 'error' && !refused) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('blob:')) hosts.add(new URL(request.url()).origin);
  });
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await dropCollections();
  expect(complaints).toStrictEqual([]);
  expect([...hosts]).toStrictEqual([server.url]);
});

/** Waits until the job of the view is in a state, and gives its id. */
async function ended(state: string): Promise<string> {
  const over = page.locator('dl .state', { hasText: /^(?!queued|running)/ });
  await over.waitFor();
  expect(await over.textContent(), (await page.locator('main').textContent())!).toBe(state);
  return page.url().split('/').at(-1)!;
}

async function write(yaml: string): Promise<void> {
  await page.getByRole('link', { name: 'New job' }).first().click();
  await page.getByLabel('Task as YAML').fill(yaml);
}

const faiss = (keys: object): string => stringify({ F2M: { dest_uri: milvusUri(), ...keys } });

describe.sequential('the page', () => {
  it('asks for the token, and keeps it for the tab', async () => {
    await page.goto(server.url);
    const token = page.getByLabel('Token');
    await token.fill('another-token-0123456789');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').getByText('SRV_AUTH').waitFor();
    await token.fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Jobs' }).waitFor();
    await page.reload();
    await page.getByText('No job yet').waitFor();
    expect(await page.evaluate(() => [localStorage.length, sessionStorage.length])).toStrictEqual([0, 1]);
  });

  it('shows mistakes beside the text, and sends the task once it is right', async () => {
    const data_path = await sourceFile(
      'page.index',
      faissFlat(ROWS, 8, (row, column) => row + column / 8),
    );
    const keys = { data_path, dest_collection_name: collection, verify: 'none' };
    const wrong = faiss({ ...keys, collection_parameter: { metric_type: 'L3', index: { type: 'FLAT' }, load: true } });
    await write(wrong);
    const line = wrong.split('\n').findIndex((text) => text.includes('L3')) + 1;
    const mistake = page.getByRole('button', { name: new RegExp(`^${line}:\\d+ collection_parameter.metric_type`) });
    await mistake.click();
    const chosen = await page.getByLabel('Task as YAML').evaluate((area: HTMLTextAreaElement) => {
      return [document.activeElement === area, area.value.slice(area.selectionStart, area.selectionEnd)];
    });
    expect(chosen).toStrictEqual([true, 'L3']);
    await page.getByRole('button', { name: 'Start job' }).click();
    await page.getByRole('status').filter({ hasText: '1 mistake' }).waitFor();
    expect((await server.call<{ jobs: unknown[] }>('GET', '/api/v1/jobs')).jobs).toHaveLength(0);

    await page.getByLabel('Task as YAML').fill(wrong.replace('L3', 'L2'));
    await page.getByRole('button', { name: 'Show plan' }).click();
    await page.getByRole('region', { name: 'Plan' }).getByText(collection).first().waitFor();
    await page.getByRole('button', { name: 'Start job' }).click();
    const id = await ended('done');
    expect(await page.getByRole('progressbar', { name: collection }).count()).toBe(1);
    expect(await page.getByRole('status').last().textContent()).toBe('Job F2M is done');
    await page.getByRole('link', { name: 'Report' }).click();
    const report = await server.call<{ targets: { digest: string }[] }>('GET', `/api/v1/jobs/${id}/report`);
    await page.getByRole('cell', { name: report.targets[0]!.digest }).waitFor();
    expect(await page.getByRole('row', { name: collection }).textContent()).toContain('3,000');
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as HTML' }).click(),
    ]);
    expect(file.suggestedFilename()).toBe(`report-${id}.html`);
  });

  it('shows a job as it goes on, and cancels it', async () => {
    await write(faiss({ ...(await slowTask()), dest_collection_name: unique('slow') }));
    await page.getByRole('button', { name: 'Start job' }).click();
    await page.getByRole('img', { name: /^Chart\. Rows per second/ }).waitFor();
    await page.getByText(/write: [1-9][\d,]* of 200,000/).waitFor();
    expect(await obstacles(page)).toStrictEqual([]);
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'No, keep it' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.locator(':focus', { hasText: /^Cancel job$/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Yes, cancel it' }).click();
    await ended('cancelled');
    await page.getByRole('button', { name: 'Resume' }).waitFor();
  });

  it('makes a connection, a backup, and restores it', async () => {
    await page.getByRole('link', { name: 'Connections' }).click();
    await page.getByRole('button', { name: 'New connection' }).click();
    await page.getByLabel('Name', { exact: true }).fill('here');
    await page.getByLabel('Address').fill(milvusUri());
    await page.getByLabel('Storage of that Milvus').fill(serverStorage().path);
    await page.getByLabel('Store of its backups').fill(backups);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Check here' }).click();
    await page.getByRole('row', { name: 'here' }).getByText('answers').waitFor();
    await page.getByRole('link', { name: 'Backups' }).first().click();
    await page.getByText('No backup lies here yet').waitFor();
    await page.getByRole('button', { name: 'Back up' }).click();
    await page.getByLabel('Collections').fill(collection);
    await page.getByLabel('Name of the backup').fill('by_page');
    {
      await using _ = await onlyBackup();
      await page.getByRole('button', { name: 'Start backup' }).click();
      await ended('done');
    }
    await page.getByRole('link', { name: 'Backups' }).first().click();
    await page.getByRole('link', { name: 'by_page' }).click();
    await page
      .getByRole('row', { name: `default.${collection}` })
      .getByText('3,000')
      .waitFor();
    await page.getByRole('button', { name: 'Restore' }).click();
    await page.getByLabel('Suffix').fill('_again');
    await page.getByRole('button', { name: 'Start restore' }).click();
    await ended('done');
    expect(await exists(alsoDropped(`${collection}_again`))).toBe(true);
  });

  it('makes a snapshot, restores it, and drops it', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'Snapshots' }).click();
    await page.getByRole('button', { name: 'Make snapshot' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Collection').fill(collection);
    await dialog.getByLabel('Name of the snapshot').fill(`${collection}_kept`);
    await dialog.getByRole('button', { name: 'Make snapshot' }).click();
    await ended('done');
    await page.getByRole('navigation').getByRole('link', { name: 'Snapshots' }).click();
    const row = page.getByRole('row', { name: `${collection}_kept` });
    await row.getByText('3,000').waitFor();
    await row.getByRole('button', { name: 'Restore' }).click();
    await page.getByLabel('New collection').fill(alsoDropped(`${collection}_from_snapshot`));
    await page.getByRole('button', { name: 'Start restore' }).click();
    await ended('done');
    expect(await exists(`${collection}_from_snapshot`)).toBe(true);
    await page.getByRole('navigation').getByRole('link', { name: 'Snapshots' }).click();
    await row.getByRole('button', { name: 'Drop' }).click();
    await page.getByRole('button', { name: 'Yes, drop it' }).click();
    await row.waitFor({ state: 'detached' });
  });

  it('can be used by keyboard and screen reader, dark and light, wide and narrow', async () => {
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      for (const name of ['Jobs', 'New job', 'Backups', 'Snapshots', 'Schedules', 'Connections']) {
        await page.getByRole('navigation').getByRole('link', { name }).click();
        await page.getByRole('heading', { level: 1, name }).and(page.locator(':focus')).waitFor();
        await page.waitForLoadState('networkidle');
        expect(await obstacles(page), `${name}, ${colorScheme}, ${width}`).toStrictEqual([]);
      }
    }
    await page.getByLabel('Colours').selectOption('light');
    await expect.poll(() => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe('light');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });
});
