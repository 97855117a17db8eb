import type { GrantBackupInfo, NamedInfo, RbacInfo, UserBackupInfo } from '../../backup/types.js';
import type { MilvusEndpoint, RestoreConfig } from '../../config/types.js';
import { type Calls, openCalls } from '../../milvus/calls.js';
import { DDL_TIMEOUT_MS } from '../../milvus/connection.js';
import { decodeStatus, readAnswer } from '../../milvus/decode.js';
import { encodeMessage } from '../../milvus/messages.js';
import { isOk, isUnimplemented, statusError } from '../../milvus/status.js';
import { grantKey } from '../../segments/rbac.js';
import { segmentServer } from '../../segments/server.js';
import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { withRetry } from '../../util/retry.js';
import { WireReader } from '../../util/wire.js';

/** The user that every Milvus has. */
const ROOT = 'root';

/** A user that has a role, by their names. */
interface Membership {
  readonly user: string;
  readonly role: string;
}

/** What of a backup's users and roles a server lacks. */
export interface RbacChange {
  readonly groups: RbacInfo['privilege_groups'];
  readonly roles: readonly NamedInfo[];
  readonly grants: readonly GrantBackupInfo[];
  /** To be made with a password of the configuration. */
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** To be made with the hash of their password that the backup has, where the server takes that. */
  readonly hashed: readonly UserBackupInfo[];
  /** Not made: nobody knows their passwords. */
  readonly nameless: readonly string[];
  /** Of all users that there are, or that will be. */
  readonly memberships: readonly Membership[];
}

const pairsOf = (users: readonly UserBackupInfo[]): Membership[] =>
  users.flatMap(({ user, roles }) => roles.map(({ name: role }) => ({ user, role })));

/** Compares a backup with a server. What the server has stays as it is: nothing is taken away, no password is changed. */
export function changeOf(backup: RbacInfo, server: RbacInfo, passwords: Readonly<Record<string, string>>): RbacChange {
  const has = (list: readonly NamedInfo[], name: string): boolean => list.some((one) => one.name === name);
  const given = new Map(Object.entries(passwords));
  const there = new Set(server.users.map(({ user }) => user));
  const missing = backup.users.filter(({ user }) => !there.has(user));
  const known = new Set(server.grants.map(grantKey));
  const joined = new Set(pairsOf(server.users).map((pair) => JSON.stringify(pair)));
  const lost = missing.filter(({ user, password }) => !given.has(user) && password === '').map(({ user }) => user);
  return {
    groups: backup.privilege_groups.filter((g) => !server.privilege_groups.some((s) => s.group_name === g.group_name)),
    roles: backup.roles.filter(({ name }) => !has(server.roles, name)),
    grants: backup.grants.filter((grant) => !known.has(grantKey(grant))),
    users: missing.flatMap(({ user: name }) => {
      const password = given.get(name);
      return password === undefined ? [] : [{ name, password }];
    }),
    hashed: missing.filter(({ user, password }) => !given.has(user) && password !== ''),
    nameless: lost,
    memberships: pairsOf(backup.users).filter((pair) => !lost.includes(pair.user) && !joined.has(JSON.stringify(pair))),
  };
}

/** For the plan: what there is to be made. */
export function changeText({ roles, grants, users, hashed, groups }: RbacChange): string {
  const parts = [
    plural(users.length + hashed.length, 'user'),
    plural(roles.length, 'role'),
    plural(grants.length, 'grant'),
  ];
  if (groups.length > 0) parts.push(plural(groups.length, 'privilege group'));
  return parts.join(', ');
}

function namelessText(names: readonly string[], made: boolean): string {
  const what = names.map((name) => `"${name}"`).join(', ');
  return `${what}: ${made ? 'not made' : 'will not be made'}, because no password is known (user_passwords gives one)`;
}

const named = ({ name }: NamedInfo): Uint8Array => encodeMessage({ 1: name });

function grantMessage({ role, object, object_name, grantor, db_name }: GrantBackupInfo): Uint8Array {
  const privilege = named(grantor?.privilege ?? { name: '' });
  return encodeMessage({
    1: role && named(role),
    2: object && named(object),
    3: object_name,
    4: encodeMessage({ 1: named({ name: grantor?.user?.name || ROOT }), 2: privilege }),
    5: db_name,
  });
}

/** The calls that make users and roles. Numbers of fields: milvus.proto of milvus-proto. */
interface Maker {
  tell(method: string, request: Uint8Array, what: string): Promise<void>;
}

function makerOf(calls: Calls): Maker {
  return {
    tell: (method, request, what) =>
      withRetry(
        async () => {
          const bytes = await calls.call(method, request, { deadlineMs: DDL_TIMEOUT_MS });
          const status = readAnswer(bytes, what, (encoded) => decodeStatus(new WireReader(encoded)));
          if (!isOk(status)) throw statusError(status, what);
        },
        { ...calls.retry, onlyBusy: true },
      ),
  };
}

