import type { Connection } from '../../milvus/connection.js';
import { tell } from './indexes.js';
import { createRequest, lateFieldRequests, type NewCollectionRequest } from './schema.js';

/** Makes a collection with its fields in their numbers: those that were added later are added again. Throws DST_*, NET_*. */
export async function makeCollection(
  connection: Pick<Connection, 'call' | 'retry'>,
  o: NewCollectionRequest,
): Promise<void> {
  await tell(connection, 'CreateCollection', createRequest(o), `create collection ${o.name}`);
  // One after the other: each gets the next number.
  for (const { name, request } of lateFieldRequests(o)) {
    await tell(connection, 'AddCollectionField', request, `add field ${name} to ${o.name}`);
  }
}
