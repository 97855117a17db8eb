import { type ConfigIssue, quoted } from './issues.js';
import { allowedWords, branches, type JsonSchema } from './schema.js';
import { didYouMean } from './suggest.js';
import { type Place, pointerTo } from './tree.js';
import type { TaskName } from './types.js';
import { BODY_SCHEMAS, type ValidatorError } from './validators.generated.js';

interface Explained {
  /** Of the value, or of the group that lacks a key. */
  readonly pointer: string;
  /** The key that the message is about, below that of the place; '' for the place itself. */
  readonly child: string;
  readonly message: string;
}

/** The parts of the schemas that have been asked for, by path: thousands of errors are about few of them. */
const found = new WeakMap<JsonSchema, Map<string, JsonSchema>>();

function schemaAt(root: JsonSchema, path: string): JsonSchema {
  const known = found.get(root) ?? new Map<string, JsonSchema>();
  found.set(root, known);
  const schema = known.get(path) ?? walkTo(root, path);
  known.set(path, schema);
  return schema;
}

function walkTo(root: JsonSchema, path: string): JsonSchema {
  let node: unknown = root;
  for (const part of path.split('/').slice(1)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    node = (node as Readonly<Record<string, unknown>> | undefined)?.[name];
  }
  return (node ?? {}) as JsonSchema;
}

function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a group of keys',
  array: 'a list',
};

/** What a schema allows, in words. */
function expectation(schema: JsonSchema): string {
  if (schema['x-expect']) return schema['x-expect'];
  const words = allowedWords(schema);
  if (words.length > 0) return words.join(', ');
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const kind = types.map((type) => TYPE_WORDS[type] ?? type).join(' or ');
  const { minimum, maximum } = schema;
  if (minimum === undefined) return kind;
  return maximum === undefined ? `${kind}, ${minimum} or more` : `${kind}, ${minimum} to ${maximum}`;
}

/** By keyword: what it finds fault with. */
const EMPTY: Readonly<Record<string, string>> = { minItems: 'an empty list', minProperties: 'an empty group of keys' };

function what(value: Place | undefined, data: unknown): string {
  if (value?.shown !== undefined) return quoted(value.shown);
  if (Array.isArray(data)) return 'a list';
  return typeof data === 'object' ? 'a group of keys' : 'the value';
}

function dataAt(root: unknown, pointer: string): unknown {
  let node = root;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    node = (node as Readonly<Record<string, unknown>> | undefined)?.[name];
  }
  return node;
}

/** One `anyOf` that a value did not fit. */
interface Misfit {
  readonly branches: Set<string>;
  /** The branches for another kind of value than the one that is there. */
  readonly otherKind: Set<string>;
}

interface Enclosing {
  readonly misfit: Misfit;
  readonly branch: string;
  /** The error is about the very value that the `anyOf` is about. */
  readonly sameValue: boolean;
}

function misfitKey(schemaPath: string, instancePath: string): string {
  return `${schemaPath}\n${instancePath}`;
}

/** The misfits that an error lies in, found by its paths alone: with thousands of errors, comparing each with each would not end. */
function enclosing(error: ValidatorError, misfits: ReadonlyMap<string, Misfit>): Enclosing[] {
  const values = [error.instancePath];
  for (let path = error.instancePath; path !== ''; values.push(path)) path = parentPath(path);
  return [...error.schemaPath.matchAll(/\/anyOf\/([0-9]+)/g)].flatMap(({ index, 1: branch = '' }) => {
    const schemaPath = `${error.schemaPath.slice(0, index)}/anyOf`;
    const value = values.find((path) => misfits.has(misfitKey(schemaPath, path)));
    const misfit = value === undefined ? undefined : misfits.get(misfitKey(schemaPath, value));
    return misfit ? [{ misfit, branch, sameValue: value === error.instancePath }] : [];
  });
}

/**
 * Of a value that fits no branch of an `anyOf` only the errors of the branch for its kind are of use, or, when there is
 * none, the one error that it fits no branch.
 */