async function makeGroups({ tell }: Maker, groups: RbacChange['groups']): Promise<void> {
  for (const { group_name: name, privileges } of groups) {
    await tell('CreatePrivilegeGroup', encodeMessage({ 2: name }), `create privilege group ${name}`);
    const request = encodeMessage({ 2: name, 3: privileges.map(named) });
    await tell('OperatePrivilegeGroup', request, `fill privilege group ${name}`);
  }
}

/** Gives the users that the server would not take with their hashes. */
async function makeHashed({ tell }: Maker, hashed: readonly UserBackupInfo[]): Promise<string[]> {
  if (hashed.length === 0) return [];
  const users = hashed.map(({ user, password }) => encodeMessage({ 1: user, 2: password }));
  try {
    await tell('RestoreRBAC', encodeMessage({ 2: encodeMessage({ 1: users }) }), 'restore users');
    return [];
  } catch (thrown) {
    if (!isUnimplemented(thrown)) throw thrown;
    return hashed.map(({ user }) => user);
  }
}

/** Makes what is missing. Gives the names of users that could not be made, for want of a password. */
async function make(maker: Maker, granting: Maker, change: RbacChange): Promise<readonly string[]> {
  const { tell } = maker;
  await makeGroups(maker, change.groups);
  for (const role of change.roles) {
    await tell('CreateRole', encodeMessage({ 2: named(role) }), `create role ${role.name}`);
  }
  for (const grant of change.grants) {
    const what = `grant ${grant.grantor?.privilege?.name} on ${grant.object?.name} ${grant.object_name} to role ${grant.role?.name}`;
    await granting.tell('OperatePrivilege', encodeMessage({ 2: grantMessage(grant) }), what);
  }
  for (const { name, password } of change.users) {
    const request = encodeMessage({ 2: name, 3: Buffer.from(password).toString('base64') });
    await tell('CreateCredential', request, `create user ${name}`);
  }
  const refused = await makeHashed(maker, change.hashed);
  for (const { user, role } of change.memberships.filter((pair) => !refused.includes(pair.user))) {
    await tell('OperateUserRole', encodeMessage({ 2: user, 3: role }), `give role ${role} to user ${user}`);
  }
  return [...change.nameless, ...refused];
}

export interface RbacRestore {
  readonly config: RestoreConfig;
  /** As the backup has it. */
  readonly rbac: RbacInfo | undefined;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
}

function requireRbac({ config, rbac }: RbacRestore): RbacInfo {
  if (rbac) return rbac;
  throw fail('CFG_CONFLICT', `rbac is true, but backup "${config.name}" has no users and roles`, {
    hint: 'Leave rbac out, or back up again with `rbac: true`.',
  });
}

async function connect(o: RbacRestore, endpoint: MilvusEndpoint): Promise<Calls> {
  const { config, log, signal } = o;
  return await openCalls(endpoint, { log, signal, retry: { totalMs: config.retryFor * 1000, signal } });
}

async function compare(o: RbacRestore, calls: Calls): Promise<RbacChange> {
  const server = await segmentServer(calls, o.signal).rbac();
  return changeOf(requireRbac(o), server, o.config.passwords);
}

/** What a run would make, and the names of those that it could not. Reads only. Throws CFG_CONFLICT, NET_*, DST_*. */
export async function planRbac(o: RbacRestore): Promise<{ readonly detail: string; readonly warnings: string[] }> {
  requireRbac(o);
  await using calls = await connect(o, o.config.endpoint);
  const change = await compare(o, calls);
  const warnings = change.nameless.length > 0 ? [namelessText(change.nameless, false)] : [];
  return { detail: changeText(change), warnings };
}

/**
 * Makes users, roles, grants and privilege groups that the server lacks, and leaves what it has as it is. Gives warnings.
 * Throws CFG_CONFLICT where the backup has none, NET_*, DST_*.
 */
export async function restoreRbac(o: RbacRestore): Promise<string[]> {
  requireRbac(o);
  const { endpoint } = o.config;
  await using calls = await connect(o, endpoint);
  const change = await compare(o, calls);
  // A grant names who gives it, by the login; a server without authorization looks at the name alone, but wants one.
  const login = endpoint.token ?? endpoint.user;
  await using other = login === undefined ? await connect(o, { ...endpoint, user: ROOT, password: '' }) : undefined;
  const lost = await make(makerOf(calls), makerOf(other ?? calls), change);
  o.log(`users and roles: ${changeText(change)} made`);
  return lost.length > 0 ? [namelessText(lost, true)] : [];
}
