import { stringify } from 'yaml';
import { configIssues } from '../../config/issues.js';
import { validateJob } from '../../config/load.js';
import type { JobConfig } from '../../config/types.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { ConnectionBody } from './connection.js';
import type { TaskSurroundings } from './prepare.js';
import { requireReferences } from './secrets.js';

/** Stands for the store of backups where a connection has none: nothing looks there. */
const NO_STORE = { type: 'local', path: '.' };

/** A BACKUP of a connection: the task that uses all of its keys. */
export function backupText(body: ConnectionBody, keys: Readonly<Record<string, unknown>> = {}): string {
  const { uri, token, user, password, db, tls, storage, backup_store = NO_STORE } = body;
  const login = { source_uri: uri, source_token: token, source_user: user, source_password: password };
  return stringify({
    BACKUP: { ...login, source_db: db, source_tls: tls, source_storage: storage, backup_store, ...keys },
  });
}

/** The names of a task's keys as they stand in a connection. */
function ownNames(message: string): string {
  return message.replaceAll(/\bsource_(?=uri|token|user|password|db|tls|storage)/g, '');
}

function bodyError(error: MilvusdmError): MilvusdmError {
  const issues = configIssues(error).map(({ key, message }) => `${ownNames(key)}: ${ownNames(message)}`);
  return issues.length === 0
    ? error
    : fail(error.code, issues.join('\n'), { hint: 'Mend the keys that the message names.' });
}

/**
 * Checks a connection offline. Throws CFG_* and SRV_SECRET, which name its keys, and SRV_FORBIDDEN for a path that is not
 * allowed.
 */
export function checkConnection(body: ConnectionBody, around: TaskSurroundings): JobConfig {
  const text = backupText(body);
  try {
    const { tls, token, password, storage, backup_store } = body;
    const secrets = { source_token: token, source_password: password, source_tls: tls };
    requireReferences('BACKUP', { BACKUP: { ...secrets, source_storage: storage, backup_store } });
    const config = validateJob(text, { path: 'connection', cwd: around.cwd });
    around.paths.requireAll(config, text);
    return config;
  } catch (thrown) {
    if (!(thrown instanceof MilvusdmError)) throw thrown;
    if (thrown.code === 'SRV_SECRET') throw fail('SRV_SECRET', ownNames(thrown.message.replaceAll('BACKUP.', '')));
    throw bodyError(thrown);
  }
}
