import { rbacCodec } from '../backup/meta.js';
import type { GrantBackupInfo, NamedInfo, PrivilegeGroupInfo, RbacInfo, UserBackupInfo } from '../backup/types.js';
import { OK } from '../milvus/decode.js';
import { type Answer, type NamesAnswer, status } from './server-messages.js';
import { message, repeated, text, type WireMessage } from './wire-messages.js';

// BackupRBACMetaResponse of milvus.proto (Milvus 2.4.11 and later).

const named: WireMessage<NamedInfo> = { zero: { name: '' }, fields: { 1: ['name', text] } };

const user: WireMessage<UserBackupInfo> = {
  zero: { user: '', password: '', roles: [] },
  fields: { 1: ['user', text], 2: ['password', text], 3: ['roles', repeated(message(named))] },
};

const grantor: WireMessage<NonNullable<GrantBackupInfo['grantor']>> = {
  zero: { user: undefined, privilege: undefined },
  fields: { 1: ['user', message(named)], 2: ['privilege', message(named)] },
};

const grant: WireMessage<GrantBackupInfo> = {
  zero: { role: undefined, object: undefined, object_name: '', grantor: undefined, db_name: '' },
  fields: {
    1: ['role', message(named)],
    2: ['object', message(named)],
    3: ['object_name', text],
    4: ['grantor', message(grantor)],
    5: ['db_name', text],
  },
};

const privilegeGroup: WireMessage<PrivilegeGroupInfo> = {
  zero: { group_name: '', privileges: [] },
  fields: { 1: ['group_name', text], 2: ['privileges', repeated(message(named))] },
};

/** A user with the roles that it has. */
interface UserRoles {
  readonly user: NamedInfo | undefined;
  readonly roles: readonly NamedInfo[];
}

const userRoles: WireMessage<UserRoles> = {
  zero: { user: undefined, roles: [] },
  fields: { 1: ['user', message(named)], 2: ['roles', repeated(message(named))] },
};

/** SelectUserResponse. */
export const USERS: WireMessage<Answer & { readonly results: readonly UserRoles[] }> = {
  zero: { status: OK, results: [] },
  fields: { 1: ['status', status], 2: ['results', repeated(message(userRoles))] },
};

const roleResult: WireMessage<{ readonly role: NamedInfo | undefined }> = {
  zero: { role: undefined },
  fields: { 1: ['role', message(named)] },
};

/** SelectRoleResponse. */
export const ROLES: WireMessage<Answer & { readonly results: readonly { readonly role: NamedInfo | undefined }[] }> = {
  zero: { status: OK, results: [] },
  fields: { 1: ['status', status], 2: ['results', repeated(message(roleResult))] },
};

/** SelectGrantResponse. */
export const GRANTS: WireMessage<Answer & { readonly entities: readonly GrantBackupInfo[] }> = {
  zero: { status: OK, entities: [] },
  fields: { 1: ['status', status], 2: ['entities', repeated(message(grant))] },
};

/** ListCredUsersResponse. */
export const LOGINS: WireMessage<NamesAnswer> = {
  zero: { status: OK, names: [] },
  fields: { 1: ['status', status], 2: ['names', repeated(text)] },
};

const rbac: WireMessage<RbacInfo> = {
  zero: rbacCodec.zero,
  fields: {
    1: ['users', repeated(message(user))],
    2: ['roles', repeated(message(named))],
    3: ['grants', repeated(message(grant))],
    4: ['privilege_groups', repeated(message(privilegeGroup))],
  },
};

export interface RbacAnswer extends Answer {
  readonly rbac: RbacInfo | undefined;
}

export const RBAC: WireMessage<RbacAnswer> = {
  zero: { status: OK, rbac: undefined },
  fields: { 1: ['status', status], 2: ['rbac', message(rbac)] },
};
