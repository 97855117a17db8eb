import type { Schema } from 'apache-arrow';
import { type FieldSpec, specsOf } from '../../../batch/fields.js';
import type { WriteChoice } from '../../../config/types.js';
import type { Features } from '../../../milvus/features.js';
import { formatBytes } from '../../../util/bytes.js';
import { fail } from '../../../util/errors.js';
import type { WritePath } from '../../types.js';
import { fitsNumpy } from './column.js';

/**
 * `auto` writes less than this by requests. An import takes seconds before and after its work, whatever its size, and more of
 * them where several wait; a request takes none.
 */
export const AUTO_BYTES: number = 256 << 20;
/** Text that may be longer goes by requests under `auto`: in a numpy file every text takes the room of the longest. */
const AUTO_TEXT_BYTES = 1024;

export interface PathInput {
  readonly write: WriteChoice | undefined;
  readonly schema: Schema;
  readonly features: Features;
  /** Bytes that are to be written; undefined where nobody knows. */
  readonly bytes: number | undefined;
  /** How the run wrote that is continued. */
  readonly earlier: WritePath | undefined;
}

export interface PathDecision {
  readonly path: WritePath;
  /** Why, for the plan; absent where nothing else was to be expected. */
  readonly reason?: string;
}

/** Why these rows cannot go by files; undefined where they can. */
function refusal({ schema, features }: PathInput): string | undefined {
  if (features.lite) return 'Milvus Lite imports no files';
  const specs = specsOf(schema);
  const foreign = specs.find(({ type }) => !fitsNumpy(type));
  if (foreign) return `numpy files hold no ${foreign.type}, which the field "${foreign.name}" is`;
  const nullable = specs.find((spec) => spec.nullable);
  if (nullable) return `numpy files hold no null, which the field "${nullable.name}" may be`;
  return undefined;
}

function longText(specs: readonly FieldSpec[]): FieldSpec | undefined {
  return specs.find(
    ({ type, maxLength }) => type === 'JSON' || (type === 'VARCHAR' && (maxLength ?? Infinity) > AUTO_TEXT_BYTES),
  );
}

function decideAuto(input: PathInput): PathDecision {
  const insert = (why: string): PathDecision => ({ path: 'insert', reason: `write: auto: by requests: ${why}` });
  const refused = refusal(input);
  if (refused) return insert(refused);
  const text = longText(specsOf(input.schema));
  if (text)
    return insert(`the texts of "${text.name}" may be long, and a numpy file gives each the room of the longest`);
  const { bytes } = input;
  if (bytes === undefined) return insert('how much there is to write is not known');
  if (bytes < AUTO_BYTES) return insert(`${formatBytes(bytes)} are less than ${formatBytes(AUTO_BYTES)}`);
  return {
    path: 'bulk',
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
  if (earlier) {
    const other = earlier === 'bulk' ? write?.how === 'insert' : write?.how === 'bulk';
    return { path: earlier, ...(other ? { reason: `goes on by ${earlier}, as this job began` } : {}) };
  }
  if (!write?.bulk || write.how === 'insert') return { path: 'insert' };
  if (write.how === 'auto') return decideAuto(input);
  const refused = refusal(input);
  if (!refused) return { path: 'bulk', reason: 'write: bulk' };
  throw fail('DST_UNSUPPORTED', `write: bulk cannot be: ${refused}`, { hint: 'Set write: insert.' });
}
