import type { FieldSchemaInfo, SegmentBackupInfo } from './types.js';

/** Name of the field that holds what the schema does not name. */
export const DYNAMIC_NAME = '$meta';
/** The first id of a user's field. */
const FIRST_ID = 100n;

/** Ids of the folders that segments have: of fields, or of groups of columns (storage v2). */
function folderIds(segments: readonly SegmentBackupInfo[]): Set<bigint> {
  const fields = segments.filter((s) => s.storage_version < 2).flatMap((s) => s.binlogs);
  return new Set(fields.map(({ fieldID }) => fieldID).filter((id) => id >= FIRST_ID));
}

/**
 * The dynamic field's id, which the schema leaves out: that of the folder that no field has; else the first that is free, as
 * it was given when the collection was made, before fields were added.
 */
export function dynamicFieldId(fields: readonly FieldSchemaInfo[], segments: readonly SegmentBackupInfo[]): bigint {
  const taken = new Set(fields.map(({ fieldID }) => fieldID));
  const [found] = [...folderIds(segments)].filter((id) => !taken.has(id));
  if (found !== undefined) return found;
  let id = FIRST_ID;
  while (taken.has(id)) id++;
  return id;
}
