import { readFile } from 'node:fs/promises';
import { connect, isIP } from 'node:net';
import type { Connection, ConnectionOptions, SslOptions } from 'mysql2/promise';
import type { MySqlParameter, TlsOptions } from '../../config/types.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { redact } from '../../util/redact.js';
import { type MetaRow, type MetaStore, type MetaValue, shapesOf } from './meta-store.js';
import { unreadable } from './source-file.js';

const CONNECT_TIMEOUT_MS = 10_000;

/** What to say of the errors that users meet; the server's own words otherwise. */
function explain(code: string | undefined, o: MySqlParameter, said: string): { message: string; hint: string } {
  const login = 'Check user, password and the rights of the account.';
  switch (code) {
    case 'ER_ACCESS_DENIED_ERROR':
    case 'ER_HOST_NOT_PRIVILEGED':
      return { message: `access denied for user "${o.user}"`, hint: login };
    case 'ER_DBACCESS_DENIED_ERROR':
    case 'ER_TABLEACCESS_DENIED_ERROR':
      return { message: `access denied for user "${o.user}" to the database "${o.database}"`, hint: login };
    case 'ER_BAD_DB_ERROR':
      return { message: `there is no database "${o.database}"`, hint: 'Check the database name.' };
    case 'HANDSHAKE_NO_SSL_SUPPORT':
      return { message: 'the server offers no TLS', hint: 'Leave out tls.' };
    case 'ER_SECURE_TRANSPORT_REQUIRED':
      return { message: 'the server demands TLS', hint: 'Set tls: true.' };
    case 'HANDSHAKE_SSL_ERROR':
      return { message: `no TLS connection: ${said}`, hint: 'Check tls: the CA file and the name of the server.' };
    default: {
      const reached = code?.startsWith('ER_') || code === undefined;
      const message = reached ? said : `it cannot be reached: ${code}`;
      return { message, hint: reached ? 'Check mysql_parameter.' : 'Check host and port, and that the server runs.' };
    }
  }
}

function refused(thrown: unknown, o: MySqlParameter): MilvusdmError {
  const { code, message } = thrown as NodeJS.ErrnoException;
  const said = redact(message || String(code), [o.password]);
  const { message: what, hint } = explain(code, o, said);
  // No cause: what a driver hangs on its errors is beyond our control, and the password must not get into a log.
  return fail('SRC_UNREADABLE', `MySQL at ${o.host}:${o.port}: ${what}`, { hint });
}

async function sslOf(tls: TlsOptions, checkedName: string): Promise<SslOptions> {
  const text = async (path: string): Promise<string> =>
    readFile(path, 'utf8').catch((thrown: unknown) => {
      throw unreadable(path, thrown);
    });
  return {
    ...(tls.ca === undefined ? {} : { ca: await text(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: await text(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: await text(tls.key) }),
    rejectUnauthorized: tls.skipVerify !== true,
    // The driver has no name to compare with where the host is a number: then the CA alone decides.
    verifyIdentity: tls.skipVerify !== true && isIP(checkedName) === 0,
  };
}

async function optionsOf(o: MySqlParameter): Promise<ConnectionOptions> {
  const tls = o.tls === true ? {} : o.tls || undefined;
  const checkedName = tls?.serverName ?? o.host;
  return {
    host: checkedName,
    port: o.port,
    user: o.user,
    password: o.password,
    database: o.database,
    charset: 'utf8mb4',
    connectTimeout: CONNECT_TIMEOUT_MS,
    supportBigNumbers: true,
    bigNumberStrings: true,
    multipleStatements: false,
    // The driver compares the certificate with `host`; where that is to be another name, we connect ourselves.
    ...(checkedName === o.host ? {} : { stream: () => connect(o.port, o.host) }),
    ...(tls === undefined ? {} : { ssl: await sslOf(tls, checkedName) }),
  };
}

function toMeta(value: unknown): MetaValue {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (value === null || typeof value === 'bigint') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
}

/**
 * Opens the metadata in MySQL or MariaDB, in one read-only transaction. With TLS the certificate is checked against the CA
 * and, where the server is known by a name (`host`, or `tls.serverName`), against that name. Throws SRC_UNREADABLE with
 * host and port; the password never gets into a message.
 */
export async function openMysql(o: MySqlParameter): Promise<MetaStore> {
  const options = await optionsOf(o);
  const { createConnection } = await import('mysql2/promise');
  let connection: Connection | undefined;
  try {
    connection = await createConnection(options);
    const opened = connection;
    // Lost between two queries, the connection also says so here; unheard, that would end the process.
    opened.on('error', () => {});
    await opened.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    const query = async (sql: string, values: readonly (string | number)[]): Promise<MetaRow[]> => {
      const [rows] = await opened.execute(sql, [...values]);
      return (rows as Record<string, unknown>[]).map((row) => {
        return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, toMeta(value)]));
      });
    };
    const columns = await query(
      'SELECT TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?',
      [o.database],
    );
    return {
      label: `MySQL at ${o.host}:${o.port}, database "${o.database}"`,
      warnings: [],
      shapes: shapesOf(columns.map(({ t, c }) => [String(t), String(c)] as const)),
      query: (sql, values) =>
        query(sql, values).catch((thrown: unknown) => {
          throw refused(thrown, o);
        }),
      // Nothing was written: whether the server hears of the end does not matter.
      [Symbol.asyncDispose]: () => opened.end().catch(() => opened.destroy()),
    };
  } catch (thrown) {
    connection?.destroy();
    throw refused(thrown, o);
  }
}