function collapse(errors: readonly ValidatorError[]): ValidatorError[] {
  const misfits = new Map<string, Misfit>();
  for (const { keyword, schemaPath, instancePath } of errors) {
    if (keyword === 'anyOf')
      misfits.set(misfitKey(schemaPath, instancePath), { branches: new Set(), otherKind: new Set() });
  }
  const located = errors.map((error) => ({ error, around: enclosing(error, misfits) }));
  for (const { error, around } of located) {
    for (const { misfit, branch, sameValue } of around) {
      misfit.branches.add(branch);
      if (sameValue && ['type', 'const', 'enum'].includes(error.keyword)) misfit.otherKind.add(branch);
    }
  }
  const chosen = (misfit: Misfit): string | undefined => [...misfit.branches].find((b) => !misfit.otherKind.has(b));
  const useful = located.filter(({ error, around }) => {
    const own = misfits.get(misfitKey(error.schemaPath, error.instancePath));
    if (own && chosen(own) !== undefined) return false;
    return around.every(({ misfit, branch }) => chosen(misfit) === branch);
  });
  return useful.map(({ error }) => error);
}

function explainUnknown(name: string, owner: JsonSchema, pointer: string, task: TaskName): string {
  const keys = Object.keys(owner.properties ?? {});
  const others = Object.entries(BODY_SCHEMAS).filter(([other]) => other !== task);
  const [elsewhere] = others.find(([, body]) => pointer === '' && Object.hasOwn(body.properties ?? {}, name)) ?? [];
  if (elsewhere) return `is a key of ${elsewhere}, not of ${task}`;
  const hint = didYouMean(name, keys);
  const rest = owner['x-rest'] === undefined ? '' : ` (${owner['x-rest']})`;
  return `unknown key${hint || `, allowed: ${keys.filter((key) => !key.startsWith('milvus')).join(', ')}${rest}`}`;
}

function explainOne(
  error: ValidatorError,
  task: TaskName,
  body: unknown,
  places: ReadonlyMap<string, Place>,
): Explained {
  const pointer = error.instancePath;
  const schema = schemaAt(BODY_SCHEMAS[task], parentPath(error.schemaPath));
  const { missingProperty, additionalProperty } = error.params;
  if (error.keyword === 'required') {
    const name = String(missingProperty);
    return { pointer, child: name, message: `is missing, needed: ${schema.properties?.[name]?.title ?? 'a value'}` };
  }
  if (error.keyword === 'additionalProperties') {
    const name = String(additionalProperty);
    return { pointer: pointerTo(pointer, name), child: '', message: explainUnknown(name, schema, pointer, task) };
  }
  const place = places.get(pointer);
  const hint = place?.shown === undefined ? '' : didYouMean(place.shown, branches(schema).flatMap(allowedWords));
  const subject = EMPTY[error.keyword] ?? what(place, dataAt(body, pointer));
  return { pointer, child: '', message: `${subject} is not allowed, allowed: ${expectation(schema)}${hint}` };
}

/** The mistakes that a validator found, in the words and at the places of the file. */
export function explain(
  errors: readonly ValidatorError[],
  input: { task: TaskName; body: unknown; places: ReadonlyMap<string, Place>; file: string },
): ConfigIssue[] {
  const said = new Set<string>();
  // A group is not called empty when it is so only because what stands in it could not be read.
  const hasFaults = (pointer: string): boolean =>
    [...input.places].some(([path, { faulty }]) => faulty && path.startsWith(`${pointer}/`));
  return collapse(errors).flatMap((error): ConfigIssue[] => {
    if (error.keyword === 'minProperties' && hasFaults(error.instancePath)) return [];
    const { pointer, child, message } = explainOne(error, input.task, input.body, input.places);
    const place = input.places.get(pointer);
    const about = child === '' ? pointer : pointerTo(pointer, child);
    if (!place || place.faulty || input.places.get(about)?.faulty || said.has(about)) return [];
    said.add(about);
    const key = [place.key, child].filter((part) => part !== '').join('.');
    return [{ file: input.file, line: place.line, column: place.column, key, message, code: 'CFG_INVALID' }];
  });
}
