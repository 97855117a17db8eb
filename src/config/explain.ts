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

function schemaAt(root: JsonSchema, path: string): JsonSchema {
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

/** Of a value that fits no branch of an `anyOf`: the errors of the branch of its kind, or the one error that there is none. */
function collapse(errors: readonly ValidatorError[]): readonly ValidatorError[] {
  const outer = errors.find(
    (error) =>
      error.keyword === 'anyOf' && !errors.some((e) => e !== error && e.keyword === 'anyOf' && isInside(error, e)),
  );
  if (!outer) return errors;
  const inside = errors.filter((error) => error !== outer && isInside(error, outer));
  const outside = errors.filter((error) => error !== outer && !inside.includes(error));
  const branchOf = (error: ValidatorError): string =>
    error.schemaPath.slice(outer.schemaPath.length + 1).split('/')[0] ?? '';
  const ofItsKind = [...new Set(inside.map(branchOf))]
    .map((branch) => inside.filter((error) => branchOf(error) === branch))
    .find((list) => !list.some((error) => isAnotherKind(error, outer)));
  return [...collapse(outside), ...(ofItsKind ? collapse(ofItsKind) : [outer])];
}

function isInside(error: ValidatorError, outer: ValidatorError): boolean {
  return error.schemaPath.startsWith(`${outer.schemaPath}/`) && error.instancePath.startsWith(outer.instancePath);
}

function isAnotherKind(error: ValidatorError, outer: ValidatorError): boolean {
  return error.instancePath === outer.instancePath && ['type', 'const', 'enum'].includes(error.keyword);
}

function explainUnknown(name: string, owner: JsonSchema, pointer: string, task: TaskName): string {
  const keys = Object.keys(owner.properties ?? {});
  const others = Object.entries(BODY_SCHEMAS).filter(([other]) => other !== task);
  const [elsewhere] = others.find(([, body]) => pointer === '' && Object.hasOwn(body.properties ?? {}, name)) ?? [];
  if (elsewhere) return `is a key of ${elsewhere}, not of ${task}`;
  const hint = didYouMean(name, keys);
  return `unknown key${hint || `, allowed: ${keys.filter((key) => !key.startsWith('milvus')).join(', ')}`}`;
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
  const subject = error.keyword === 'minItems' ? 'an empty list' : what(place, dataAt(body, pointer));
  return { pointer, child: '', message: `${subject} is not allowed, allowed: ${expectation(schema)}${hint}` };
}

/** The mistakes that a validator found, in the words and at the places of the file. */
export function explain(
  errors: readonly ValidatorError[],
  input: { task: TaskName; body: unknown; places: ReadonlyMap<string, Place>; file: string },
): ConfigIssue[] {
  const said = new Set<string>();
  return collapse(errors).flatMap((error): ConfigIssue[] => {
    const { pointer, child, message } = explainOne(error, input.task, input.body, input.places);
    const place = input.places.get(pointer);
    const about = child === '' ? pointer : pointerTo(pointer, child);
    if (!place || place.faulty || input.places.get(about)?.faulty || said.has(about)) return [];
    said.add(about);
    const key = [place.key, child].filter((part) => part !== '').join('.');
    return [{ file: input.file, line: place.line, column: place.column, key, message, code: 'CFG_INVALID' }];
  });
}
