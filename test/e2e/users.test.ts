import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, expect, inject, test } from 'vitest';
import { stringify } from 'yaml';
import { runCli } from '../support/cli.js';
import { onlyBackup } from '../support/only-one.js';
import { serverStorage } from './backup-support.js';
import { checkDocument, checkOutput, milvusUri, type Ran, runYaml, temporaryFolder, unique } from './support.js';

// Users, roles and grants, and databases that are missing: Milvus 2.3.5, which has no BackupRBAC and tells no passwords.

const [alice, bob, reader, db, films] = [
  unique('alice'),
  unique('bob'),
  unique('reader'),
  unique('db'),
  unique('films'),
];
const PRIVILEGES = [
  { object: 'Collection', objectName: '*', privilegeName: 'Query' },
  { object: 'Global', objectName: '*', privilegeName: 'ShowCollections' },
] as const;

async function ok(call: Promise<unknown>): Promise<void> {
  const answer = (await call) as { code?: number; reason?: string };
  if (answer.code !== 0) throw new Error(answer.reason);
}

/** Grants name who gives them, by the login of the connection, also while authorization is off. */
async function asRoot<T>(use: (client: MilvusClient) => Promise<T>): Promise<T> {
  const address = inject('milvusAddress');
  const client = new MilvusClient({ address, username: 'root', password: 'Milvus', logLevel: 'none' });
  try {
    return await use(client);
  } finally {
    await client.closeConnection();
  }
}

async function grantsOf(client: MilvusClient): Promise<string[]> {
  const { entities } = await client.listGrants({ roleName: reader, db_name: 'default' });
  return entities.map((e) => `${e.object.name} ${e.object_name} ${e.grantor.privilege.name}`).sort();
}

async function removeAll(): Promise<void> {
  await asRoot(async (c) => {
    for (const one of PRIVILEGES) await c.revokeRolePrivilege({ roleName: reader, ...one } as never);
    await c.removeUserFromRole({ username: alice, roleName: reader });
    await c.removeUserFromRole({ username: bob, roleName: reader });
    await c.deleteUser({ username: alice });
    await c.deleteUser({ username: bob });
    await c.dropRole({ roleName: reader });
    await c.dropCollection({ collection_name: films, db_name: db });
    await c.dropDatabase({ db_name: db });
  });
}
afterAll(removeAll);

async function run(task: 'BACKUP' | 'RESTORE', keys: object): Promise<Ran> {
  const path = join(await temporaryFolder(), `${task}.yaml`);
  await writeFile(path, stringify({ [task]: keys }));
  const reports = await temporaryFolder();
  const done = await runYaml(path, { args: ['--report-dir', reports], env: { ALICE: 'alice-secret' } });
  const [page, json] = await Promise.all(
    (await readdir(reports)).sort().map((name) => readFile(join(reports, name), 'utf8')),
  );
  const saved = JSON.parse(json!) as { run: object };
  checkDocument('report.schema.json', saved);
  expect(saved).toMatchObject({ ...done.report, run: { mode: task === 'BACKUP' ? null : 'skip', limit: null } });
  expect(page).toContain(task === 'BACKUP' ? 'backed up from' : 'restored into');
  expect(`${page}${json}`).not.toContain('alice-secret');
  return done;
}

test('users, roles and grants go with a backup and come back, with databases that are missing', async () => {
  await asRoot(async (c) => {
    await ok(c.createDatabase({ db_name: db }));
    await ok(
      c.createCollection({
        db_name: db,
        collection_name: films,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'v', data_type: DataType.FloatVector, dim: 4 },
        ],
      }),
    );
    await ok(
      c.createIndex({ db_name: db, collection_name: films, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' }),
    );
    await ok(c.loadCollectionSync({ db_name: db, collection_name: films }));
    await ok(c.createRole({ roleName: reader }));
    for (const username of [alice, bob]) {
      await ok(c.createUser({ username, password: 'first-secret' }));
      await ok(c.addUserToRole({ username, roleName: reader }));
    }
    for (const one of PRIVILEGES) await ok(c.grantRolePrivilege({ roleName: reader, ...one } as never));
  });
  const before = await asRoot(grantsOf);
  expect(before).toHaveLength(2);

  const store = await temporaryFolder();
  const backup_store = { type: 'local', path: store };
  const source = { source_uri: milvusUri(), source_collection: `${db}.${films}`, rbac: true, backup_store };
  const alone = await onlyBackup();
  const stored = await run('BACKUP', { ...source, source_storage: serverStorage(), backup_name: 'files' });
  await alone[Symbol.asyncDispose]();
  expect(stored.report).toMatchObject({ status: 'done', error: null });
  expect(stored.report.warnings.join()).toMatch(new RegExp(`tells no passwords.*"${alice}"`));
  const meta = JSON.parse(readFileSync(join(store, 'files/meta/full_meta.json'), 'utf8'));
  expect(meta.rbac_meta.roles).toContainEqual({ name: reader });
  expect(meta.rbac_meta.users).toContainEqual({ user: alice, roles: [{ name: reader }] });
  const rows = await run('BACKUP', { ...source, strategy: 'logical', backup_name: 'rows' });
  expect(rows.report).toMatchObject({ status: 'done', error: null });

  await removeAll();
  const target = { backup_store, dest_uri: milvusUri(), rbac: true, user_passwords: { [alice]: `\${ALICE}` } };
  const logical = await run('RESTORE', { ...target, backup_name: 'rows', meta_only: true });
  expect(logical.report).toMatchObject({ status: 'done', error: null });
  expect(logical.report.warnings.join()).toMatch(new RegExp(`"${bob}": not made, because no password is known`));
  await asRoot(async (c) => {
    expect(await grantsOf(c)).toEqual(before);
    const { usernames } = await c.listUsers();
    expect(usernames).toContain(alice);
    expect(usernames).not.toContain(bob);
    const { results } = await c.describeRole({ roleName: reader, includeUserInfo: true });
    expect(results[0]!.users).toEqual([{ name: alice }]);
    const made = { db_name: db, collection_name: films };
    expect((await c.describeIndex(made)).index_descriptions).toMatchObject([{ field_name: 'v' }]);
    expect((await c.getLoadState(made)).state).toBe('LoadStateLoaded');
  });

  const path = join(await temporaryFolder(), 'RESTORE.yaml');
  await writeFile(path, stringify({ RESTORE: { ...target, backup_name: 'files', rename: { suffix: '_2' } } }));
  const plan = checkOutput(await runCli(['plan', path, '--json'], { env: { ALICE: 'alice-secret' } }));
  expect(plan.actions).toContainEqual({
    kind: 'create',
    target: 'users and roles',
    detail: '0 users, 0 roles, 0 grants',
  });
});
