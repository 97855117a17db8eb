import { fail } from '../util/errors.js';
import type { ImportProgress } from './imports.js';
import type { RestServer } from './rest.js';

// Paths and fields: Milvus RESTful API v2, "Import" (2.4 and later).
const CREATE = '/v2/vectordb/jobs/import/create';
const DESCRIBE = '/v2/vectordb/jobs/import/describe';
const LIST = '/v2/vectordb/jobs/import/list';
/** The server looks at all files before it answers. */
const CREATE_S = 600;

/** Several sets of files that the server is to take into a partition as one job. */
export interface ImportJobRequest {
  readonly db: string;
  readonly collection: string;
  /** '' for all partitions: deletes that concern all of them. */
  readonly partition: string;
  /** By segment: its folder of inserts and, where it has any, of deletes; or the latter alone. As the server sees them. */
  readonly files: readonly (readonly string[])[];
  readonly options: Readonly<Record<string, string>>;
}

interface Described {
  readonly state?: string;
  readonly progress?: number;
  readonly importedRows?: number;
  readonly totalRows?: number;
  readonly reason?: string;
}

/** There are more between the two ends, from PreImporting to IndexBuilding. */
const STATES: Readonly<Record<string, ImportProgress['state']>> = {
  Pending: 'pending',
  Completed: 'done',
  Failed: 'failed',
};

/** Whether the server has import jobs; changes nothing. Throws as {@link RestServer.post}. */
export async function requireImportJobs(rest: RestServer, db: string, collection: string): Promise<void> {
  const body = JSON.stringify({ dbName: db, collectionName: collection });
  await rest.post(LIST, body, JSON.parse, { retry: { totalMs: 0 } });
}

/** Begins a job and gives its id. Not repeated once it may have begun. */
export async function createImportJob(
  rest: RestServer,
  request: ImportJobRequest,
  retry: { readonly totalMs: number; readonly signal?: AbortSignal },
): Promise<string> {
  const { db, collection, partition, files, options } = request;
  const body = JSON.stringify({
    dbName: db,
    collectionName: collection,
    ...(partition === '' ? {} : { partitionName: partition }),
    files,
    options,
  });
  const o = { retry: { ...retry, onlyBusy: true }, timeoutS: CREATE_S };
  const data = (await rest.post(CREATE, body, JSON.parse, o)) as { jobId?: unknown };
  if (typeof data.jobId === 'string' && data.jobId !== '') return data.jobId;
  throw fail('DST_REFUSED', `the server began no import into ${collection}/${partition}`);
}

/** Asks how far a job has come. */
export async function importJobProgress(rest: RestServer, db: string, job: string): Promise<ImportProgress> {
  const body = JSON.stringify({ dbName: db, jobId: job });
  const {
    state = '',
    progress,
    importedRows,
    totalRows,
    reason,
  } = (await rest.post(DESCRIBE, body, JSON.parse)) as Described;
  const known = STATES[state] ?? 'running';
  // Rows stand in the answer from 2.4.1 on; before that those of all files do.
  const rows = importedRows ?? (known === 'done' ? totalRows : undefined) ?? 0;
  return { state: known, rows, percent: progress ?? 0, reason: reason ?? '' };
}
