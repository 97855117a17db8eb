import type { BulkStage, MilvusEndpoint, StorageConfig } from './places.js';
import type { RunOptions } from './run-options.js';

/** A validated BACKUP task. */
export interface BackupConfig {
  readonly task: 'BACKUP';
  /** As in {@link TaskConfig}. */
  readonly file?: string;
  readonly endpoint: MilvusEndpoint;
  /** Where the server keeps its data; absent where that is out of reach. */
  readonly storage?: StorageConfig;
  readonly store: StorageConfig;
  /** Made from the time where absent. */
  readonly name?: string;
  /** Backup of the same store that unchanged files are taken from. */
  readonly base?: string;
  /** Globs, each with a database: `default.articles_*`. */
  readonly select: readonly string[];
  readonly exclude: readonly string[];
  readonly strategy: 'auto' | 'storage' | 'logical';
  readonly kind: 'manual' | 'automatic';
  readonly flush: boolean;
  readonly rbac: boolean;
  /** The time to live of collections is left out. */
  readonly ttl?: false;
  readonly link: boolean;
  readonly checksum: 'auto' | 'full' | 'none';
  /** Of the files of a logical backup. */
  readonly compression: 'zstd' | 'none';
  /** Files that are copied at a time. */
  readonly parallelism: number;
  /** As in {@link RunOptions}. */
  readonly retryFor: number;
  /** As in {@link RunOptions}. */
  readonly restart?: boolean;
  readonly notes: readonly string[];
  readonly secrets: readonly string[];
}

/** Other names for what a backup holds. All names in it have their database: `default.articles`. */
export interface RenameRules {
  /** Old name -> new one; `db.*` -> `other.*`. A new one that begins with "." stays in the database of the old. */
  readonly map: Readonly<Record<string, string>>;
  /** Put behind names that the map does not have. */
  readonly suffix?: string;
  /** Database that takes everything. */
  readonly db?: string;
}

/** A validated RESTORE task. */
export interface RestoreConfig {
  readonly task: 'RESTORE';
  /** As in {@link TaskConfig}. */
  readonly file?: string;
  /** Without a database: each collection has its own. */
  readonly endpoint: MilvusEndpoint;
  /** Where the server keeps its data; absent where that is out of reach. */
  readonly storage?: StorageConfig;
  /** How rows of a logical backup may go in by bulk import, by way of that store. */
  readonly bulk?: BulkStage;
  readonly store: StorageConfig;
  readonly name: string;
  /** Globs over the names in the backup, each with a database. */
  readonly select: readonly string[];
  readonly exclude: readonly string[];
  readonly rename: RenameRules;
  readonly mode: 'skip' | 'overwrite';
  readonly index: 'restore' | 'none' | 'auto';
  readonly load: 'restore' | boolean;
  readonly shards?: number;
  readonly metaOnly: boolean;
  /** How rows come back; as suits the server and their size where absent. */
  readonly way?: 'import' | 'insert';
  /** Make users, roles and grants that the backup has and the server lacks. */
  readonly rbac: boolean;
  /** Passwords of users that are made, by their names. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly verify: RunOptions['verify'];
  /** Files that are copied at a time. */
  readonly parallelism: number;
  /** As in {@link RunOptions}. */
  readonly retryFor: number;
  readonly notes: readonly string[];
  readonly secrets: readonly string[];
}
