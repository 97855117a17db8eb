import { isAbsolute, relative, sep } from 'node:path';
import type { Side } from './address.js';
import { selectionOf, unmatched } from './catalog.js';
import { endpointKeys, placeOf, SOURCE_PLACE } from './endpoint.js';
import { quoted } from './issues.js';
import type { RawTask } from './raw.js';
import { absolutePath } from './references.js';
import type { RuleInput } from './rule-input.js';
import { isGlob } from './selection.js';
import type { MilvusAddress } from './types.js';

/** Nothing may be written where something is read. */
export function checkOverlap(input: RuleInput): void {
  if (input.task === 'M2M') checkSameMilvus(input);
  checkFolders(input);
}

function placeKeys(side: Side): readonly (keyof RawTask)[] {
  return [`${side}_uri`, `${side}_host`, `${side}_port`, `${side}_db`];
}

/** Where a side is; undefined when the file does not say so without a mistake. */
function soundPlace(side: Side, { raw, around, given }: RuleInput): MilvusAddress | undefined {
  if (side === 'source' && (given('source_milvus_path') || !SOURCE_PLACE.some(given))) return undefined;
  if (placeKeys(side).some((key) => given(key) && raw[key] === undefined)) return undefined;
  const place = placeOf(side, raw, around);
  return 'at' in place ? place.at : undefined;
}

function isSame(input: RuleInput): boolean {
  const label = (side: Side): string | undefined => {
    const at = soundPlace(side, input);
    if (at === undefined) return undefined;
    const where = at.kind === 'server' ? at.address.toLowerCase().replace(/^localhost:/, '127.0.0.1:') : at.folder;
    return JSON.stringify([at.kind, where, endpointKeys(side, input.raw).db ?? 'default']);
  };
  const source = label('source');
  return source !== undefined && source === label('dest');
}

/** Which of the names the task reads. */
function takenOf(names: readonly string[], raw: Partial<RawTask>): string[] {
  const free = new Set(unmatched(names, Object.keys(selectionOf(raw.source_collection ?? []))));
  const barred = Object.entries(selectionOf(raw.exclude_collection ?? [])).filter(([, list]) => list === null);
  const left = unmatched(
    names,
    barred.map(([name]) => name),
  );
  return left.filter((name) => !free.has(name));
}

/** Within one Milvus a collection must not be read and written at once; overwrite would even drop what is to be read. */
function checkSameMilvus(input: RuleInput): void {
  const { raw, given, sound, report } = input;
  const needed = ['source_collection', 'exclude_collection', 'merge', 'collection_map'] as const;
  if (raw.source_collection === undefined || !needed.every(sound) || !isSame(input)) return;
  const same = 'source and target are the same Milvus';
  if (raw.merge) {
    if (takenOf([raw.merge.into], raw).length === 0) return;
    const message = `${same}, and source_collection takes ${quoted(raw.merge.into)} too, allowed: another name, or exclude_collection with it`;
    report(['merge', 'into'], message, 'CFG_CONFLICT');
    return;
  }
  const map = new Map(Object.entries(raw.collection_map ?? {}));
  // With a map, what a wildcard takes is known only when the source is open.
  const onto = Object.keys(selectionOf(raw.source_collection)).find((name) =>
    isGlob(name) ? !given('collection_map') : (map.get(name) ?? name) === name,
  );
  if (onto !== undefined) {
    const message = `${same}: ${quoted(onto)} would be written onto itself, allowed: collection_map, merge, or another dest_db`;
    report(['source_collection'], message, 'CFG_CONFLICT');
  }
  const taken = new Set(takenOf([...map.values()], raw));
  for (const [name, target] of map) {
    if (!taken.has(target) || target === name) continue;
    report(
      ['collection_map', name],
      `${same}, and source_collection takes ${quoted(target)} too, allowed: another name`,
      'CFG_CONFLICT',
    );
  }
}

function isInside(folder: string, outer: string): boolean {
  const way = relative(outer, folder);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** What is read as files, by key. */
function foldersRead(input: RuleInput): [key: string, folder: string][] {
  const { raw, around } = input;
  const { source_milvus_path: path, extra_paths: extra = [] } = raw;
  const texts = (typeof extra === 'string' ? [extra] : extra).filter((text) => typeof text === 'string');
  const source = soundPlace('source', input);
  return [
    ...(path === undefined ? [] : [['source_milvus_path', absolutePath(path, around)] as [string, string]]),
    ...texts.map((text): [string, string] => ['extra_paths', absolutePath(text, around)]),
    ...(source?.kind === 'embedded' ? [['source_uri', source.folder] as [string, string]] : []),
  ];
}

function checkFolders(input: RuleInput): void {
  const { task, raw, around, report } = input;
  const target = task === 'M2M' ? soundPlace('dest', input) : undefined;
  const key = task === 'M2H' ? 'data_dir' : 'dest_uri';
  const dir = raw.data_dir === undefined ? undefined : absolutePath(raw.data_dir, around);
  const written = task === 'M2H' ? dir : target?.kind === 'embedded' ? target.folder : undefined;
  if (written === undefined) return;
  const outer = foldersRead(input).find(([name, folder]) => {
    // One Milvus Lite as source and target is a matter of its collections.
    return isInside(written, folder) && !(name === 'source_uri' && task === 'M2M' && written === folder);
  });
  if (outer === undefined) return;
  report([key], `lies in ${outer[0]}, where nothing is written, allowed: a folder outside of it`, 'CFG_CONFLICT');
}
