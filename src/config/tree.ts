import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { type ConfigIssue, type IssueCode, printable } from './issues.js';
import { resolveReferences, type Surroundings } from './references.js';
import { branches, type JsonSchema, scalarTypes } from './schema.js';
import type { ParsedYaml } from './syntax.js';

/** Finding an anchor walks the document, so a file gets only so many aliases. */
const MOST_ALIASES = 100;
const PLAIN_TAGS = ['tag:yaml.org,2002:map', 'tag:yaml.org,2002:seq', 'tag:yaml.org,2002:str'];

/** Where a value stands, and how a message speaks of it. */
export interface Place {
  readonly line: number;
  readonly column: number;
  /** The key as the user knows it: `data_path[1].partition`. */
  readonly key: string;
  /** The value as written, for messages; absent for lists, groups and secrets. */
  readonly shown?: string;
  /** Something has been said about this value already. */
  readonly faulty: boolean;
}

/** The state of one reading of a file. */
export interface Reading {
  readonly yaml: ParsedYaml;
  readonly file: string;
  readonly around: Surroundings;
  readonly issues: ConfigIssue[];
  readonly secrets: string[];
  /** By JSON pointer from the body of the task. */
  readonly places: Map<string, Place>;
  aliases: number;
}

interface Where {
  readonly pointer: string;
  readonly key: string;
  readonly offset: number;
}

