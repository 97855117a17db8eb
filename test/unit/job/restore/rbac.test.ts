import { describe, expect, it } from 'vitest';
import type { GrantBackupInfo, RbacInfo, UserBackupInfo } from '../../../../src/backup/types.js';
import { changeOf, changeText } from '../../../../src/job/restore/rbac.js';

function grant(role: string, privilege: string, db = 'default'): GrantBackupInfo {
  return {
    role: { name: role },
    object: { name: 'Collection' },
    object_name: 'articles',
    grantor: { user: { name: 'root' }, privilege: { name: privilege } },
    db_name: db,
  };
}

function user(name: string, password: string, ...roles: string[]): UserBackupInfo {
  return { user: name, password, roles: roles.map((role) => ({ name: role })) };
}

const BUILT_IN = { roles: [{ name: 'admin' }, { name: 'public' }], privilege_groups: [] };
const EMPTY: RbacInfo = { ...BUILT_IN, users: [user('root', '')], grants: [] };
const BACKUP: RbacInfo = {
  ...BUILT_IN,
  users: [user('alice', '', 'reader'), user('bob', '', 'reader'), user('carol', 'hash', 'admin'), user('root', '')],
  roles: [...BUILT_IN.roles, { name: 'reader' }],
  grants: [grant('reader', 'Query'), grant('reader', 'Query', 'shop')],
};

describe('what a server lacks of the users and roles of a backup', () => {
  it('is everything but what every server has; users without a password are named', () => {
    const change = changeOf(BACKUP, EMPTY, { alice: 'secret' });
    expect(change).toMatchObject({
      roles: [{ name: 'reader' }],
      grants: BACKUP.grants,
      users: [{ name: 'alice', password: 'secret' }],
      hashed: [{ user: 'carol', password: 'hash' }],
      nameless: ['bob'],
      memberships: [
        { user: 'alice', role: 'reader' },
        { user: 'carol', role: 'admin' },
      ],
    });
    expect(changeText(change)).toBe('2 users, 1 role, 2 grants');
  });

  it('is nothing where all is there, and a user that is there gets its roles without a password', () => {
    expect(changeText(changeOf(BACKUP, BACKUP, {}))).toBe('0 users, 0 roles, 0 grants');
    const half = { ...BACKUP, users: BACKUP.users.map((u) => (u.user === 'bob' ? user('bob', '') : u)) };
    expect(changeOf(BACKUP, half, { bob: 'new' })).toMatchObject({
      users: [],
      nameless: [],
      memberships: [{ user: 'bob', role: 'reader' }],
    });
  });
});
