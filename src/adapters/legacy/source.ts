import { join } from 'node:path';
import type { LegacySource, MySqlParameter } from '../../config/types.js';
import { findLog, type Log } from './log-files.js';
import type { MetaStore } from './meta-store.js';
import { type LegacyMetadata, readMetadata } from './metadata.js';
import { findPlace, META_FILE, type Place } from './place.js';

/** A folder with its metadata read; nothing of it stays open. */
export interface OpenedFolder {
  readonly place: Place;
  /** What the metadata was read from. */
  readonly metaLabel: string;
  readonly metadata: LegacyMetadata;
  readonly log: Log | undefined;
}

async function openStore(place: Place, mysql: MySqlParameter | undefined): Promise<MetaStore> {
  if (mysql) return (await import('./mysql.js')).openMysql(mysql);
  return (await import('./sqlite.js')).openSqlite(join(place.db, META_FILE));
}

/** Where the data of an old server is. */
export type LegacyFolder = Pick<LegacySource, 'path' | 'mysql'> & Partial<Pick<LegacySource, 'extraPaths'>>;

/** Finds the folder, reads its metadata and looks for its log. Throws SRC_*. */
export async function openFolder(o: LegacyFolder): Promise<OpenedFolder> {
  const place = await findPlace(o.path, o.extraPaths ?? [], o.mysql === undefined);
  await using store = await openStore(place, o.mysql);
  const metadata = await readMetadata(store);
  const log = place.wal === undefined ? undefined : await findLog(place.wal);
  return { place, metaLabel: store.label, metadata, log };
}
