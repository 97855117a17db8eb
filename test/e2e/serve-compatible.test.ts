import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT } from '../support/environments.js';
import { startServe, type TestServer } from '../support/serve.js';
import { alsoDropped, dropCollections, exists, milvusUri, temporaryFolder, unique, withClient } from './support.js';

let server: TestServer;
let collection: string;

beforeAll(async () => {
  collection = unique('compat');
  for (const suffix of ['_copy', '_recover']) alsoDropped(collection + suffix);
  [server] = await Promise.all([startServe(), makeCollection()]);
  const store = { type: 'local', path: join(await temporaryFolder(), 'backups') };
  await server.call('PUT', '/api/v1/connections/in01', { uri: milvusUri(), backup_store: store });
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await dropCollections();
});

/** A loaded collection of ten rows that expire after a day. */
async function makeCollection(): Promise<void> {
  await withClient(async (client) => {
    await client.createCollection({
      collection_name: collection,
      fields: [
        { name: 'id', data_type: 'Int64', is_primary_key: true },
        { name: 'v', data_type: 'FloatVector', dim: 2 },
      ],
      properties: { 'collection.ttl.seconds': 86_400 },
    });
    const rows = Array.from({ length: 10 }, (_, id) => ({ id, v: [id, -id] }));
    await client.insert({ collection_name: collection, data: rows });
    await client.createIndex({ collection_name: collection, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' });
    await client.loadCollectionSync({ collection_name: collection });
  });
}

async function ttlOf(name: string): Promise<string | undefined> {
  return withClient(async (client) => {
    const { properties = [] } = await client.describeCollection({ collection_name: name });
    return properties.find(({ key }) => key === 'collection.ttl.seconds')?.value as string | undefined;
  });
}

/** The shell commands of docs/serve-compatible.md below a heading, with our own names in the place of its examples. */
function commands(heading: string): string[] {
  const text = readFileSync(join(PROJECT, 'docs', 'serve-compatible.md'), 'utf8');
  const [, part] = text.split(`## ${heading}\n`);
  const blocks = [...part!.split('\n## ')[0]!.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, block]) => block!);
  return blocks.flatMap((block) =>
    block
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.startsWith('curl ')),
  );
}

/** Does what a curl command of the documentation says. */
async function curl(command: string, names: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const named = command.replaceAll(/\$\{?([A-Z_]+)\}?/g, (all, name: string) => names[name] ?? all);
  const text = named.replaceAll('medium_articles', collection);
  const method = /-X (\w+)/.exec(text)?.[1] ?? (text.includes(' -d ') ? 'POST' : 'GET');
  const path = /http:\/\/127\.0\.0\.1:8118(\/[^\s'"]*)/.exec(text)![1]!;
  const body = /-d '([^']*)'/.exec(text)?.[1];
  return await server.call(method, path, body === undefined ? undefined : JSON.parse(body));
}

describe.sequential('the examples of docs/serve-compatible.md', () => {
  it('of the cloud run as they stand there', async () => {
    const [createAll, create, job, list, describeOne, restore, remove] = commands("The cloud's API");
    // A backup of everything would take what other tests have in this Milvus: the route alone is looked at.
    expect(createAll).toContain('"backupType": "CLUSTER"');
    const made = (await curl(create!, {})) as { code: number; data: Record<string, string> };
    expect(made).toMatchObject({ code: 0, data: { backupId: expect.stringMatching(/^backup_/) } });
    const names = { BACKUP_ID: made.data.backupId!, JOB_ID: made.data.jobId! };
    const done = async (): Promise<unknown> => {
      const { data } = await curl(job!, names);
      expect(['PENDING', 'RUNNING', 'SUCCESSFUL'], JSON.stringify(data)).toContain((data as { status: string }).status);
      return (data as { status: string }).status;
    };
    await expect.poll(done, { interval: 300 }).toBe('SUCCESSFUL');
    expect(await curl(list!, names)).toMatchObject({
      data: { count: 1, backups: [{ backupId: names.BACKUP_ID, creationMethod: 'MANUAL', status: 'AVAILABLE' }] },
    });
    const collections = [{ collectionName: collection, status: 'LOADED' }];
    expect(await curl(describeOne!, names)).toMatchObject({
      data: { dbCollections: [{ dbName: 'default', collections }] },
    });
    const { data } = await curl(restore!, names);
    names.JOB_ID = (data as { jobId: string }).jobId;
    await expect.poll(done, { interval: 300 }).toBe('SUCCESSFUL');
    expect(await exists(`${collection}_copy`)).toBe(true);
    expect([await ttlOf(collection), await ttlOf(`${collection}_copy`)]).toStrictEqual(['86400', undefined]);
    expect(await curl(remove!, names)).toMatchObject({ code: 0, data: { backupId: names.BACKUP_ID } });
    expect(await curl(list!, names)).toMatchObject({ data: { count: 0 } });
  });

  it('of milvus-backup run as they stand there', async () => {
    const [hello, create, get, list, restore, getRestore, remove] = commands("milvus-backup's API");
    expect(hello).toContain('/hello');
    expect(await curl(create!, {})).toMatchObject({ code: 0, data: { name: 'my_backup', state_code: 0 } });
    const state = async (command: string): Promise<unknown> => {
      const { data, msg } = (await curl(command, {})) as {
        data: { state_code: number; errorMessage: string };
        msg: string;
      };
      expect(data.errorMessage, msg).toBe('');
      return data.state_code;
    };
    await expect.poll(() => state(get!), { interval: 300 }).toBe(2);
    expect(await curl(get!, {})).toMatchObject({
      data: { progress: 100, collection_backups: [{ db_name: 'default', collection_name: collection }] },
    });
    expect(await curl(list!, {})).toMatchObject({ code: 0, data: [{ name: 'my_backup' }] });
    expect(await curl(restore!, {})).toMatchObject({ code: 0, data: { id: 'restore_my_backup' } });
    await expect.poll(() => state(getRestore!), { interval: 300 }).toBe(2);
    expect(await ttlOf(`${collection}_recover`)).toBe('86400');
    expect(await curl(remove!, {})).toMatchObject({ code: 0, msg: 'success' });
    expect(await curl(list!, {})).toMatchObject({ data: [] });
  });
});
