import type { Schema } from 'apache-arrow';
import { specsOf } from '../../../batch/fields.js';
import type { WriteChoice, WritePath } from '../../../config/types.js';
import type { Features } from '../../../milvus/features.js';
import { formatBytes } from '../../../util/bytes.js';
import { fail } from '../../../util/errors.js';
import { type FileKind, fileKind } from './set-files.js';

/**
 * `auto` writes less than this by requests. An import takes seconds before and after its work, whatever its size, and more of
 * them where several wait; a request takes none.
 */
export const AUTO_BYTES: number = 256 << 20;

export interface PathInput {
  readonly write: WriteChoice | undefined;
  readonly schema: Schema;
  readonly features: Features;
  /** Bytes that are to be written; undefined where nobody knows. */
  readonly bytes: number | undefined;
  /** How the run wrote that is continued. */
  readonly earlier: WritePath | undefined;
}

interface Reasoned {
  /** Why, for the plan; absent where nothing else was to be expected. */
  readonly reason?: string;
}

export type PathDecision = Reasoned &
  ({ readonly path: 'insert' } | { readonly path: 'bulk'; readonly files: FileKind });

/** The files that these rows can go by, or why there are none. */
function filesFor({ schema, features }: PathInput): { readonly files: FileKind } | { readonly refused: string } {
  if (features.lite) return { refused: 'Milvus Lite imports no files' };
  const specs = specsOf(schema);
  const found = fileKind(specs);
  if ('foreign' in found) {
    const { name, type } = found.foreign;
    return { refused: `files for imports hold no ${type}, which the field "${name}" is` };
  }
  const nullable = specs.find((spec) => spec.nullable);
  if (nullable) return { refused: `files for imports hold no null, which the field "${nullable.name}" may be` };
  return { files: found.kind };
}

function decideAuto(input: PathInput): PathDecision {
  const insert = (why: string): PathDecision => ({ path: 'insert', reason: `write: auto: by requests: ${why}` });
  const found = filesFor(input);
  if ('refused' in found) return insert(found.refused);
  const { bytes } = input;
  if (bytes === undefined) return insert('how much there is to write is not known');
  if (bytes < AUTO_BYTES) return insert(`${formatBytes(bytes)} are less than ${formatBytes(AUTO_BYTES)}`);
  return {
    path: 'bulk',
    files: found.files,
    reason: `write: auto: by bulk import: ${formatBytes(bytes)} are ${formatBytes(AUTO_BYTES)} or more`,
  };
}

/**
 * Decides how rows go into a collection. A run that is continued goes on as it began. Throws DST_UNSUPPORTED where `write: bulk`
 * cannot be, and DST_UNFINISHED where a run that began with it has no storage any more.
 */
export function decidePath(input: PathInput): PathDecision {
  const { write, earlier } = input;
  if (earlier === 'bulk' && !write?.bulk) {
    throw fail('DST_UNFINISHED', 'this job began with bulk imports, and there is no bulk.storage any more', {
      hint: 'Put `bulk` back as it was, or run with --restart, which starts over.',
    });
  }
  const found = filesFor(input);
  const refuse = (why: string): Error =>
    fail('DST_UNSUPPORTED', `write: bulk cannot be: ${why}`, { hint: 'Set write: insert.' });
  if (earlier) {
    const other = earlier === 'bulk' ? write?.how === 'insert' : write?.how === 'bulk';
    const reason = other ? { reason: `goes on by ${earlier}, as this job began` } : {};
    if (earlier === 'insert') return { path: 'insert', ...reason };
    if ('refused' in found) throw refuse(found.refused);
    return { path: 'bulk', files: found.files, ...reason };
  }
  if (!write?.bulk || write.how === 'insert') return { path: 'insert' };
  if (write.how === 'auto') return decideAuto(input);
  if ('refused' in found) throw refuse(found.refused);
  return { path: 'bulk', files: found.files, reason: 'write: bulk' };
}
