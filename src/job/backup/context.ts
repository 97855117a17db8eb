import type { SideFile } from '../../backup/side-file.js';
import type { DatabaseBackupInfo, RbacInfo } from '../../backup/types.js';
import type { BackupConfig } from '../../config/types.js';
import type { DescribedCollection } from '../../segments/describe.js';
import type { SegmentServer } from '../../segments/server.js';
import type { ObjectStore } from '../../store/types.js';
import type { Emit } from '../open-job.js';
import type { Base } from './base.js';

/** A backup that has been looked into: everything is open, and nothing has been written. The opener disposes of it. */
export interface PreparedBackup extends AsyncDisposable {
  /** UUID of the backup, and of its collections. */
  readonly id: string;
  readonly config: BackupConfig;
  readonly name: string;
  readonly strategy: 'storage' | 'logical';
  readonly server: SegmentServer;
  /** Where the server keeps its data; absent where that is out of reach. */
  readonly source: ObjectStore | undefined;
  readonly dest: ObjectStore;
  readonly databases: readonly DatabaseBackupInfo[];
  readonly collections: readonly DescribedCollection[];
  readonly rbac: RbacInfo | undefined;
  readonly base: Base | undefined;
  /** The side file of a run that was cut short under this name. */
  readonly unfinished: SideFile | undefined;
  readonly warnings: readonly string[];
}

/** What a strategy needs while it runs. */
export interface BackupRun {
  readonly prepared: PreparedBackup;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly started: Date;
  readonly warn: (message: string) => void;
}

/** What a strategy has done. */
export interface BackupResult {
  /** Rows by collection, as the server counts them in its segments: deleted ones count until it compacts. */
  readonly rows: ReadonlyMap<string, number>;
  readonly files: number;
  readonly bytes: number;
  /** What came from the server, from the base, and what an earlier run had left. */
  readonly copied: { readonly files: number; readonly bytes: number };
  readonly fromBase: { readonly files: number; readonly bytes: number };
  readonly reused: { readonly files: number; readonly bytes: number };
  readonly leftOut: SideFile['left_out'];
  /** Files that have a checksum. */
  readonly checksums: number;
}
