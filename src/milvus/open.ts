import type { MilvusEndpoint } from '../config/types.js';
import type { RetryPolicy } from '../util/retry.js';
import { type Connection, connect } from './connection.js';

export interface OpenMilvus extends AsyncDisposable {
  readonly connection: Connection;
}

/**
 * Connects to the endpoint; a folder starts the embedded Milvus Lite, which disposing stops again.
 * Throws NET_UNAVAILABLE, DST_AUTH, ENV_PYTHON, ENV_INSTALL or ENV_START.
 */
export async function openMilvus(
  endpoint: MilvusEndpoint,
  o: { log: (message: string) => void; retry: RetryPolicy; signal?: AbortSignal },
): Promise<OpenMilvus> {
  const { at } = endpoint;
  if (at.kind === 'server') {
    const connection = await connect(endpoint, at.address, at.tls, o.retry);
    return { connection, [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose]() };
  }
  const { startEmbedded } = await import('./embedded.js');
  const server = await startEmbedded(at.folder, o);
  try {
    const connection = await connect({ at }, server.address, false, o.retry);
    return {
      connection,
      async [Symbol.asyncDispose]() {
        await connection[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  } catch (thrown) {
    await server[Symbol.asyncDispose]();
    throw thrown;
  }
}
