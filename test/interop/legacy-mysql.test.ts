import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectLegacy } from '../../src/adapters/legacy/index.js';
import { openFolder } from '../../src/adapters/legacy/source.js';
import type { LegacySource, MySqlParameter } from '../../src/config/types.js';
import { CERTIFIED_NAME, ensureMariaDb, type MariaDb } from '../support/mariadb.js';
import {
  type ExpectedPart,
  errorOf,
  expectedOf,
  FILES,
  FIXTURES,
  figuresOf,
  open,
  readAll,
  TABLES,
} from '../unit/adapters/legacy/support.js';

let server: MariaDb;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'milvusdm-legacy-mysql-'));
  server = await ensureMariaDb();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function parameter(database: string, more: Partial<MySqlParameter> = {}): MySqlParameter {
  const { host, port, user, password } = server;
  return { host, port, user, password, database, ...more };
}

/** A fixture whose metadata is in MySQL only. */
async function moved(variant: string): Promise<string> {
  const path = join(folder, variant);
  cpSync(join(FIXTURES, variant), path, { recursive: true });
  for (const name of ['meta.sqlite', 'meta.sqlite-wal']) rmSync(join(path, 'db', name), { force: true });
  await server.load(variant, readFileSync(join(path, 'meta.sql'), 'utf8'));
  return path;
}

const CASES: [string, Partial<LegacySource>][] = [
  ['small', {}],
  ['edge', { onMissingSegment: 'skip' }],
  ['floats', {}],
  ['again', {}],
  ['binary', {}],
  ['log', { unflushed: 'include' }],
  ['secondary', { extraPaths: [join(FIXTURES, 'secondary', 'disk2')] }],
];

describe.each(CASES)('metadata in MySQL: %s', (variant, more) => {
  it('is the same as in SQLite, and so are the rows', async () => {
    const path = await moved(variant);
    const mysql = parameter(variant);
    const both = [await openFolder({ path: join(FIXTURES, variant) }), await openFolder({ path, mysql })] as const;
    // Whole numbers beyond 2^53 among them: the positions in the log.
    expect(both[1].metadata.collections).toEqual(both[0].metadata.collections);
    expect(both[1].metaLabel).toBe(`MySQL at 127.0.0.1:${server.port}, database "${variant}"`);
    await using expected = await open(variant, more);
    await using catalog = await open(path, { ...more, mysql });
    expect(catalog.collections.map(({ name, settings }) => [name, settings])).toEqual(
      expected.collections.map(({ name, settings }) => [name, settings]),
    );
    const truth = expectedOf(variant);
    for (const { name, open: openReader } of catalog.collections) {
      await using reader = await openReader();
      const rows = await readAll(reader);
      const parts = Object.entries((truth.with_log ?? truth.collections)[name]!.partitions);
      for (const [tag, part] of parts as [string, ExpectedPart][]) {
        if (tag === '' && parts.some(([other]) => other === '_default')) continue;
        expect(figuresOf(rows.get(tag || '_default')), `${name}/${tag}`).toEqual(part);
      }
    }
    const [fromSqlite, fromMysql] = [
      await inspectLegacy(join(FIXTURES, variant), {}),
      await inspectLegacy(path, { mysql }),
    ];
    expect(fromMysql.collections).toEqual(fromSqlite.collections);
  });
});

describe('positions in the log', () => {
  it('are exact beyond 2^53', async () => {
    const statement = 'INSERT INTO Tables VALUES(1, "a", 0, 2, 2, 1, "{}", 1, "", "", 9007199254740993);';
    await server.load('wide', TABLES.replace('flush_lsn INTEGER', 'flush_lsn BIGINT') + FILES + statement);
    const { metadata } = await openFolder({ path: join(FIXTURES, 'small'), mysql: parameter('wide') });
    expect(metadata.collections[0]!.parts[0]!.tables[0].flushLsn).toBe(9_007_199_254_740_993n);
  });
});

describe('names of tables', () => {
  it('count in any case', async () => {
    const renamed =
      'RENAME TABLE Tables TO tables_, tables_ TO `tables`; RENAME TABLE TableFiles TO f, f TO `TABLEFILES`;';
    await server.load('lower', readFileSync(join(FIXTURES, 'again/meta.sql'), 'utf8') + renamed);
    await using catalog = await open('again', { mysql: parameter('lower') });
    expect(catalog.collections.map(({ name }) => name)).toEqual(['again']);
  });

  it('tell other generations and other databases', async () => {
    await server.load(
      'old',
      TABLES.replace(', flush_lsn INTEGER', ', nlist INTEGER') + FILES.replace('segment_id TEXT, ', ''),
    );
    await server.load('newer', 'CREATE TABLE Collections(id BIGINT); CREATE TABLE SegmentCommits(id BIGINT);');
    await server.load('foreign', 'CREATE TABLE Books(id BIGINT);');
    const refusal = (database: string) => errorOf(() => open('small', { mysql: parameter(database) }));
    expect(await refusal('old')).toMatchObject({
      code: 'SRC_UNSUPPORTED',
      message: expect.stringContaining('Milvus 0.6 or older'),
    });
    expect(await refusal('newer')).toMatchObject({
      code: 'SRC_UNSUPPORTED',
      message: expect.stringContaining('Milvus 0.11'),
    });
    expect(await refusal('foreign')).toMatchObject({
      code: 'SRC_UNSUPPORTED',
      message: expect.stringContaining('it has "Books"'),
    });
  });
});

