import { describe, expect, it } from 'vitest';
import { putInPlace, requirePlace } from '../../../../src/job/restore/put-in-place.js';
import type { Connection } from '../../../../src/milvus/connection.js';
import { fail } from '../../../../src/util/errors.js';
import { collection, item } from './support.js';

const OK = { error_code: 'Success', code: 0, reason: '' };
const NOT_FOUND = { error_code: 'CollectionNotExists', code: 100, reason: 'not found' };
const MAKING = 'milvusdm_restore_x';

interface FakeServer {
  readonly connection: Connection;
  /** Names of collections. */
  readonly names: Set<string>;
  readonly aliases: Map<string, string>;
  /** What becomes of a request to rename. */
  rename: 'works' | 'fails' | 'answer lost';
}

/** As much of a server as is asked: collections by name, aliases. */
function fakeServer(...names: string[]): FakeServer {
  const fake: Omit<FakeServer, 'connection'> = { names: new Set(names), aliases: new Map(), rename: 'works' };
  const sdk = {
    async describeCollection({ collection_name: asked }: { collection_name: string }) {
      const name = fake.aliases.get(asked) ?? asked;
      if (!fake.names.has(name)) return { status: NOT_FOUND };
      const aliases = [...fake.aliases].filter(([, of]) => of === name).map(([alias]) => alias);
      return { status: OK, schema: { name, fields: [] }, aliases, properties: [] };
    },
    showPartitions: async () => ({ status: OK, partition_names: [] }),
    async dropAlias({ alias }: { alias: string }) {
      fake.aliases.delete(alias);
      return OK;
    },
    async dropCollection({ collection_name: name }: { collection_name: string }) {
      fake.names.delete(name);
      return OK;
    },
    async createAlias({ collection_name: name, alias }: { collection_name: string; alias: string }) {
      if (fake.aliases.has(alias)) return { error_code: 'UnexpectedError', code: 1602, reason: 'alias already exist' };
      fake.aliases.set(alias, name);
      return OK;
    },
    async alterAlias({ collection_name: name, alias }: { collection_name: string; alias: string }) {
      if (alias === 'stuck') return { error_code: 'UnexpectedError', code: 1600, reason: 'no such alias' };
      fake.aliases.set(alias, name);
      return OK;
    },
    async renameCollection(o: { collection_name: string; new_collection_name: string }) {
      if (fake.rename === 'fails') throw fail('DST_REFUSED', 'not today');
      fake.names.delete(o.collection_name);
      fake.names.add(o.new_collection_name);
      for (const [alias, of] of fake.aliases)
        if (of === o.collection_name) fake.aliases.set(alias, o.new_collection_name);
      if (fake.rename === 'answer lost') throw fail('NET_UNAVAILABLE', 'gone', { retry: 'yes' });
      return OK;
    },
  };
  return Object.assign(fake, { connection: { sdk, retry: { totalMs: 0 } } as unknown as Connection });
}

function complete(server: FakeServer, aliases: string[], warnings: string[] = []) {
  return {
    item: item(collection('c', { aliases })),
    mode: 'overwrite' as const,
    making: MAKING,
    connection: server.connection,
    warn: (message: string) => warnings.push(message),
  };
}

describe('a complete collection', () => {
  it('takes the place of the one that is there, and its aliases', async () => {
    const server = fakeServer('c', MAKING, 'other');
    server.aliases.set('mine', 'c').set('theirs', 'other');
    const warnings: string[] = [];
    await putInPlace(complete(server, ['mine', 'theirs', 'c', 'fresh'], warnings));
    expect([...server.names].sort()).toEqual(['c', 'other']);
    expect(Object.fromEntries(server.aliases)).toEqual({ mine: 'c', theirs: 'other', fresh: 'c' });
    expect(warnings).toEqual([
      'alias "theirs" stays with "other"',
      `alias "c" is left out: it is the collection's own name now`,
    ]);
  });

  it('gets an alias that a dropped collection has left, and goes without one that it cannot get', async () => {
    const server = fakeServer(MAKING);
    server.aliases.set('left', 'dropped').set('stuck', 'dropped');
    const warnings: string[] = [];
    await putInPlace(complete(server, ['left', 'stuck'], warnings));
    expect(server.aliases.get('left')).toBe('c');
    expect(warnings).toEqual([
      expect.stringContaining('alias "stuck" could not be made: move alias stuck: no such alias'),
    ]);
  });

  it('leaves an alias to somebody who was quicker', async () => {
    const server = fakeServer(MAKING, 'quicker');
    const { sdk } = server.connection;
    const create = sdk.createAlias.bind(sdk);
    sdk.createAlias = async (names) => {
      server.aliases.set('wanted', 'quicker');
      return await create(names);
    };
    const warnings: string[] = [];
    await putInPlace(complete(server, ['wanted'], warnings));
    expect(server.aliases.get('wanted')).toBe('quicker');
    expect(warnings).toEqual(['alias "wanted" stays with "quicker"']);
  });

  it('stays under the name that the error says when it cannot be renamed', async () => {
    const server = fakeServer('c', MAKING);
    server.rename = 'fails';
    await expect(putInPlace(complete(server, []))).rejects.toMatchObject({
      code: 'DST_REFUSED',
      hint: expect.stringContaining(`complete under the name "${MAKING}"`),
    });
    expect([...server.names]).toEqual([MAKING]);
  });

  it('is in its place although the answer was lost', async () => {
    const server = fakeServer(MAKING);
    server.rename = 'answer lost';
    await putInPlace(complete(server, []));
    expect([...server.names]).toEqual(['c']);
  });
});

describe('a place', () => {
  const asked = (server: FakeServer, mode: 'skip' | 'overwrite') => requirePlace({ ...complete(server, []), mode });

  it('that somebody has taken meanwhile is not ours, unless it was to be overwritten', async () => {
    await expect(asked(fakeServer('c'), 'skip')).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: 'somebody has made a collection "c" while it was restored',
    });
    await asked(fakeServer('c'), 'overwrite');
    await asked(fakeServer(), 'skip');
  });
});
