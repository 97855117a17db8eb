import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { onLite } from '../support/lite.js';
import { python } from '../support/python.js';
import { dropCollections, exists, milvusUri, type Ran, runYaml, temporaryFolder, unique } from './support.js';

// M2M between Milvus 2.3.5 and Milvus Lite, both ways, read back by pymilvus.

beforeAll(() => {
  vi.stubEnv('MILVUSDM_EMBEDDED_PATH', inject('embeddedPath'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await dropCollections();
});

async function copy(keys: object): Promise<Ran> {
  const path = join(await temporaryFolder(), 'M2M.yaml');
  await writeFile(path, stringify({ M2M: { mode: 'overwrite', ...keys } }));
  return runYaml(path);
}

async function copyOk(keys: object): Promise<Ran> {
  const done = await copy(keys);
  expect(done.report.error, done.stderr).toBe(null);
  expect(done.report.targets.every((t) => t.verified === 'sample')).toBe(true);
  return done;
}

/** Content digests by partition, as the runs report them. */
function digestsOf(done: Ran): Record<string, string | null> {
  return Object.fromEntries(done.report.targets.map((t) => [t.partition ?? '', t.digest]));
}

interface Dump {
  readonly partitions: Readonly<Record<string, number>>;
  readonly sha256: string;
  readonly fields: readonly unknown[];
  readonly indexes: readonly unknown[];
}

async function serverDump(collection: string): Promise<Dump> {
  return JSON.parse(await python('all_types.py', ['dump', milvusUri(), collection]));
}

async function liteDump(folder: string, collection: string): Promise<Dump & { readonly aliases: number }> {
  return JSON.parse(await onLite(folder, 'dump', collection));
}

test('a collection of 18 field types goes from 2.3.5 into a folder, and from the folder back, with every row', async () => {
  const source = unique('out');
  const back = unique('back');
  const folder = join(await temporaryFolder(), 'milvus');
  await python('all_types.py', ['make', milvusUri(), source, '300']);
  const out = await copyOk({ source_uri: milvusUri(), source_collection: [source], dest_uri: folder });
  const warnings = out.report.warnings.join('\n');
  expect(warnings).toContain(`Milvus Lite keeps one row per id in all of "${source}"`);
  expect(warnings).toMatch(
    /does not keep .*: the description; the descriptions of pk; its 2 shards; .*Bounded; .*a_varchar/,
  );
  const home = await copyOk({
    source_uri: folder,
    source_collection: [source],
    collection_map: { [source]: back },
    dest_uri: milvusUri(),
  });
  expect(digestsOf(home)).toEqual(digestsOf(out));
  expect(home.report.warnings.join('\n')).toContain('does not say how long the texts in "a_varchar" may be');
  const [there, here] = [await serverDump(source), await serverDump(back)];
  expect(here.partitions).toEqual({ _default: 150, empty: 0, first: 150 });
  expect({ partitions: here.partitions, sha256: here.sha256, indexes: here.indexes }).toEqual({
    partitions: there.partitions,
    sha256: there.sha256,
    indexes: there.indexes,
  });
});

test('every field type of Milvus Lite goes from folder to folder, and what 2.3.5 lacks is refused before it is touched', async () => {
  const [from, to] = [join(await temporaryFolder(), 'from'), join(await temporaryFolder(), 'to')];
  const own = unique('own');
  await onLite(from, 'make', own, '60');
  const copied = await copyOk({ source_uri: from, source_collection: [own], dest_uri: to });
  const original = await liteDump(from, own);
  expect(original).toMatchObject({ partitions: { _default: 30, first: 30 }, aliases: 1 });
  expect(await liteDump(to, own)).toEqual(original);

  const keys = { source_uri: from, source_collection: [own], dest_uri: milvusUri() };
  for (const [more, message] of [
    [{}, /has no SPARSE_FLOAT_VECTOR, which "sparse" needs/],
    [{ output_fields: ['vec', 'n_bool', 'f_bool', 'n_json'] }, /may be null, which n_bool, n_json may be/],
  ] as const) {
    const refused = await copy({ ...keys, ...more });
    expect(refused.code).toBe(4);
    expect(refused.report.error).toMatchObject({ code: 'DST_UNSUPPORTED', message: expect.stringMatching(message) });
    expect(await exists(own)).toBe(false);
  }

  const kinds = ['bool', 'int8', 'int16', 'int32', 'int64', 'float', 'double', 'varchar'];
  const output_fields = [...kinds.flatMap((kind) => [`f_${kind}`, `a_${kind}`]), 'f_json', 'd_int32', 'vec', '$meta'];
  const part = await copyOk({ ...keys, output_fields });
  expect(part.report.targets.map((t) => [t.partition, t.rows_written])).toEqual([
    ['_default', 30],
    ['first', 30],
  ]);
  const again = await copyOk({
    source_uri: milvusUri(),
    source_collection: [own],
    collection_map: { [own]: `${own}_again` },
    dest_uri: to,
  });
  expect(digestsOf(again)).toEqual(digestsOf(part));
  expect(digestsOf(copied)).not.toEqual(digestsOf(part));
});
