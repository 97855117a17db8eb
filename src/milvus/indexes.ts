import { sleep } from '../util/abort.js';
import { fail } from '../util/errors.js';
import { checked, sdkStatus } from './checked.js';
import type { Connection } from './connection.js';
import { isOk } from './status.js';

export interface IndexSpec {
  readonly field: string;
  readonly type: string;
  readonly metric: string;
  readonly params: Readonly<Record<string, string | number>>;
}

export interface IndexState extends IndexSpec {
  readonly name: string;
  readonly indexedRows: number;
  readonly totalRows: number;
  readonly finished: boolean;
}

/** Milvus code 700 and the older enum 25: there is no index. */
const NO_INDEX = { code: 700, legacy: 25 };

/** All indexes of a collection. */
export async function describeIndexes(connection: Connection, collection: string): Promise<IndexState[]> {
  const none = (s: { code: number; legacyCode: number }): boolean =>
    s.code === NO_INDEX.code || s.legacyCode === NO_INDEX.legacy;
  const answer = await checked(
    connection.retry,
    `describe the indexes of ${collection}`,
    () => connection.sdk.describeIndex({ collection_name: collection }),
    { allow: none },
  );
  if (!isOk(sdkStatus(answer))) return [];
  return (answer.index_descriptions ?? []).map((d) => {
    const params = Object.fromEntries(d.params.map((p) => [p.key, p.value]));
    return {
      name: d.index_name,
      field: d.field_name,
      type: String(params.index_type ?? ''),
      metric: String(params.metric_type ?? ''),
      params,
      indexedRows: Number(d.indexed_rows),
      totalRows: Number(d.total_rows),
      finished: d.state === 'Finished',
    };
  });
}

/** Milvus Lite builds the index inside this call (about 2,500 rows/s), so its deadline is long. */
const CREATE_INDEX_TIMEOUT_MS = 6 * 3_600_000;

export async function createIndex(connection: Connection, collection: string, index: IndexSpec): Promise<void> {
  await checked(connection.retry, `create index ${index.type} on ${collection}.${index.field}`, () =>
    connection.sdk.createIndex({
      collection_name: collection,
      field_name: index.field,
      index_type: index.type,
      metric_type: index.metric,
      params: { ...index.params },
      timeout: CREATE_INDEX_TIMEOUT_MS,
    }),
  );
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** Give up when nothing has moved for this long. */
  readonly stallMs: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Waits until the index of `field` covers all rows. Throws NET_DEADLINE when the count of indexed rows has not moved for
 * `stallMs`, DST_REFUSED when the server says that the build failed.
 */
export async function waitForIndex(
  connection: Connection,
  collection: string,
  field: string,
  options: WaitOptions,
): Promise<void> {
  let last = -1;
  let moved = Date.now();
  for (let wait = 50; ; wait = Math.min(wait * 1.5, 1000)) {
    const index = (await describeIndexes(connection, collection)).find((i) => i.field === field);
    if (!index) throw fail('DST_REFUSED', `the index on ${collection}.${field} is gone`);
    options.onProgress?.(index.indexedRows, index.totalRows);
    if (index.finished) return;
    if (index.indexedRows !== last) {
      last = index.indexedRows;
      moved = Date.now();
    }
    if (Date.now() - moved > options.stallMs) {
      throw fail(
        'NET_DEADLINE',
        `the index on ${collection}.${field} stands at ${index.indexedRows} of ${index.totalRows} rows for ${Math.round(options.stallMs / 1000)} s`,
        {
          hint: 'All rows are written and flushed. Look at the load of the server; the index goes on being built there.',
        },
      );
    }
    await sleep(wait, options.signal);
  }
}

/** Load state of a collection: whether queries can reach it. */
export async function isLoaded(connection: Connection, collection: string): Promise<boolean> {
  const answer = (await checked(connection.retry, `load state of ${collection}`, () =>
    connection.sdk.getLoadState({ collection_name: collection }),
  )) as unknown as { state: string };
  return answer.state === 'LoadStateLoaded';
}

/** Loads a collection and waits; throws NET_DEADLINE when progress stands still for `stallMs`. */
export async function loadCollection(connection: Connection, collection: string, options: WaitOptions): Promise<void> {
  const { retry, sdk } = connection;
  await checked(retry, `load ${collection}`, () => sdk.loadCollectionAsync({ collection_name: collection }));
  let last = -1;
  let moved = Date.now();
  for (let wait = 50; ; wait = Math.min(wait * 1.5, 1000)) {
    if (await isLoaded(connection, collection)) return;
    const answer = await checked(retry, `loading progress of ${collection}`, () =>
      sdk.getLoadingProgress({ collection_name: collection }),
    );
    const percent = Number((answer as unknown as { progress: string }).progress);
    options.onProgress?.(percent, 100);
    if (percent !== last) {
      last = percent;
      moved = Date.now();
    }
    if (Date.now() - moved > options.stallMs) {
      throw fail(
        'NET_DEADLINE',
        `loading ${collection} stands at ${percent} % for ${Math.round(options.stallMs / 1000)} s`,
        {
          hint: 'The server may lack memory for it; set verify: count or load it later.',
        },
      );
    }
    await sleep(wait, options.signal);
  }
}

export async function releaseCollection(connection: Connection, collection: string): Promise<void> {
  await checked(connection.retry, `release ${collection}`, () =>
    connection.sdk.releaseCollection({ collection_name: collection }),
  );
}
