import { type RetryPolicy, withRetry } from '../util/retry.js';
import { WireReader } from '../util/wire.js';
import { type Connection, DDL_TIMEOUT_MS } from './connection.js';
import { decodeStatus, OK, readAnswer, type Status } from './decode.js';
import { encodeMessage, keyValuePair } from './messages.js';
import { requireOk } from './status.js';

/** Files that the server is to take into a partition by itself. */
export interface ImportRequest {
  readonly collection: string;
  /** '' for all partitions: deletes that concern all of them. */
  readonly partition: string;
  /** Folders as the server sees them, with "/" at their ends: inserts, then deletes ('' where there are none). */
  readonly files: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}

/** How far an import has come. */
export interface ImportProgress {
  readonly state: 'pending' | 'running' | 'done' | 'failed';
  /** Rows that it has taken; deleted ones do not count. */
  readonly rows: number;
  readonly percent: number;
  /** Why it failed. */
  readonly reason: string;
}

/** common.ImportState. Persisted and flushed still lack what makes the rows visible. */
const STATES: Readonly<Record<number, ImportProgress['state']>> = {
  0: 'pending',
  1: 'failed',
  2: 'running',
  5: 'running',
  6: 'done',
  7: 'failed',
  8: 'running',
};

function decodeTasks(bytes: Uint8Array): { status: Status; tasks: readonly bigint[] } {
  const reader = new WireReader(bytes);
  let status = OK;
  const tasks: bigint[] = [];
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = decodeStatus(reader.message());
    else if (f.number === 2 && f.type === 2)
      for (const part = reader.message(); !part.done; ) tasks.push(part.bigint());
    else if (f.number === 2) tasks.push(reader.bigint());
    else reader.skip(f.type);
  }
  return { status, tasks };
}

function decodePair(reader: WireReader): readonly [string, string] {
  let [key, value] = ['', ''];
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) key = reader.string();
    else if (f.number === 2) value = reader.string();
    else reader.skip(f.type);
  }
  return [key, value];
}

/** An import that the server remembers. */
export interface ListedImport {
  readonly task: bigint;
  /** As they were named to it. */
  readonly files: readonly string[];
}

interface ImportState {
  readonly status: Status;
  readonly progress: ImportProgress;
  readonly listed: ListedImport;
}

/** GetImportStateResponse: 1 status, 2 state, 3 row_count, 5 infos (failed_reason, progress_percent, files), 6 id. */
function decodeProgress(reader: WireReader): ImportState {
  let [status, state, rows, task] = [OK, 0, 0, 0n];
  const infos = new Map<string, string>();
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = decodeStatus(reader.message());
    else if (f.number === 2) state = reader.int32();
    else if (f.number === 3) rows = Number(reader.bigint());
    else if (f.number === 5) infos.set(...decodePair(reader.message()));
    else if (f.number === 6) task = reader.bigint();
    else reader.skip(f.type);
  }
  const [percent, reason] = [Number(infos.get('progress_percent') ?? 0), infos.get('failed_reason') ?? ''];
  const files = (infos.get('files') ?? '').split(',').filter((file) => file !== '');
  return {
    status,
    progress: { state: STATES[state] ?? 'running', rows, percent, reason },
    listed: { task, files },
  };
}

/** ListImportTasksResponse: 1 status, 2 tasks. */
function decodeList(bytes: Uint8Array): { status: Status; imports: readonly ListedImport[] } {
  const reader = new WireReader(bytes);
  let status = OK;
  const imports: ListedImport[] = [];
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = decodeStatus(reader.message());
    else if (f.number === 2) imports.push(decodeProgress(reader.message()).listed);
    else reader.skip(f.type);
  }
  return { status, imports };
}

/**
 * Begins an import and gives the ids of its tasks. ImportRequest: 1 collection, 2 partition, 5 files, 6 options; the
 * database is the connection's. Not repeated once it may have begun.
 */
export async function startImport(
  connection: Connection,
  request: ImportRequest,
  retry: RetryPolicy = connection.retry,
): Promise<readonly bigint[]> {
  const what = `import into ${request.collection}/${request.partition}`;
  const options = Object.entries(request.options).map(([key, value]) => keyValuePair({ key, value }));
  const message = encodeMessage({ 1: request.collection, 2: request.partition, 5: request.files, 6: options });
  return await withRetry(
    async () => {
      const bytes = await connection.call('Import', message, { deadlineMs: DDL_TIMEOUT_MS });
      const { status, tasks } = readAnswer(bytes, what, decodeTasks);
      requireOk(status, what);
      return tasks;
    },
    { ...retry, onlyBusy: true },
  );
}

/** Asks how far an import has come. */
export async function importProgress(
  connection: Connection,
  task: bigint,
  retry: RetryPolicy = connection.retry,
): Promise<ImportProgress> {
  const what = `state of import ${task}`;
  return await withRetry(async () => {
    const request = encodeMessage({ 1: task });
    const bytes = await connection.call('GetImportState', request, { deadlineMs: DDL_TIMEOUT_MS });
    const { status, progress } = readAnswer(bytes, what, (answer) => decodeProgress(new WireReader(answer)));
    // 2.3 repeats the failure of the task in the status.
    if (progress.state !== 'failed') requireOk(status, what);
    return progress.reason === '' ? { ...progress, reason: status.reason } : progress;
  }, retry);
}

/** The imports into a collection that the server remembers, `limit` of them at most. ListImportTasksRequest: 1 collection, 2 limit. */
export async function listImports(
  connection: Connection,
  collection: string,
  limit: number,
  retry: RetryPolicy = connection.retry,
): Promise<readonly ListedImport[]> {
  const what = `imports into ${collection}`;
  return await withRetry(async () => {
    const request = encodeMessage({ 1: collection, 2: BigInt(limit) });
    const bytes = await connection.call('ListImportTasks', request, { deadlineMs: DDL_TIMEOUT_MS });
    const { status, imports } = readAnswer(bytes, what, decodeList);
    requireOk(status, what);
    return imports;
  }, retry);
}
