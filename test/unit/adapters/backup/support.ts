import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openBackupCatalog } from '../../../../src/adapters/backup/index.js';
import type { Catalog } from '../../../../src/adapters/types.js';
import { decodeFullMeta } from '../../../../src/backup/decode.js';
import { encodeMeta } from '../../../../src/backup/encode.js';
import { META_FILES } from '../../../../src/backup/layout.js';
import type { BackupInfo } from '../../../../src/backup/types.js';
import type { BackupSource } from '../../../../src/config/types.js';
import { SAMPLE } from '../../../support/snapshot-files.js';

export { SAMPLE };

/** A backup in a folder as a source; all of it unless `more` says otherwise. */
export function sourceOf(path: string, more: Partial<BackupSource> = {}): BackupSource {
  return { adapter: 'backup', storage: { type: 'local', path }, name: '', select: { '*': null }, ...more };
}

export function openAt(path: string, more: Partial<BackupSource> = {}): Promise<Catalog> {
  return openBackupCatalog(sourceOf(path, more), { retryForMs: 0, log: () => {} });
}

/** A copy of the sample that the test may change. */
export function copyOfSample(): string {
  const folder = mkdtempSync(join(tmpdir(), 'milvusdm-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(SAMPLE, folder, { recursive: true });
  return folder;
}

export function infoOf(folder: string): BackupInfo {
  const where = join(folder, 'meta/full_meta.json');
  return decodeFullMeta({ where, bytes: readFileSync(where) });
}

/** Writes other meta files. */
export function changeInfo(folder: string, change: (info: BackupInfo) => BackupInfo): void {
  for (const [file, bytes] of encodeMeta(change(infoOf(folder)))) {
    writeFileSync(join(folder, 'meta', META_FILES[file]), bytes);
  }
}
