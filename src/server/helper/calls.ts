import { validateJob } from '../../config/load.js';
import type { StorageConfig } from '../../config/types.js';
import { backupContents } from '../../job/backup/manage/contents.js';
import { backupEntries } from '../../job/backup/manage/entries.js';
import { deleteBackup } from '../../job/backup/manage/remove.js';
import { type BackupStore, openBackupStore } from '../../job/backup/manage/store.js';
import { type Check, findingsOf } from '../../job/doctor/checks.js';
import { checkServer } from '../../job/doctor/server.js';
import { inspectPath } from '../../job/inspect-catalog.js';
import { createJob } from '../../job/job.js';
import { fail } from '../../util/errors.js';
import { redact } from '../../util/redact.js';

/** A task as text, to be resolved here: its secrets stay in this process. */
export interface TaskInput {
  readonly text: string;
  readonly cwd: string;
}

export interface BackupInput extends TaskInput {
  readonly backup: string;
}

type Call = (input: never, signal: AbortSignal) => Promise<unknown>;

/** Everything that a server is told comes without the secrets that were resolved for it. */
function clean(value: unknown, secrets: readonly string[]): unknown {
  const text = JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v)) ?? 'null';
  return JSON.parse(redact(text, secrets));
}

async function plan({ text, cwd }: TaskInput, signal: AbortSignal): Promise<unknown> {
  const config = validateJob(text, { path: 'task', cwd });
  const job = createJob(config);
  const stop = (): void => {
    job.stop();
    job.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  return clean(await job.plan(), config.secrets);
}

async function inspect({ path }: { readonly path: string }): Promise<unknown> {
  return clean(await inspectPath(path), []);
}

async function check({ text, cwd }: TaskInput): Promise<unknown> {
  const config = validateJob(text, { path: 'connection', cwd });
  if (config.task !== 'BACKUP')
    throw fail('INTERNAL', `a connection is checked as a BACKUP, and not as ${config.task}`);
  const checks: Check[] = [];
  await checkServer(
    config.endpoint,
    [],
    findingsOf('source', (one) => checks.push(one)),
  );
  return clean(checks, config.secrets);
}

/** Runs a SNAPSHOT that is short: what lists, describes and drops. */
async function snapshot({ text, cwd }: TaskInput, signal: AbortSignal): Promise<unknown> {
  const config = validateJob(text, { path: 'connection', cwd });
  const job = createJob(config);
  signal.addEventListener('abort', () => job.stop(), { once: true });
  const { error, snapshot: report } = await job.run();
  if (error) throw fail(error.code, error.message, { hint: error.hint });
  return clean(report, config.secrets);
}

async function withStore<T>(
  { text, cwd }: TaskInput,
  work: (store: BackupStore, config: StorageConfig) => Promise<T>,
): Promise<unknown> {
  const config = validateJob(text, { path: 'connection', cwd });
  if (config.task !== 'BACKUP') throw fail('INTERNAL', `a store is opened as one of a BACKUP, not of ${config.task}`);
  await using store = await openBackupStore(config.store, () => {});
  return clean(await work(store, config.store), config.secrets);
}

/** What the process of questions can be asked. */
export const CALLS: Readonly<Record<string, Call>> = {
  plan,
  inspect,
  check,
  snapshot,
  'backups.list': (input: TaskInput, signal) =>
    withStore(input, async (store) => ({ store: store.name, backups: await backupEntries(store, { signal }) })),
  'backups.get': (input: BackupInput, signal) =>
    withStore(input, (store) => backupContents(store, input.backup, { signal })),
  'backups.delete': (input: BackupInput, signal) =>
    withStore(input, (store) => deleteBackup(store, input.backup, { signal, apply: true })),
};
