import { describe, expect, it } from 'vitest';
import type {
  CollectionParameter,
  Hdf5Source,
  MilvusEndpoint,
  RunOptions,
  TaskConfig,
} from '../../../src/config/types.js';
import { jobId } from '../../../src/job/job-id.js';
import { taskConfig } from './support.js';

const base = taskConfig();
const source = base.source as Hdf5Source;

const dest = (more: Partial<MilvusEndpoint>): Partial<TaskConfig> => ({ dest: { ...base.dest, ...more } });
const parameter = (more: Partial<CollectionParameter>): Partial<TaskConfig> => ({
  parameter: { ...base.parameter, ...more },
});
const options = (more: Partial<RunOptions>): Partial<TaskConfig> => ({ options: { ...base.options, ...more } });
const reads = (more: Partial<Hdf5Source>): Partial<TaskConfig> => ({ source: { ...source, ...more } });

const idOf = (more: Partial<TaskConfig>): string => jobId({ ...base, ...more });

describe('the job id', () => {
  it('is twelve hexadecimal digits, the same each time', () => {
    expect(jobId(base)).toMatch(/^[0-9a-f]{12}$/);
    expect(jobId(structuredClone(base))).toBe(jobId(base));
  });

  it.each<[string, Partial<TaskConfig>]>([
    ['token', dest({ token: 's3cret' })],
    ['user and password', dest({ user: 'root', password: 's3cret' })],
    ['certificates', dest({ tls: { ca: '/ca.pem', skipVerify: true } })],
    ['the default database by name', dest({ db: 'default' })],
    ['the list of secrets', { secrets: ['s3cret'] }],
    ['notes', { notes: ['a note'] }],
    ['batch_bytes', options({ batchBytes: 1 })],
    ['parallelism', options({ parallelism: 4 })],
    ['max_rate', options({ maxRate: { rowsPerSecond: 5 } })],
    ['verify', options({ verify: 'none' })],
    ['preflight', options({ preflight: 'headers' })],
    ['retry_for', options({ retryFor: 99 })],
    ['the limit of the quarantine', options({ quarantineLimit: 1 })],
    ['--restart', options({ restart: true })],
  ])('does not change with %s', (_, more) => {
    expect(idOf(more)).toBe(jobId(base));
  });

  const changes: [string, Partial<TaskConfig>][] = [
    ['task', { task: 'F2M' }],
    ['source file', reads({ files: [{ path: '/data/b.h5' }] })],
    ['order of files', reads({ files: [{ path: '/data/b.h5' }, { path: '/data/a.h5' }] })],
    ['other order of files', reads({ files: [{ path: '/data/a.h5' }, { path: '/data/b.h5' }] })],
    ['partition of a file', reads({ files: [{ path: '/data/a.h5', partition: 'p' }] })],
    ['kind of source', { source: { adapter: 'faiss', files: [{ path: '/data/a.h5' }] } }],
    ['dataset', reads({ dataset: 'vectors' })],
    ['dataset of ids', reads({ idsDataset: 'keys' })],
    ['columns', reads({ columns: { titles: 'title' } })],
    ['columns called otherwise', reads({ columns: { titles: 'name' } })],
    ['a dataset called password', reads({ columns: { password: 'title' } })],
    ['vector_type', reads({ vectorType: 'BINARY_VECTOR' })],
    ['server', dest({ at: { kind: 'server', address: '127.0.0.1:19531', tls: false } })],
    ['embedded server', dest({ at: { kind: 'embedded', folder: '/data/lite' } })],
    ['database', dest({ db: 'other' })],
    ['mode', { mode: 'skip' }],
    ['other mode', { mode: 'overwrite' }],
    ['collection', { collection: 'films' }],
    ['partition', { partition: 'p' }],
    ['metric', parameter({ metric: 'IP' })],
    ['names of fields', parameter({ idField: 'key' })],
    ['vector field', parameter({ vectorField: 'v' })],
    ['index', parameter({ index: { type: 'HNSW', params: { M: 8 } } })],
    ['parameters of the index', parameter({ index: { type: 'HNSW', params: { M: 16 } } })],
    ['no index', parameter({ index: 'none' })],
    ['shards', parameter({ shards: 2 })],
    ['id_start', options({ idStart: 5n })],
    ['id_start: auto', options({ idStart: 'auto' })],
    ['id_offset', options({ idOffset: 5n })],
    ['new_ids', options({ newIds: true })],
    ['on_duplicate_id', options({ onDuplicateId: 'first' })],
    ['on_bad_row', options({ onBadRow: 'quarantine' })],
    ['limit', options({ limit: 5 })],
    ['another limit', options({ limit: 6 })],
  ];

  it.each(changes)('changes with: %s', (_, more) => {
    expect(idOf(more)).not.toBe(jobId(base));
  });

  it('is different for each of these', () => {
    expect(new Set(changes.map(([, more]) => idOf(more))).size).toBe(changes.length);
  });

  it('does not change with the credentials of a source either', () => {
    const at = { kind: 'server', address: 'h:1', tls: false } as const;
    const select = { collections: [] } as never;
    const from = (endpoint: MilvusEndpoint): string =>
      idOf({ task: 'M2M', source: { adapter: 'milvus', endpoint, select } });
    expect(from({ at, token: 's3cret', user: 'u', password: 'p', tls: { ca: '/ca' } })).toBe(from({ at }));
    expect(from({ at, db: 'other' })).not.toBe(from({ at }));
    const mysql = { host: 'h', port: 3306, user: 'u', password: 'p', database: 'd' };
    const legacy = (more: object): string =>
      idOf({
        source: {
          adapter: 'legacy',
          path: '/m',
          extraPaths: [],
          select,
          onMissingSegment: 'error',
          unflushed: 'warn',
          mysql: { ...mysql, ...more },
        },
      });
    expect(legacy({ user: 'v', password: 'q' })).toBe(legacy({}));
    expect(legacy({ database: 'e' })).not.toBe(legacy({}));
  });
});
