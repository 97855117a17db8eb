import { expect, it } from 'vitest';
import type { LocalStorage, S3Storage, StorageConfig } from '../../../../src/config/types.js';
import { reachOf } from '../../../../src/job/restore/places.js';

const local = (path: string, serverPath?: string): LocalStorage => ({
  type: 'local',
  path,
  ...(serverPath ? { serverPath } : {}),
});
const s3 = (bucket: string, root: string, port = 9000): S3Storage => ({
  type: 's3',
  bucket,
  root,
  endpoint: { host: 'h', port, tls: false },
});

it.each<[string, StorageConfig, StorageConfig | undefined, string]>([
  ['one bucket', s3('a', 'backup'), s3('a', 'files'), 'direct backup/b/x/'],
  ['one bucket, no prefix', s3('a', ''), s3('a', 'files'), 'direct b/x/'],
  ['another bucket', s3('b', 'backup'), s3('a', 'files'), 'staged files/b/x/'],
  ['another server', s3('a', 'backup', 1), s3('a', 'files'), 'staged files/b/x/'],
  ['a folder for a server with a bucket', local('/backups'), s3('a', 'files'), 'staged files/b/x/'],
  ['a bucket for a server with a folder', s3('a', 'backup'), local('/data'), 'staged /data/b/x/'],
  ['two folders', local('/backups'), local('/data'), 'direct /backups/b/x/'],
  ['two folders, one in a container', local('/backups'), local('/data', '/milvus'), 'staged /milvus/b/x/'],
  ['two folders, both in a container', local('/backups', '/mnt'), local('/data', '/milvus'), 'direct /mnt/b/x/'],
  ['a folder alone', local('/backups'), undefined, 'direct /backups/b/x/'],
  ['a bucket alone', s3('a', 'backup'), undefined, 'direct backup/b/x/'],
])('%s', (_, store, storage, where) => {
  const reach = reachOf({ store, ...(storage ? { storage } : {}) });
  expect(`${reach.how} ${reach.view('b/x/')}`).toBe(where);
});