/** The pointer of a child, as ajv writes it. */
export function pointerTo(parent: string, key: string | number): string {
  return `${parent}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Notes a mistake at an offset of the text. */
export function report(reading: Reading, offset: number, key: string, message: string, code: IssueCode): void {
  reading.issues.push({ file: reading.file, ...reading.yaml.at(offset), key, message, code });
}

/** The name of a key for messages, with the groups it stands in. */
export function childKey(parent: string, key: string): string {
  return parent === '' ? printable(key) : `${parent}.${printable(key)}`;
}

/** Notes a mistake at a value that cannot be read at all; nothing else is said about it. */
function refuse(reading: Reading, where: Where, message: string): undefined {
  report(reading, where.offset, where.key, message, 'CFG_INVALID');
  reading.places.set(where.pointer, { ...reading.yaml.at(where.offset), key: where.key, faulty: true });
}

function resolveAlias(reading: Reading, alias: Alias, where: Where): Node | null {
  reading.aliases++;
  if (reading.aliases > MOST_ALIASES) {
    refuse(reading, where, `too many aliases (*name), allowed: ${MOST_ALIASES} in a file`);
    return null;
  }
  const found = alias.resolve(reading.yaml.document);
  if (found) return found;
  // Without the name: where a password was meant, it is a piece of it.
  refuse(
    reading,
    where,
    'there is no anchor (&name) above for this alias (*name); put the value in quotes if it is none',
  );
  return null;
}

/** The text of a key, or undefined when it is no plain text. */
export function keyText(pair: Pair<unknown, unknown>): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

/** The offset at which a node starts. */
export function startOf(node: unknown, otherwise: number): number {
  const range = (node as Partial<Node> | null)?.range;
  return range ? range[0] : otherwise;
}

/**
 * The value of a node as plain data, its scalars typed as the schema wants them; undefined stands for absent (null, '').
 * What the schema does not know is not walked, so neither depth nor aliases of a file can multiply the work.
 */
export function readValue(reading: Reading, given: Node | null, schema: JsonSchema, where: Where): unknown {
  const node = isAlias(given) ? resolveAlias(reading, given, where) : given;
  if (node === null || isAlias(node)) return undefined;
  if (node.tag !== undefined && !PLAIN_TAGS.includes(node.tag)) {
    return refuse(reading, where, 'a tag (!name) has no meaning here; remove it, or put the value in quotes');
  }
  if (isScalar(node)) return readScalar(reading, node, schema, where);
  reading.places.set(where.pointer, { ...reading.yaml.at(where.offset), key: where.key, faulty: false });
  if (isMap(node)) return readMap(reading, node, schema, where);
  return isSeq(node) ? readSeq(reading, node, schema, where) : undefined;
}

function readMap(reading: Reading, node: YAMLMap, schema: JsonSchema, where: Where): unknown {
  const group = branches(schema).find((branch) => branch.type === 'object');
  if (!group) return {};
  const entries: [string, unknown][] = [];
  const seen = new Map<string, number>();
  for (const pair of node.items) {
    const offset = startOf(pair.key, where.offset);
    const name = keyText(pair);
    if (name === undefined) {
      report(reading, offset, where.key, 'a key is not plain text', 'CFG_INVALID');
      continue;
    }
    const key = childKey(where.key, name);
    const first = seen.get(name);
    if (first !== undefined) {
      const { line } = reading.yaml.at(first);
      report(reading, offset, key, `is given twice (first in line ${line}), allowed: once`, 'CFG_INVALID');
      continue;
    }
    seen.set(name, offset);
    const value = readEntry(reading, pair, name, group, { pointer: pointerTo(where.pointer, name), key, offset });
    if (value !== undefined) entries.push([name, value]);
  }
  return Object.fromEntries(entries);
}

/** The value of one key; undefined when it is absent or ignored. `where.offset` is that of the key. */
function readEntry(reading: Reading, pair: Pair, name: string, group: JsonSchema, where: Where): unknown {
  const own = group.properties && Object.hasOwn(group.properties, name) ? group.properties[name] : undefined;
  const open = typeof group.additionalProperties === 'object' ? group.additionalProperties : undefined;
  const schema = own ?? open;
  if (schema?.['x-ignored']) return undefined;
  if (!schema) {
    reading.places.set(where.pointer, { ...reading.yaml.at(where.offset), key: where.key, faulty: false });
    return null;
  }
  const node = pair.value as Node | null;
  const value = readValue(reading, node, schema, { ...where, offset: startOf(node, where.offset) });
  if (value !== undefined || own || reading.places.get(where.pointer)?.faulty) return value;
  if (schema['x-null']) {
    reading.places.set(where.pointer, { ...reading.yaml.at(where.offset), key: where.key, faulty: false });
    return null;
  }
  // A dataset without a field must not be left out in silence.
  return refuse(reading, where, 'has no value');
}

function readSeq(reading: Reading, node: YAMLSeq, schema: JsonSchema, where: Where): unknown {
  const list = branches(schema).find((branch) => branch.type === 'array');
  const { items } = list ?? {};
  if (!items) return [];
  return node.items.map((item, index) => {
    const at = {
      pointer: pointerTo(where.pointer, index),
      key: `${where.key}[${index}]`,
      offset: startOf(item, where.offset),
    };
    const value = readValue(reading, item as Node | null, items, at);
    if (value !== undefined) return value;
    if (!reading.places.get(at.pointer)?.faulty) refuse(reading, at, 'the item is empty');
    return null;
  });
}

const NULL = /^(~|null|Null|NULL)$/;
const INTEGER = /^[-+]?[0-9]+$/;
const NUMBER = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/** A text as the kind of value that the schema wants; it stays text where it is none, or where text is all that is wanted. */
function typed(text: string, schema: JsonSchema): unknown {
  if (branches(schema).some((branch) => branch['x-int64'])) return text;
  if (schema['x-fold'] === 'upper') return text.toUpperCase();
  const types = scalarTypes(schema);
  if (types.has('integer') && INTEGER.test(text)) return Number(text);
  if ((types.has('number') || types.has('integer')) && NUMBER.test(text)) return Number(text);
  if (types.has('boolean') && /^(true|True|TRUE|false|False|FALSE)$/.test(text)) return text.toLowerCase() === 'true';
  return text;
}

function readScalar(reading: Reading, node: Scalar, schema: JsonSchema, where: Where): unknown {
  const source = String(node.value);
  const plain = node.type === Scalar.PLAIN && node.tag === undefined;
  if (source === '' || (plain && NULL.test(source))) return undefined;
  const { text, problems } = resolveReferences(source, reading.around);
  for (const problem of problems) report(reading, where.offset, where.key, problem, 'CFG_REFERENCE');
  if (schema.writeOnly && text !== '') reading.secrets.push(text);
  reading.places.set(where.pointer, {
    ...reading.yaml.at(where.offset),
    key: where.key,
    // Of a reference only its name is shown: what is behind it may be a secret.
    ...(schema.writeOnly ? {} : { shown: source }),
    faulty: problems.length > 0,
  });
  return text === '' ? undefined : typed(text, schema);
}
