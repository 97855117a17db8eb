import type { BackupInfo } from '../../backup/types.js';
import type { RestoreConfig } from '../../config/types.js';
import { checked } from '../../milvus/checked.js';
import type { Connection } from '../../milvus/connection.js';
import { type OpenMilvus, openMilvus } from '../../milvus/open.js';
import { isUnimplemented } from '../../milvus/status.js';
import { createDisposables } from '../../util/disposables.js';

const DEFAULT_DB = 'default';

export interface Databases extends AsyncDisposable {
  /** A connection to the default database. */
  readonly main: Connection;
  /** Whether the server has a database. */
  has(db: string): boolean;
  /** A connection to a database, which is made where it is missing. The connections are closed with this. */
  open(db: string): Promise<Connection>;
}

interface DatabaseOptions {
  readonly config: RestoreConfig;
  readonly info: Pick<BackupInfo, 'database_backups'>;
  readonly log: (message: string) => void;
  readonly signal: AbortSignal;
}

async function names(connection: Connection): Promise<Set<string>> {
  try {
    const answer = await checked(connection.retry, 'list databases', () => connection.sdk.listDatabases());
    return new Set(answer.db_names);
  } catch (thrown) {
    // A server without databases has the default one alone.
    if (isUnimplemented(thrown)) return new Set([DEFAULT_DB]);
    throw thrown;
  }
}

/** Opens the server. Throws NET_UNAVAILABLE, DST_AUTH. */
export async function openDatabases({ config, info, log, signal }: DatabaseOptions): Promise<Databases> {
  const stack = createDisposables();
  const retry = { totalMs: config.retryFor * 1000, signal };
  const connectTo = async (db?: string): Promise<Connection> => {
    const endpoint = db === undefined ? config.endpoint : { ...config.endpoint, db };
    const opened: OpenMilvus = stack.use(await openMilvus(endpoint, { log, retry, signal }));
    return opened.connection;
  };
  let main: Connection;
  let known: Set<string>;
  try {
    main = await connectTo();
    known = await names(main);
  } catch (thrown) {
    await stack[Symbol.asyncDispose]();
    throw thrown;
  }
  const open = new Map<string, Promise<Connection>>([[DEFAULT_DB, Promise.resolve(main)]]);
  const make = async (db: string): Promise<Connection> => {
    if (!known.has(db)) {
      const backedUp = info.database_backups.find(({ db_name: name }) => name === db);
      const properties = backedUp?.properties ?? [];
      log(`making database "${db}"`);
      await checked(main.retry, `create database ${db}`, () =>
        main.sdk.createDatabase({
          db_name: db,
          ...(properties.length === 0
            ? {}
            : { properties: Object.fromEntries(properties.map((p) => [p.key, p.value])) }),
        }),
      );
      known.add(db);
    }
    return await connectTo(db);
  };
  return {
    main,
    has: (db) => known.has(db),
    open(db) {
      const connection = open.get(db) ?? make(db);
      open.set(db, connection);
      return connection;
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}
