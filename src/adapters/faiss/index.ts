import type { SourceInfo } from '../types.js';
import { infoOf } from './info.js';
import { openIndex } from './open-index.js';

export { isFaiss } from './kinds.js';
export { openFaiss } from './reader.js';

/** What a Faiss index file is, from its headers. Throws SRC_* for files that are not read, saying what they are. */
export async function inspectFaiss(path: string): Promise<SourceInfo> {
  await using index = await openIndex(path);
  return infoOf(index, { idField: 'id', vectorField: 'embedding' });
}
