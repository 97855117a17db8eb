import { closeSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { isMap, type Pair } from 'yaml';
import { formatBytes } from '../util/bytes.js';
import { fail, type MilvusdmError } from '../util/errors.js';
import { backupOf } from './backup.js';
import { TASKS } from './bundle.js';
import { explain } from './explain.js';
import { issuesError, printable, quoted } from './issues.js';
import type { RawTask } from './raw.js';
import { reasonOf, type Surroundings } from './references.js';
import { restoreOf } from './restore.js';
import { checkRules } from './rules.js';
import { snapshotOf } from './snapshot.js';
import { didYouMean } from './suggest.js';
import { parseYaml } from './syntax.js';
import { secretsOf, toTask } from './to-task.js';
import { childKey, keyText, pointerTo, type Reading, readValue, report, startOf } from './tree.js';
import type { JobConfig, TaskConfig, TaskName } from './types.js';
import { BODY_SCHEMAS, VALIDATORS } from './validators.generated.js';

const LARGEST = 1024 * 1024;

export interface ValidateOptions {
  /** Name of the file for messages. */
  readonly path?: string;
  /** Where `${NAME}` is looked up; the process's own environment by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where relative paths start; the working folder by default. */
  readonly cwd?: string;
  /** Of a SNAPSHOT: values of keys that go before those of the file, because a command line says them. Never secrets. */
  readonly keys?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Reads and checks a YAML file. Throws CFG_FILE when it cannot be read, CFG_SYNTAX when it is not YAML, and else one error
 * whose message lists every mistake of the file, one per line (`configIssues` of `issues.ts` has them as a list).
 */
export function loadJob(
  path: string,
  env: NodeJS.ProcessEnv = process.env,
  keys: NonNullable<ValidateOptions['keys']> = {},
): JobConfig {
  return { ...validateBytes(readLimited(path), { path, env, keys }), file: resolve(path) };
}

/** Like {@link loadJob}, for a text in memory. */
export function validateJob(text: string, options: ValidateOptions = {}): JobConfig {
  return validateBytes(Buffer.from(text), options);
}

/** Whether a task moves rows. */
export function isMove(config: JobConfig): config is TaskConfig {
  return config.task !== 'BACKUP' && config.task !== 'RESTORE' && config.task !== 'SNAPSHOT';
}

function requireMove(config: JobConfig): TaskConfig {
  if (isMove(config)) return config;
  throw fail('USAGE', `a task that moves rows is needed, and this is ${config.task}`, {
    hint: 'Use `milvusdm run`, `plan` or `validate` with it.',
  });
}

/** Like {@link loadJob}, for the tasks that move rows; USAGE for others. */
export function loadTask(path: string, env: NodeJS.ProcessEnv = process.env): TaskConfig {
  return requireMove(loadJob(path, env));
}

/** Like {@link loadTask}, for a text in memory. */
export function validateText(text: string, options: ValidateOptions = {}): TaskConfig {
  return requireMove(validateJob(text, options));
}

function tooLarge(path: string): MilvusdmError {
  const hint = 'Point to the YAML file, not to the data.';
  return fail('CFG_FILE', `${printable(path)} has more than ${formatBytes(LARGEST)}, which no task needs`, { hint });
}

/** Reads to the end, so that a pipe works too, but never more than the limit. */
function readLimited(path: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(LARGEST + 1);
  let length = 0;
  try {
    const fd = openSync(path, 'r');
    try {
      for (let got = 1; got > 0 && length < bytes.length; length += got) {
        got = readSync(fd, bytes, length, bytes.length - length, null);
      }
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw fail('CFG_FILE', `${printable(path)} cannot be read (${reasonOf(error)})`, { cause: error });
  }
  return bytes.subarray(0, length);
}

function validateBytes(bytes: Uint8Array, options: ValidateOptions): JobConfig {
  const file = options.path ?? '<text>';
  if (bytes.length > LARGEST) throw tooLarge(file);
  const around = { env: options.env ?? process.env, cwd: options.cwd ?? process.cwd() };
  return validate(decode(bytes, file), file, around, options.keys ?? {});
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw issuesError([
      { file, line: 1, column: 1, key: '', message: 'the file is not UTF-8 text', code: 'CFG_SYNTAX' },
    ]);
  }
}

function validate(
  text: string,
  file: string,
  around: Surroundings,
  keys: NonNullable<ValidateOptions['keys']>,
): JobConfig {
  const yaml = parseYaml(text, file);
  const reading: Reading = { yaml, file, around, issues: [], secrets: [], places: new Map(), aliases: 0 };
  const found = findTask(reading);
  if (!found) throw issuesError(reading.issues);
  const { task, pair } = found;
  const offset = startOf(pair.key, 0);
  const { line, column } = yaml.at(offset);
  const raw = withKeys(reading, readBody(reading, task, pair), task === 'SNAPSHOT' ? keys : {});
  // A task without keys still has a place for what is missing; the mistakes of the whole point at its name.
  reading.places.set('', { line, column, key: '', faulty: reading.places.get('')?.faulty ?? false });
  const validator = VALIDATORS[task];
  if (!validator(raw))
    reading.issues.push(...explain(validator.errors ?? [], { task, body: raw, places: reading.places, file }));
  checkAcross(reading, task, raw);
  if (reading.issues.length > 0) throw issuesError(reading.issues, reading.secrets);
  const secrets = secretsOf(raw as RawTask, reading.secrets);
  if (task === 'BACKUP') return backupOf(raw as RawTask, around, secrets);
  if (task === 'RESTORE') return restoreOf(raw as RawTask, around, secrets);
  if (task === 'SNAPSHOT') return snapshotOf(raw as RawTask, around, secrets);
  return toTask(task, raw as RawTask, around, secrets);
}

function readBody(reading: Reading, task: TaskName, pair: Pair): unknown {
  const node = pair.value as Parameters<typeof readValue>[1];
  const offset = startOf(node, startOf(pair.key, 0));
  return readValue(reading, node, BODY_SCHEMAS[task], { pointer: '', key: '', offset }) ?? {};
}

/** The values of the file with those that go before them; what was wrong with the ones they replace does not matter. */
function withKeys(reading: Reading, body: unknown, keys: NonNullable<ValidateOptions['keys']>): unknown {
  if (Object.keys(keys).length === 0 || typeof body !== 'object' || body === null) return body;
  for (const [key, value] of Object.entries(keys)) {
    reading.places.set(pointerTo('', key), { line: 1, column: 1, key, shown: String(value), faulty: false });
    const faults = reading.issues.filter((issue) => issue.key === key);
    for (const fault of faults) reading.issues.splice(reading.issues.indexOf(fault), 1);
  }
  return { ...body, ...keys };
}

/** The one task of the file; otherwise the issues say why there is none. */
function findTask(reading: Reading): { task: TaskName; pair: Pair } | undefined {
  const { contents } = reading.yaml.document;
  const names = `${TASKS.slice(0, -1).join(', ')} or ${TASKS.at(-1)} with its keys below it`;
  if (!isMap(contents) || contents.items.length === 0) {
    report(reading, startOf(contents, 0), '', `the file names no task, allowed: ${names}`, 'CFG_INVALID');
    return undefined;
  }
  let found: { task: TaskName; pair: Pair } | undefined;
  for (const pair of contents.items) {
    const name = keyText(pair) ?? '';
    const offset = startOf(pair.key, 0);
    const task = TASKS.find((known) => known === name);
    if (!task) {
      const why = `${quoted(name)} is no task${didYouMean(name, TASKS)}`;
      report(reading, offset, '', `${why}, allowed: ${TASKS.join(', ')}`, 'CFG_INVALID');
    } else if (found) {
      report(reading, offset, '', `${name} is a second task, allowed: one task in a file`, 'CFG_INVALID');
    } else {
      found = { task, pair };
    }
  }
  return found;
}

/** Leaves out what has been found fault with: a rule would only say the same again. */
function withoutFaults(value: unknown, key: string, faulty: ReadonlySet<string>): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([name]) => !faulty.has(childKey(key, name)));
  return Object.fromEntries(entries.map(([name, child]) => [name, withoutFaults(child, childKey(key, name), faulty)]));
}

function checkAcross(reading: Reading, task: TaskName, body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
  const { file, places, issues } = reading;
  checkRules({
    task,
    raw: withoutFaults(body, '', new Set(issues.map((issue) => issue.key))) as Partial<RawTask>,
    around: reading.around,
    given: (key) => Object.hasOwn(body, key) || places.get(pointerTo('', key))?.faulty === true,
    sound: (key) => !issues.some((issue) => issue.key.split(/[.[]/, 1)[0] === key),
    report: (path, message, code) => {
      const pointer = path.reduce((parent: string, key) => pointerTo(parent, key), '');
      const place = places.get(pointer) ?? places.get('') ?? { line: 1, column: 1, key: path.join('.') };
      issues.push({ file, line: place.line, column: place.column, key: place.key, message, code });
    },
  });
}
