import { describe, expect, it } from 'vitest';
import { validateText } from '../../../src/config/load.js';
import type { SnapshotSource } from '../../../src/config/types.js';
import { jobId } from '../../../src/job/job-id.js';
import { sourceText } from '../../../src/job/places.js';
import { issuesOf } from './support.js';

// biome-ignore lint/suspicious/noTemplateCurlyInString: references of the YAML
const KEYS = 'access_key: "${KEY}", secret_key: "${SECRET}"';
const STORE = `store: {type: s3, endpoint: 'http://minio:9000', bucket: a-bucket, ${KEYS}}`;

function m2h(...lines: string[]): string {
  return ['M2H:', '  source_collection: [articles]', '  data_dir: archives', ...lines.map((line) => `  ${line}`)].join(
    '\n',
  );
}

function configOf(...lines: string[]) {
  return validateText(m2h(...lines), { cwd: '/data', env: { KEY: 'k', SECRET: 's3cret' } });
}

function sourceOf(...lines: string[]): SnapshotSource {
  const { source } = configOf(...lines);
  if (source.adapter !== 'snapshot') throw new Error(`the source is ${source.adapter}`);
  return source;
}

describe('source_snapshot', () => {
  it('is the metadata file or the folder of a snapshot', () => {
    expect(
      sourceOf('source_snapshot: exports/snapshots/4/metadata/7.json', 'output_fields: [id, title]'),
    ).toStrictEqual({
      adapter: 'snapshot',
      storage: { type: 'local', path: '/data/exports/snapshots/4/metadata/7.json' },
      path: '',
      select: { articles: null },
      outputFields: ['id', 'title'],
    });
  });

  it('is a key in a store, which begins where that of its server does', () => {
    const source = sourceOf(`source_snapshot: {${STORE}, path: milvusdm_snapshots/4/7, name: nightly}`);
    expect(source).toMatchObject({ path: 'milvusdm_snapshots/4/7', name: 'nightly' });
    expect(source.storage).toMatchObject({ type: 's3', bucket: 'a-bucket', root: 'files' });
    expect(sourceOf(`source_snapshot: {${STORE.replace(/}$/, ', root_path: /}')}}`)).toMatchObject({
      path: '',
      storage: { root: '' },
    });
  });

  it('is named without the credentials that lead to it, which are kept from all that is printed', () => {
    const config = configOf(`source_snapshot: {${STORE}, path: x, name: nightly}`);
    expect(config.secrets).toContain('s3cret');
    expect(sourceText(config.source)).toBe('snapshot "nightly" in minio:9000/a-bucket/files/x');
    const other = configOf(`source_snapshot: {${STORE.replace('{KEY}', '{SECRET}')}, path: x, name: nightly}`);
    expect(jobId(other)).toBe(jobId(config));
    expect(jobId(configOf(`source_snapshot: {${STORE}, path: y, name: nightly}`))).not.toBe(jobId(config));
  });

  it.each([
    [['source_snapshot: b', 'source_uri: http://a'], 'source_uri', /together with source_snapshot/],
    [['source_snapshot: b', 'source_backup: c'], 'source_snapshot', /together with source_backup/],
    [['source_snapshot: b', 'source_db: shop'], 'source_db', /has no use with source_snapshot/],
    [['source_snapshot: b', 'filter: x > 1'], 'filter', /has no use with source_snapshot/],
    [['source_snapshot: b', 'unflushed: include'], 'unflushed', /has no use with source_snapshot/],
    [['source_snapshot: {path: x}'], 'source_snapshot.store', /is missing/],
    [['source_snapshot: {store: {type: s3}}'], 'source_snapshot.store', /bucket is missing/],
    [['source_snapshot: {path: ../x, store: {type: local, path: x}}'], 'source_snapshot.path', /has \. or \.\. in it/],
    [['source_snapshot: {path: x, file: y, store: {type: local, path: x}}'], 'source_snapshot.file', /./],
  ] as const)('%j is told', (lines, key, message) => {
    const issues = issuesOf(m2h(...lines));
    expect(issues).toContainEqual(expect.objectContaining({ key, message: expect.stringMatching(message) }));
  });
});
