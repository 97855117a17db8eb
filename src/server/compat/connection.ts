import { fail } from '../../util/errors.js';
import type { ServerContext } from '../context.js';
import type { StoredConnection } from '../state/connections.js';

/** The connection of a request that names none, as milvus-backup has one configuration: `default`, or the only one. */
export function onlyConnection({ connections }: ServerContext, name: string | undefined): StoredConnection {
  const all = connections.list();
  const found =
    all.find((one) => one.name === (name ?? 'default')) ??
    (name === undefined && all.length === 1 ? all[0] : undefined);
  if (found) return found;
  if (name !== undefined) throw fail('SRV_NOT_FOUND', `there is no connection ${name}`);
  throw fail('SRV_NOT_FOUND', `${all.length} connections, and none of them is called default`, {
    hint: 'Make one under that name, or add ?connection=NAME to the request.',
  });
}
