import type { GrantBackupInfo, NamedInfo, RbacInfo } from '../backup/types.js';
import { encodeMessage } from '../milvus/messages.js';
import type { Ask } from './ask.js';
import { GRANTS, LOGINS, ROLES, USERS } from './rbac-messages.js';

/** A grant of every database is told for this name alone, and for no other. */
const ANY_DATABASE = '*';

/** What makes two grants the same. */
export function grantKey({ role, object, object_name, grantor, db_name }: GrantBackupInfo): string {
  return JSON.stringify([role?.name, object?.name, object_name, grantor?.privilege?.name, db_name]);
}

async function grantsOf(ask: Ask, role: string, db: string): Promise<readonly GrantBackupInfo[]> {
  const entity = encodeMessage({ 1: encodeMessage({ 1: role }), 5: db });
  const request = encodeMessage({ 2: entity });
  return (await ask({ method: 'SelectGrant', what: `list the grants of role ${role}`, request, answer: GRANTS }))
    .entities;
}

/**
 * Users, roles and grants of a server without BackupRBAC (before 2.4.11), by the calls that list them. Such a server tells no
 * passwords, in no form: those of all users are ''. Grants are of a role and a database (milvus.proto, SelectGrantRequest).
 */
export async function selectRbac(ask: Ask, databases: readonly string[]): Promise<RbacInfo> {
  const roles = (
    await ask({ method: 'SelectRole', what: 'list roles', request: new Uint8Array(), answer: ROLES })
  ).results.flatMap(({ role }) => (role ? [role] : []));
  const request = encodeMessage({ 3: true });
  const { results } = await ask({ method: 'SelectUser', what: 'list users with their roles', request, answer: USERS });
  const rolesOf = new Map<string, readonly NamedInfo[]>(results.map((r) => [r.user?.name ?? '', r.roles]));
  const logins = await ask({ method: 'ListCredUsers', what: 'list users', request: {}, answer: LOGINS });
  const grants = new Map<string, GrantBackupInfo>();
  for (const { name } of roles) {
    for (const db of [...databases, ANY_DATABASE]) {
      for (const grant of await grantsOf(ask, name, db)) grants.set(grantKey(grant), grant);
    }
  }
  return {
    users: logins.names.map((user) => ({ user, password: '', roles: rolesOf.get(user) ?? [] })),
    roles,
    grants: [...grants.values()],
    privilege_groups: [],
  };
}
