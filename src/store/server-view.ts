import { posix } from 'node:path';
import type { StorageConfig } from '../config/types.js';

/** The name under which a Milvus server knows a key of a store. */
export type ServerView = (key: string) => string;

/** With S3 the server takes keys of its bucket, with local storage whole paths; relative ones would start at its own folder. */
export function viewOf(storage: StorageConfig): ServerView {
  if (storage.type === 's3') return (key) => (storage.root === '' ? key : `${storage.root}/${key}`);
  return (key) => posix.join(storage.serverPath ?? storage.path, key);
}
