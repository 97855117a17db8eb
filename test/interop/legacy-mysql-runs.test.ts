import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectArchives, expectCollection, legalName, QUICK_M2M, runTaskOk } from '../e2e/catalog-support.js';
import { dropCollections, milvusUri, type Ran, temporaryFolder, unique } from '../e2e/support.js';
import { ensureMariaDb, type MariaDb } from '../support/mariadb.js';
import { type ExpectedCollections, expectedOf, FIXTURES } from '../unit/adapters/legacy/support.js';

// Every directory with its metadata in MySQL, through the command line, into archives and (`npm run test:soak`: all of them) into Milvus.

let server: MariaDb;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'milvusdm-mysql-runs-'));
  server = await ensureMariaDb();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
  await dropCollections();
});

/** A fixture whose metadata is in MySQL only, as the keys of a task. */
async function moved(variant: string): Promise<object> {
  const path = join(folder, variant);
  cpSync(join(FIXTURES, variant), path, { recursive: true });
  for (const name of ['meta.sqlite', 'meta.sqlite-wal']) rmSync(join(path, 'db', name), { force: true });
  await server.load(variant, readFileSync(join(path, 'meta.sql'), 'utf8'));
  const { host, port, user, password } = server;
  return { source_milvus_path: path, mysql_parameter: { host, port, user, password, database: variant } };
}

/** Digest by source partition: `collection/partition` of the source, and how many rows it has. */
function digests({ report }: Ran): [string, string | null, number][] {
  return report.targets
    .map((t): [string, string | null, number] => [t.source, t.digest, t.rows_written])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Directory, further keys, and whether it goes into Milvus in every run: the others do from SQLite (e2e/collections, e2e/legacy). */
const CASES: [string, object, boolean][] = [
  ['small', {}, false],
  ['edge', { on_missing_segment: 'skip', exclude_collection: ['not_finite'] }, false],
  ['floats', {}, false],
  ['again', {}, true],
  ['binary', {}, false],
  ['log', { unflushed: 'include' }, true],
  ['secondary', { extra_paths: [join(FIXTURES, 'secondary', 'disk2')] }, false],
];

/** The digests of the collections in Milvus, where pymilvus has found what is expected. */
async function copied(keys: object, expected: ExpectedCollections): Promise<ReturnType<typeof digests>> {
  const map = Object.fromEntries(Object.keys(expected).map((name) => [name, unique('sql')]));
  const done = await runTaskOk('M2M', { ...QUICK_M2M, ...keys, collection_map: map, dest_uri: milvusUri() });
  expect(new Set(done.report.targets.map((t) => t.collection))).toEqual(new Set(Object.values(map)));
  for (const [name, target] of Object.entries(map)) {
    // A query of the tests does not see the ends of int64.
    if (name !== 'wide_ids') await expectCollection(target, expected[name]!);
  }
  return digests(done);
}

const ALL = process.env.FIXTURES === 'all';

describe('from MySQL', () => {
  it.each(CASES)(
    '"%s" arrives',
    async (variant, more, intoMilvus) => {
      const keys = { ...(await moved(variant)), ...more, source_collection: '*' };
      const truth = expectedOf(variant);
      const { not_finite: _, ...expected } = truth.with_log ?? truth.collections;
      const dataDir = await temporaryFolder();
      const archived = await runTaskOk('M2H', { ...keys, data_dir: dataDir });
      for (const [name, collection] of Object.entries(expected)) {
        await expectArchives(dataDir, legalName(name), collection);
      }
      if (intoMilvus || ALL) expect(await copied(keys, expected)).toEqual(digests(archived));
    },
    300_000,
  );
});
