import { describe, expect, it } from 'vitest';
import { archiveYaml } from '../../../../src/adapters/hdf5/index.js';
import { validateText } from '../../../../src/config/load.js';

describe('the YAML beside the archives', () => {
  const files = [
    { path: '/data/20260101/books/_default.h5', partition: '_default' },
    { path: '/data/20260101/books/2021-03.h5', partition: '2021-03' },
  ];

  it('is one that runs', () => {
    const text = archiveYaml({
      collection: 'books',
      files,
      metric: 'cosine',
      dimension: 8,
      idField: 'key',
      vectorField: 'vec',
      shards: 2,
    });
    const task = validateText(text, { env: {} });
    expect(task).toMatchObject({
      task: 'H2M',
      collection: 'books',
      mode: 'skip',
      dest: { at: { kind: 'server', address: '127.0.0.1:19530' } },
      source: { adapter: 'hdf5', files, dataset: 'embeddings', idsOptional: true, columns: {} },
      parameter: { dimension: 8, metric: 'COSINE', idField: 'key', vectorField: 'vec', shards: 2 },
    });
  });

  it.each([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what stands in the path
    '/data/${HOME}/$x/a: b #c.h5',
    '/data/it\'s "so".h5',
    '/data/ü 本.h5',
    '/data/- x.h5',
    '/data/line\nbreak.h5',
    '/data/null',
    `/data/${'long/'.repeat(60)}x.h5`,
  ])('names the path %j as it is', (path) => {
    const task = validateText(archiveYaml({ collection: 'c', files: [{ path }] }), { env: {} });
    expect(task.source).toMatchObject({ files: [{ path }] });
  });

  it.each(['01', 'null', '1e5', 'true', '0x10', '2021_03'])('keeps the partition %s a name', (partition) => {
    const task = validateText(archiveYaml({ collection: '_1', files: [{ path: '/a.h5', partition }] }), { env: {} });
    expect(task.source).toMatchObject({ files: [{ path: '/a.h5', partition }] });
  });

  it('leaves out a metric that no configuration takes', () => {
    const task = validateText(archiveYaml({ collection: 'c', files, metric: 'BM25' }), { env: {} });
    expect(task.parameter.metric).toBeUndefined();
  });
});
