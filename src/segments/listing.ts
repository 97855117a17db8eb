import type { ObjectStore, StoreOptions } from '../store/types.js';

/** A log in the server's store. */
export interface SourceLog {
  readonly key: string;
  readonly size: number;
  readonly log: bigint;
}

/** The files of a segment in the server's store. */
export interface SourceSegment {
  /** Logs by field, or by group of columns with storage v2; ascending ids. */
  readonly insert: ReadonlyMap<bigint, readonly SourceLog[]>;
  readonly delta: readonly SourceLog[];
}

/** By id of the segment. */
export type Listing = ReadonlyMap<bigint, SourceSegment>;

interface Draft {
  readonly insert: Map<bigint, SourceLog[]>;
  readonly delta: SourceLog[];
}

/** The ids that a key ends with: `insert_log/coll/part/seg/field/log` has five, `delta_log/coll/part/seg/log` four. */
function idsOf(key: string, prefix: string): bigint[] | undefined {
  const parts = key.slice(prefix.length).split('/');
  return parts.every((part) => /^-?\d{1,19}$/.test(part)) ? parts.map(BigInt) : undefined;
}

const byLog = (a: SourceLog, b: SourceLog): number => (a.log < b.log ? -1 : a.log > b.log ? 1 : 0);

/**
 * Lists the insert and delta logs of a collection: two listings, however many segments there are. What no Milvus would
 * write there is passed over.
 */
export async function listCollection(store: ObjectStore, collection: bigint, o: StoreOptions = {}): Promise<Listing> {
  const found = new Map<bigint, Draft>();
  const draftOf = (segment: bigint): Draft => {
    const known = found.get(segment);
    if (known) return known;
    const made = { insert: new Map<bigint, SourceLog[]>(), delta: [] };
    found.set(segment, made);
    return made;
  };
  const deltas = `delta_log/${collection}/`;
  for await (const { key, size } of store.list(deltas, o)) {
    const [, segment, log, ...more] = idsOf(key, deltas) ?? [];
    if (segment === undefined || log === undefined || more.length > 0) continue;
    draftOf(segment).delta.push({ key, size, log });
  }
  const inserts = `insert_log/${collection}/`;
  for await (const { key, size } of store.list(inserts, o)) {
    const [, segment, field, log, ...more] = idsOf(key, inserts) ?? [];
    if (segment === undefined || field === undefined || log === undefined || more.length > 0) continue;
    const { insert } = draftOf(segment);
    const logs = insert.get(field);
    if (logs) logs.push({ key, size, log });
    else insert.set(field, [{ key, size, log }]);
  }
  for (const { insert, delta } of found.values()) {
    delta.sort(byLog);
    for (const logs of insert.values()) logs.sort(byLog);
  }
  return found;
}
