import { isMap, parseDocument, stringify } from 'yaml';
import { TASKS } from '../../config/bundle.js';
import { validateJob } from '../../config/load.js';
import type { JobConfig } from '../../config/types.js';
import { createJob } from '../../job/job.js';
import { fail } from '../../util/errors.js';
import type { JobKind, NewJob } from '../state/types.js';
import type { AllowedPaths } from './allowed-paths.js';
import { type ConnectionBody, type ConnectionChoice, fillConnection, sidesOf } from './connection.js';
import { requireReferences } from './secrets.js';

/** A task as requests and schedules give it: YAML, or the same as an object. */
export interface TaskRequest {
  readonly yaml?: string;
  readonly task?: Readonly<Record<string, unknown>>;
  readonly connection?: ConnectionChoice;
}

export interface TaskSurroundings {
  readonly cwd: string;
  readonly paths: AllowedPaths;
  /** Throws SRV_NOT_FOUND. */
  connection(name: string): ConnectionBody;
}

/** A task that has passed every check that can be made offline. */
export interface PreparedTask {
  readonly config: JobConfig;
  /** With what its connections bring, references still in it. */
  readonly text: string;
  readonly connections: readonly string[];
}

function textOf({ yaml, task }: TaskRequest): string {
  if ((yaml === undefined) === (task === undefined)) {
    throw fail('SRV_REQUEST', 'a task is given as `yaml` or as `task`, and as one of the two');
  }
  return yaml ?? stringify(task);
}

/** YAML with what the connections bring; a text that is no task of one name is left to the validation. */
function withConnections(text: string, choice: ConnectionChoice, around: TaskSurroundings): [string, string[]] {
  const document = parseDocument(text);
  const task = TASKS.find((name) => document.errors.length === 0 && isMap(document.contents) && document.has(name));
  if (task === undefined) return [text, []];
  if (!isMap(document.get(task))) document.set(task, document.createNode({}));
  const used: string[] = [];
  for (const [side, name] of Object.entries(sidesOf(task, choice)) as ['source' | 'dest', string][]) {
    fillConnection(document, task, side, { name, body: around.connection(name) });
    used.push(name);
  }
  return [document.toString(), used];
}

/** A task as plain data; the text has passed validation. */
function dataOf(text: string): unknown {
  try {
    return parseDocument(text).toJS();
  } catch (cause) {
    // Where the validation does not look, aliases can still stand for more than memory holds.
    throw fail('CFG_SYNTAX', `the task cannot be read as a whole: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Checks a task offline. Throws what `loadJob` throws, SRV_SECRET for a secret in clear, SRV_FORBIDDEN for a path that is
 * not allowed, SRV_NOT_FOUND for an unknown connection and SRV_CONFLICT for a task that names a server beside one.
 */
export function prepareTask(request: TaskRequest, around: TaskSurroundings): PreparedTask {
  const given = textOf(request);
  const [text, connections] =
    request.connection === undefined ? [given, []] : withConnections(given, request.connection, around);
  const config = validateJob(text, { path: 'task', cwd: around.cwd });
  requireReferences(config.task, dataOf(text));
  around.paths.requireAll(config, text);
  return { config, text, connections };
}

/** The addresses of all Milvus that a configuration names. */
export function serversOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { at } = value as { readonly at?: { readonly kind?: string; readonly address?: string; folder?: string } };
  const own = at?.kind === 'server' ? at.address : at?.kind === 'embedded' ? at.folder : undefined;
  const below = Object.values(value).flatMap(serversOf);
  return [...new Set(own ? [own, ...below] : below)];
}

/** A prepared task as a job for the queue. */
export function toNewJob(
  { config, text, connections }: PreparedTask,
  o: { readonly cwd: string; readonly kind: JobKind; readonly schedule: string | null },
): NewJob {
  return {
    task: config.task,
    text,
    cwd: o.cwd,
    key: createJob(config).id,
    servers: serversOf(config),
    connections,
    kind: o.kind,
    schedule: o.schedule,
  };
}
