import { stat } from 'node:fs/promises';
import { MilvusdmError } from '../../util/errors.js';
import type { SourceInfo } from '../types.js';
import { infoOf, infoOfHead } from './info.js';
import type { Trail } from './kinds.js';
import { type FileFormat, openIndex } from './open-index.js';
import { plainFormatsOf } from './plain-files.js';
import { openSource } from './source-file.js';

export { isFaiss } from './kinds.js';
export { openFaiss } from './reader.js';

const NAMES = { idField: 'id', vectorField: 'embedding' };

async function inspect(path: string, format: FileFormat | undefined): Promise<SourceInfo> {
  const trail: Trail = {};
  try {
    await using index = await openIndex(path, { trail, ...(format ? { format } : {}) });
    return infoOf(index, NAMES);
  } catch (thrown) {
    const known = thrown instanceof MilvusdmError && thrown.code === 'SRC_UNSUPPORTED' && trail.head;
    if (!known) throw thrown;
    return infoOfHead(path, (await stat(path)).size, known, thrown.message);
  }
}

/**
 * What a Faiss index file is, from its headers and matrices, also where its rows cannot be read; `verdict` says which.
 * Throws SRC_* for files that cannot be understood.
 */
export function inspectFaiss(path: string): Promise<SourceInfo> {
  return inspect(path, 'faiss');
}

/** Whether a file is one of plain vectors (.fvecs, .fbin, .npy and the like), by its content. */
export async function isVectors(path: string): Promise<boolean> {
  const file = await openSource(path);
  try {
    return (await plainFormatsOf(file)).length > 0;
  } finally {
    await file.handle.close();
  }
}

/** What a file of plain vectors is. Throws SRC_*. */
export function inspectVectors(path: string): Promise<SourceInfo> {
  return inspect(path, undefined);
}
