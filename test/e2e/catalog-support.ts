import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { openHdf5 } from '../../src/adapters/hdf5/index.js';
import { python } from '../support/python.js';
import { type ExpectedCollections, type ExpectedPart, figuresOf, readAll } from '../unit/adapters/legacy/support.js';
import { milvusUri, type Ran, runYaml, temporaryFolder } from './support.js';

/** Runs a task of these keys to its end. */
export async function runTask(task: 'M2M' | 'M2H' | 'H2M', keys: object, args: readonly string[] = []): Promise<Ran> {
  const path = join(await temporaryFolder(), `${task}.yaml`);
  await writeFile(path, stringify({ [task]: keys }));
  return runYaml(path, { args });
}

/** The same, for one that must succeed. */
export async function runTaskOk(task: 'M2M' | 'M2H' | 'H2M', keys: object): Promise<Ran> {
  const done = await runTask(task, keys);
  expect(done.report.error, done.stderr).toBe(null);
  return done;
}

/** Rows and sha256 per partition, as pymilvus sees them. */
export async function legacyDigest(
  collection: string,
  uri: string = milvusUri(),
): Promise<Record<string, { rows: number; sha256: string }>> {
  return JSON.parse(await python('legacy_digest.py', [uri, collection]));
}

/** What `2021-03` and its like are called in Milvus 2.x, or what the test's own map says. */
export function legalName(name: string): string {
  if (name === '') return '_default';
  const clean = name.replace(/[^A-Za-z0-9_]/gu, '_');
  return /^[0-9]/.test(clean) ? `_${clean}` : clean;
}

/** Expected figures by the partition's name in Milvus 2.x. */
function byName(expected: ExpectedCollections[string]): [string, ExpectedPart][] {
  const parts = Object.entries(expected.partitions);
  // Rows of a collection's own go to `_default`, as those with that tag do.
  const tagged = parts.some(([tag]) => tag === '_default');
  return parts.filter(([tag]) => !(tagged && tag === '')).map(([tag, part]) => [legalName(tag), part]);
}

/** A collection of the server holds what expected.json says; of repeated ids a query shows one. */
export async function expectCollection(collection: string, expected: ExpectedCollections[string]): Promise<void> {
  const found = await legacyDigest(collection);
  for (const [name, { rows, unique, sha256 }] of byName(expected)) {
    if (rows === unique) expect(found[name], `${collection}/${name}`).toEqual({ rows, sha256 });
    else expect(found[name]?.rows, `${collection}/${name}`).toBe(unique);
  }
}

/** The H2M task that M2H has written for a collection, with all paths absolute. */
export function writtenTask(dataDir: string, collection: string): Record<string, unknown> {
  const [run, ...others] = readdirSync(dataDir);
  expect(others).toEqual([]);
  const folder = join(dataDir, run!, collection);
  const [yaml] = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return (parse(readFileSync(join(folder, yaml!), 'utf8')) as { H2M: Record<string, unknown> }).H2M;
}

/** The archives of a collection hold what expected.json says. */
export async function expectArchives(
  dataDir: string,
  collection: string,
  expected: ExpectedCollections[string],
): Promise<void> {
  const paths = writtenTask(dataDir, collection).data_path as { path: string; partition?: string }[];
  const files = paths.map(({ path, partition }) => ({ path, partition: partition ?? '_default' }));
  await using reader = await openHdf5(
    {
      adapter: 'hdf5',
      files,
      dataset: 'embeddings',
      idsDataset: 'ids',
      idsOptional: false,
      columns: {},
      archive: 'ignore',
    },
    { idField: 'id', vectorField: 'embedding' },
  );
  const rows = await readAll(reader);
  for (const [name, part] of byName(expected)) {
    expect(figuresOf(rows.get(name)), `${collection}/${name}`).toEqual(part);
  }
}

/** Settings under which M2M costs least; the content is then checked by pymilvus. */
export const QUICK_M2M = { mode: 'overwrite', verify: 'count', collection_parameter: { index: 'none' } } as const;
