import type { CollectionBackupInfo, IndexInfo } from '../../backup/types.js';
import type { RestoreConfig } from '../../config/types.js';
import { type Connection, DDL_TIMEOUT_MS } from '../../milvus/connection.js';
import { decodeStatus, readAnswer } from '../../milvus/decode.js';
import { encodeMessage, keyValuePair } from '../../milvus/messages.js';
import { isOk, statusError } from '../../milvus/status.js';
import { withRetry } from '../../util/retry.js';
import { WireReader } from '../../util/wire.js';

const FIRST_VECTOR_TYPE = 100;
/** Spellings that newer servers do not take any more. */
const RENAMED: Readonly<Record<string, string>> = { 'marisa-trie': 'Trie' };

export interface IndexRequest {
  readonly field: string;
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
}

function isVector(info: CollectionBackupInfo, name: string): boolean {
  const field = info.schema?.fields.find((one) => one.name === name);
  return field !== undefined && field.data_type >= FIRST_VECTOR_TYPE;
}

function restored({ field_name: field, index_name: name, params }: IndexInfo): IndexRequest {
  const type = params.index_type ?? '';
  const fixed = RENAMED[type] === undefined ? params : { ...params, index_type: RENAMED[type] };
  return { field, name, params: fixed };
}

function automatic({ field_name: field, index_name: name, params }: IndexInfo): IndexRequest {
  const metric = params.metric_type === undefined ? {} : { metric_type: params.metric_type };
  return { field, name, params: { index_type: 'AUTOINDEX', ...metric } };
}

/** The indexes to make, those on vectors first: without them nothing can be loaded. */
export function indexesOf(info: CollectionBackupInfo, index: RestoreConfig['index']): IndexRequest[] {
  if (index === 'none') return [];
  const all = [...info.index_infos].sort(
    (a, b) => Number(isVector(info, b.field_name)) - Number(isVector(info, a.field_name)),
  );
  return all.map((one) => (index === 'auto' && isVector(info, one.field_name) ? automatic(one) : restored(one)));
}

/** Sends a request whose answer is a bare common.Status. */
export async function tell(
  connection: Pick<Connection, 'call' | 'retry'>,
  method: string,
  request: Uint8Array,
  what: string,
): Promise<void> {
  await withRetry(
    async () => {
      const bytes = await connection.call(method, request, { deadlineMs: DDL_TIMEOUT_MS });
      const status = readAnswer(bytes, what, (encoded) => decodeStatus(new WireReader(encoded)));
      if (!isOk(status)) throw statusError(status, what);
    },
    { ...connection.retry, onlyBusy: true },
  );
}

/** Makes an index; the server builds it on its own. CreateIndexRequest: 3 collection, 4 field, 5 parameters, 6 name. */
export async function makeIndex(connection: Connection, collection: string, index: IndexRequest): Promise<void> {
  const pairs = Object.entries(index.params).map(([key, value]) => keyValuePair({ key, value }));
  const request = encodeMessage({ 3: collection, 4: index.field, 5: pairs, 6: index.name });
  await tell(
    connection,
    'CreateIndex',
    request,
    `create index ${index.params.index_type} on ${collection}.${index.field}`,
  );
}
