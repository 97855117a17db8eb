import { fail } from '../util/errors.js';
import { parseJson } from './json.js';

/** Version of meta/milvusdm.json. */
export const SIDE_VERSION = 1;

/** A file of a backup as it was written. */
export interface FileCheck {
  readonly size: number;
  /** `crc32:` and 8 hexadecimal digits. Absent where the bytes were never seen: links, copies inside an S3 server. */
  readonly sum?: string;
}

/** What a backup left out, and why. */
export interface LeftOut {
  readonly key: string;
  readonly reason: string;
}

/**
 * meta/milvusdm.json: what milvus-backup's files have no place for. It is there from the first moment of a backup, so
 * that one that was cut short is told from a foreign folder. Keys are relative to the backup.
 */
export interface SideFile {
  readonly version: number;
  /** Of milvusdm. */
  readonly tool: string;
  /** Complete when all but the five meta files is there; a backup counts only once it has full_meta.json. */
  readonly state: 'running' | 'complete';
  readonly strategy: 'storage' | 'logical';
  readonly started: string;
  readonly ended?: string;
  /** Address of the server, for people. */
  readonly server: string;
  readonly milvus_version: string;
  /** Backup that unchanged files were taken from. */
  readonly base?: string;
  /** Whether files are hard links to those of the server. */
  readonly linked: boolean;
  readonly left_out: readonly LeftOut[];
  readonly files: Readonly<Record<string, FileCheck>>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCheck(value: unknown): boolean {
  return isObject(value) && Number.isSafeInteger(value.size) && ['string', 'undefined'].includes(typeof value.sum);
}

function isSideFile(value: unknown): boolean {
  if (!isObject(value) || !isObject(value.files) || !Array.isArray(value.left_out)) return false;
  if (!['running', 'complete'].includes(String(value.state))) return false;
  if (!['storage', 'logical'].includes(String(value.strategy))) return false;
  return Object.values(value.files).every(isCheck) && typeof value.started === 'string';
}

/** Throws SRC_CORRUPT for what is no side file and SRC_UNSUPPORTED for one of a later milvusdm; `where` is for messages. */
export function decodeSideFile(bytes: Uint8Array, where: string): SideFile {
  let value: unknown;
  try {
    value = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fail('SRC_CORRUPT', `${where} is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (isObject(value) && Number(value.version) > SIDE_VERSION) {
    throw fail('SRC_UNSUPPORTED', `${where} has version ${value.version}, known are versions up to ${SIDE_VERSION}`, {
      hint: 'Use the milvusdm that made the backup, or a newer one.',
    });
  }
  if (!isSideFile(value)) throw fail('SRC_CORRUPT', `${where} lacks what milvusdm writes there`);
  return value as SideFile;
}

export function encodeSideFile(side: SideFile): Uint8Array {
  return Buffer.from(JSON.stringify(side));
}
