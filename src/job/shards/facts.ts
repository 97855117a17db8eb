import type { TaskConfig } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import { exact, locatorOf, placeOf } from '../job-id.js';

/** Everything that decides what is written, value by value under the name of its key; no secrets. */
export type Facts = Readonly<Record<string, string>>;

function flatten(name: string, value: unknown, facts: Map<string, string>): void {
  if (typeof value !== 'object' || value === null) {
    if (value !== undefined) facts.set(name, JSON.stringify(value));
    return;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) facts.set(name, Array.isArray(value) ? '[]' : '{}');
  for (const [key, child] of entries)
    flatten(Array.isArray(value) ? `${name}[${key}]` : `${name}.${key}`, child, facts);
}

/** What a YAML file says of a job, as far as all of its machines must agree on it. */
export function factsOf(config: TaskConfig): Facts {
  const { options: o } = config;
  const told = {
    task: config.task,
    source: locatorOf(config.source),
    dest: placeOf(config.dest),
    dest_collection_name: config.collection,
    dest_partition_name: config.partition,
    mode: config.mode,
    collection_map: config.collectionMap,
    partition_map: config.partitionMap,
    merge: config.merge,
    transforms: config.transforms,
    collection_parameter: config.parameter,
    id_start: o.idStart,
    id_offset: o.idOffsets ?? o.idOffset,
    new_ids: o.newIds,
    preflight: o.preflight,
    on_duplicate_id: o.onDuplicateId,
    on_bad_row: o.onBadRow,
  };
  const facts = new Map<string, string>();
  for (const [name, value] of Object.entries(JSON.parse(JSON.stringify(told, exact)) as object)) {
    flatten(name, value, facts);
  }
  return Object.fromEntries(facts);
}

const SHOWN = 5;
const LONGEST = 120;

function clip(text: string | undefined): string {
  if (text === undefined) return 'not set';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

/** Throws CFG_CONFLICT, naming the keys, where the file is not the one that the job was prepared with. */
export function requireSameFacts(prepared: Facts, now: Facts): void {
  const names = [...new Set([...Object.keys(prepared), ...Object.keys(now)])].filter((n) => prepared[n] !== now[n]);
  if (names.length === 0) return;
  const list = names.slice(0, SHOWN).map((n) => `${n} was ${clip(prepared[n])}, now ${clip(now[n])}`);
  const more = names.length > SHOWN ? `; and ${names.length - SHOWN} more` : '';
  throw fail('CFG_CONFLICT', `the YAML is not the one that the job was prepared with: ${list.join('; ')}${more}`, {
    hint: 'Put the file back as it was, or start over with `milvusdm prepare --restart`.',
  });
}
