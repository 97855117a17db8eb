import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadJob } from '../config/load.js';
import type { StorageConfig } from '../config/types.js';
import { type BackupStore, openBackupStore } from '../job/backup/manage/store.js';
import { fail } from '../util/errors.js';
import { EXIT, type ExitCode } from '../util/exit-codes.js';
import { type Console, openConsole } from './console.js';
import { type GlobalOptions, mayColor } from './options.js';
import { printResult, toJson } from './output.js';
import { checkText, contentsText, deletedText, listText, prunedText } from './render/backup-text.js';
import type { TextStyle } from './render/text.js';
import { runCommand } from './run.js';

/** Version of the documents that these commands print (`schemas/backup-commands.schema.json`). */
const VERSION = 1;

export interface BackupCommandOptions extends GlobalOptions {
  readonly full?: boolean;
  readonly yes?: boolean;
  readonly keepLast?: number;
  readonly olderThan?: number;
  readonly unfinished?: boolean;
}

interface Place {
  readonly store: StorageConfig;
  readonly secrets: readonly string[];
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Where backups lie: a folder, or the backup_store of a BACKUP or RESTORE file. Throws USAGE for a file of another task. */
function placeOf(where: string): Place {
  if (isFolder(where)) return { store: { type: 'local', path: resolve(where) }, secrets: [] };
  const config = loadJob(where);
  if (config.task === 'BACKUP' || config.task === 'RESTORE') return { store: config.store, secrets: config.secrets };
  throw fail('USAGE', `${where} is a task of ${config.task}, which has no store of backups`, {
    hint: 'Name the YAML file of a BACKUP or RESTORE, or the folder that the backups lie in.',
  });
}

interface Shown {
  readonly document: { readonly command: string; readonly exit_code: ExitCode };
  readonly text: (style: TextStyle) => string;
}

async function withStore(
  where: string,
  options: BackupCommandOptions,
  run: (store: BackupStore, console: Console) => Promise<Shown>,
): Promise<ExitCode> {
  const { store: config, secrets } = placeOf(where);
  using console = await openConsole(options, secrets);
  await using store = await openBackupStore(config, (message) => console.log.info(message));
  const { document, text } = await run(store, console);
  console[Symbol.dispose]();
  const style = { color: mayColor(options, process.stdout) };
  printResult(options.json ? toJson({ version: VERSION, ...document }) : text(style), secrets);
  return document.exit_code;
}

/** `milvusdm backup create FILE`: the same as `run`, and only for a BACKUP. */
export async function createCommand(path: string, options: BackupCommandOptions): Promise<ExitCode> {
  const { task } = loadJob(path);
  if (task !== 'BACKUP') throw fail('USAGE', `${path} is a task of ${task}, and not a BACKUP`);
  return await runCommand(path, options);
}

/** `milvusdm backup list WHERE`. */
export async function listCommand(where: string, options: BackupCommandOptions): Promise<ExitCode> {
  const { backupEntries } = await import('../job/backup/manage/entries.js');
  return await withStore(where, options, async (store, { signal }) => {
    const backups = await backupEntries(store, { signal });
    const document = { command: 'backup list', exit_code: EXIT.ok, store: store.name, backups };
    return { document, text: (style) => listText(document, style) };
  });
}

/** `milvusdm backup get WHERE NAME`. */
export async function getCommand(where: string, name: string, options: BackupCommandOptions): Promise<ExitCode> {
  const { backupContents } = await import('../job/backup/manage/contents.js');
  return await withStore(where, options, async (store, { signal }) => {
    const backup = await backupContents(store, name, { signal });
    const document = { command: 'backup get', exit_code: EXIT.ok, backup };
    return { document, text: (style) => contentsText(backup, style) };
  });
}

/** `milvusdm backup verify WHERE NAME [--full]`: exit 6 when something is lost or changed. */
export async function verifyCommand(where: string, name: string, options: BackupCommandOptions): Promise<ExitCode> {
  const { verifyBackup } = await import('../job/backup/manage/verify.js');
  return await withStore(where, options, async (store, { signal, show }) => {
    show({ type: 'phase', phase: 'verify' });
    const check = await verifyBackup(store, name, {
      signal,
      full: options.full ?? false,
      onProgress: (done, total, bytes) => show({ type: 'progress', phase: 'verify', done, total, bytes }),
    });
    const exit_code = check.status === 'whole' ? EXIT.ok : EXIT.verify;
    return { document: { command: 'backup verify', exit_code, ...check }, text: (style) => checkText(check, style) };
  });
}

/** `milvusdm backup delete WHERE NAME [--yes]`: says what would go; removes it with --yes. */
export async function deleteCommand(where: string, name: string, options: BackupCommandOptions): Promise<ExitCode> {
  const { deleteBackup } = await import('../job/backup/manage/remove.js');
  return await withStore(where, options, async (store, { signal }) => {
    const backup = await deleteBackup(store, name, { signal, apply: options.yes ?? false });
    const document = { command: 'backup delete', exit_code: EXIT.ok, store: store.name, backup };
    return { document, text: (style) => deletedText(document, style) };
  });
}

/** `milvusdm backup prune WHERE --keep-last N --older-than T [--yes]`. */
export async function pruneCommand(where: string, options: BackupCommandOptions): Promise<ExitCode> {
  const { pruneBackups } = await import('../job/backup/manage/remove.js');
  const { keepLast, olderThan } = options;
  return await withStore(where, options, async (store, { signal }) => {
    const result = await pruneBackups(store, {
      signal,
      apply: options.yes ?? false,
      now: Date.now(),
      unfinished: options.unfinished ?? false,
      ...(keepLast === undefined ? {} : { keepLast }),
      ...(olderThan === undefined ? {} : { olderThanMs: olderThan }),
    });
    const document = { command: 'backup prune', exit_code: EXIT.ok, store: store.name, ...result };
    return { document, text: (style) => prunedText(document, style) };
  });
}