describe('a server that cannot be used', () => {
  /** The error, which must name host and port and never the password. */
  async function refusal(more: Partial<MySqlParameter>) {
    const mysql = parameter('small', more);
    const error = await errorOf(() => open('small', { mysql }));
    expect([error.code, error.exitCode]).toEqual(['SRC_UNREADABLE', 3]);
    expect(error.message).toContain(`MySQL at ${mysql.host}:${mysql.port}: `);
    expect(JSON.stringify([error.message, error.hint, error.stack, String(error.cause)])).not.toContain(mysql.password);
    return error.message.slice(error.message.indexOf(': ') + 2);
  }

  it('refuses the login', async () => {
    expect(await refusal({ password: 'a wrong secret' })).toBe('access denied for user "milvus"');
    expect(await refusal({ user: 'stranger' })).toBe('access denied for user "stranger"');
    expect(await refusal({ user: 'nobody' })).toBe('access denied for user "nobody" to the database "small"');
  });

  it('lacks the database', async () => {
    expect(await refusal({ database: 'nowhere' })).toBe('there is no database "nowhere"');
  });

  it('is not there', async () => {
    expect(await refusal({ port: 1 })).toBe('it cannot be reached: ECONNREFUSED');
    expect(await refusal({ host: 'name.invalid' })).toMatch(/^it cannot be reached: (ENOTFOUND|EAI_AGAIN)$/);
  });

  it('is no MySQL, or hangs up', async () => {
    const listeners: Server[] = [];
    const port = (answer: string | undefined) =>
      new Promise<number>((resolve) => {
        const listener = createServer((socket) => (answer === undefined ? socket.destroy() : socket.end(answer)));
        listeners.push(listener);
        listener.listen(0, '127.0.0.1', () => resolve((listener.address() as { port: number }).port));
      });
    expect(await refusal({ port: await port(undefined) })).not.toBe('');
    expect(await refusal({ port: await port('HTTP/1.1 400 Bad Request\r\n\r\n') })).not.toBe('');
    for (const listener of listeners) listener.close();
  });

  it('is said to be without segments when the folder is not there', async () => {
    const error = await errorOf(() => open(folder, { mysql: parameter('small') }));
    expect([error.code, error.message]).toEqual(['SRC_NOT_FOUND', `${folder} holds neither db/tables nor tables`]);
  });
});

describe('TLS', () => {
  const names = async (more: Partial<MySqlParameter>): Promise<string[]> => {
    await using catalog = await open('binary', { mysql: parameter('binary', more) });
    return catalog.collections.map(({ name }) => name);
  };
  const fine = ['one_segment', 'two_segments'];

  it('checks the certificate against the CA and the name', async () => {
    const { ca } = server;
    expect(await names({ tls: { ca, serverName: CERTIFIED_NAME } })).toEqual(fine);
    expect(await names({ tls: { ca } })).toEqual(fine);
    expect(await names({ tls: { skipVerify: true } })).toEqual(fine);
    for (const more of [{ tls: true }, { tls: { ca, serverName: 'other.test' } }, { host: 'localhost', tls: { ca } }]) {
      expect(await errorOf(() => names(more))).toMatchObject({
        code: 'SRC_UNREADABLE',
        message: expect.stringMatching(/no TLS connection: .*(certificate|altnames)/i),
      });
    }
  });

  it('needs files that are there', async () => {
    const ca = join(folder, 'no.pem');
    expect(await errorOf(() => names({ tls: { ca } }))).toMatchObject({
      code: 'SRC_NOT_FOUND',
      message: `${ca} does not exist`,
    });
  });

  it('is really used', async () => {
    await server.load(
      'secure',
      `${readFileSync(join(FIXTURES, 'binary/meta.sql'), 'utf8')}
      CREATE OR REPLACE USER 'secure'@'%' IDENTIFIED BY 'a secret' REQUIRE SSL; GRANT ALL ON secure.* TO 'secure'@'%';`,
    );
    const more = { user: 'secure', password: 'a secret', database: 'secure' };
    expect(await names({ ...more, tls: { ca: server.ca, serverName: CERTIFIED_NAME } })).toEqual(fine);
    expect((await errorOf(() => names(more))).code).toBe('SRC_UNREADABLE');
  });
});
