import type { MilvusEndpoint } from '../../config/types.js';
import type { Connection } from '../../milvus/connection.js';
import { createImportJob, importJobProgress, requireImportJobs } from '../../milvus/import-jobs.js';
import { type ImportProgress, importProgress, startImport } from '../../milvus/imports.js';
import { openRest, type RestServer } from '../../milvus/rest.js';
import { fail, toMilvusdmError } from '../../util/errors.js';
import { type ImportUnit, takesPartitions } from './folders.js';
import type { ServerView } from './places.js';

/** An import that the server has begun. */
export interface StartedImport {
  /** What the server calls it, for messages. */
  readonly name: string;
  progress(): Promise<ImportProgress>;
}

/** A way to have the server import. */
export interface Importer {
  /** How many units like this one an import may have. */
  most(unit: ImportUnit): number;
  /** Throws DST_REFUSED, NET_*. */
  begin(collection: string, unit: ImportUnit, view: ServerView): Promise<StartedImport>;
}

/** Segments of a job: many, but no more than one likes to repeat when the job fails. milvus-backup sends up to 256. */
const MOST_SEGMENTS = 64;

function optionsOf(unit: ImportUnit): Record<string, string> {
  const kind = unit.insert === undefined ? { l0_import: 'true' } : { backup: 'true' };
  const version = unit.storageVersion > 0 ? { storage_version: String(unit.storageVersion) } : {};
  return { ...kind, skip_disk_quota_check: 'true', ...version };
}

/** The rows of an import's tasks, and whether they are over. */
function sum(progress: readonly ImportProgress[]): ImportProgress {
  const failed = progress.find(({ state }) => state === 'failed');
  if (failed) return failed;
  const rows = progress.reduce((total, one) => total + one.rows, 0);
  const percent = progress.reduce((total, one) => total + one.percent, 0) / progress.length;
  const all = (wanted: ImportProgress['state']): boolean => progress.every(({ state }) => state === wanted);
  return { state: all('done') ? 'done' : all('pending') ? 'pending' : 'running', rows, percent, reason: '' };
}

/** By gRPC: one unit an import. */
export function grpcImporter(connection: Connection): Importer {
  // Up to 2.3 the server wants both places; from 2.4 on it would look through its whole bucket for one that is empty.
  const none = takesPartitions(connection.version) ? [''] : [];
  return {
    most: () => 1,
    async begin(collection, unit, view) {
      const { insert, delta } = unit;
      const deletes = delta === undefined ? none : [view(delta)];
      const files = insert === undefined ? deletes : [view(insert), ...deletes];
      const request = { collection, partition: unit.partition, files, options: optionsOf(unit) };
      const tasks = await startImport(connection, request);
      if (tasks.length === 0) throw fail('DST_REFUSED', `the server began no import of ${unit.name}`);
      return {
        name: `task ${tasks.join(', ')}`,
        progress: async () => sum(await Promise.all(tasks.map((task) => importProgress(connection, task)))),
      };
    },
  };
}

/** Deletes that stand alone may be several in a job from 2.6.5 on. */
function joinsDeletes(version: string): boolean {
  const [, major = 99, minor = 0, patch = 0] = (/(\d+)\.(\d+)(?:\.(\d+))?/.exec(version) ?? []).map((text) =>
    Number(text ?? 0),
  );
  return major > 2 || (major === 2 && (minor > 6 || (minor === 6 && patch >= 5)));
}

/** By HTTP: many segments of a partition in one job. */
export function restImporter(
  rest: RestServer,
  db: string,
  { version, retry }: Pick<Connection, 'version' | 'retry'>,
): Importer {
  return {
    most: ({ insert }) => (insert === undefined && !joinsDeletes(version) ? 1 : MOST_SEGMENTS),
    async begin(collection, unit, view) {
      const files = [unit, ...(unit.also ?? [])].map(({ insert, delta }) =>
        [insert, delta].filter((folder) => folder !== undefined).map(view),
      );
      const request = { db, collection, partition: unit.partition, files, options: optionsOf(unit) };
      const job = await createImportJob(rest, request, retry);
      return { name: `job ${job}`, progress: () => importJobProgress(rest, db, job) };
    },
  };
}

export interface ImporterOptions {
  readonly endpoint: MilvusEndpoint;
  readonly db: string;
  /** One that is there. */
  readonly collection: string;
  readonly log: (message: string) => void;
}

/** Jobs over HTTP where the server has them, which is from 2.4 on and unless its HTTP is off or elsewhere; else gRPC. */
export async function importerFor(connection: Connection, o: ImporterOptions): Promise<Importer> {
  if (takesPartitions(connection.version)) return grpcImporter(connection);
  try {
    const rest = openRest(o.endpoint, connection.retry);
    await requireImportJobs(rest, o.db, o.collection);
    return restImporter(rest, o.db, connection);
  } catch (thrown) {
    const { code, message } = toMilvusdmError(thrown);
    if (code === 'INTERRUPTED') throw thrown;
    o.log(`one import for each segment, because the server has no import jobs over HTTP here (${message})`);
    return grpcImporter(connection);
  }
}
