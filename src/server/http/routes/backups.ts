import type { FastifyInstance } from 'fastify';
import { validateJob } from '../../../config/load.js';
import type { BackupContents } from '../../../job/backup/manage/contents.js';
import type { BackupEntry } from '../../../job/backup/manage/entries.js';
import { fail } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import type { JobKind, StoredJob } from '../../state/types.js';
import type { ConnectionBody } from '../../tasks/connection.js';
import { backupText } from '../../tasks/connection-task.js';
import { prepareTask, toNewJob } from '../../tasks/prepare.js';
import { storeDigest } from '../../tasks/store-digest.js';
import { answers, NAME } from '../schemas.js';
import { jobWithText } from '../views.js';
import { CONNECTION_PARAMS, type ConnectionParams, requireConnection } from './connections.js';

const TAGS = ['backups'];
const BACKUP_NAME = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[^/\\\\\\u0000-\\u001f]+$' } as const;
const PARAMS = { type: 'object', properties: { name: NAME, backup: BACKUP_NAME }, required: ['name', 'backup'] };
type Params = { readonly Params: { readonly name: string; readonly backup: string } };

/** The keys of a BACKUP or RESTORE that a request may add; where things are is said by the connection. */
const OPTIONS = {
  type: 'object',
  additionalProperties: true,
  description: 'Further keys of the task, such as source_collection, mode, rename or verify.',
} as const;
const PLACES = /^(?:source|dest)_(?:uri|host|port|token|user|password|tls|storage)$|^backup_store$/;

type Options = Readonly<Record<string, unknown>>;

function requireNoPlaces(options: Options, also: readonly string[] = []): void {
  const given = Object.keys(options).filter((key) => PLACES.test(key) || also.includes(key));
  if (given.length === 0) return;
  throw fail('SRV_REQUEST', `${given.join(', ')} cannot be options: the connection and the address say it`);
}

function bodyWithStore(context: ServerContext, name: string): ConnectionBody {
  const { body } = requireConnection(context, name);
  if (body.backup_store !== undefined) return body;
  throw fail('SRV_CONFLICT', `connection ${name} has no backup_store`, { hint: 'Add one: the keys of backup_store.' });
}

/** What a question about the backups of a connection needs. */
function inputOf(context: ServerContext, name: string): { readonly text: string; readonly cwd: string } {
  return { text: backupText(bodyWithStore(context, name)), cwd: context.around.cwd };
}

function digestOf({ text, cwd }: { readonly text: string; readonly cwd: string }): string {
  return storeDigest(validateJob(text, { path: 'connection', cwd })) ?? '';
}

interface Listed {
  readonly store: string;
  readonly backups: readonly BackupEntry[];
}

/** A backup of a store, and what this server knows of it: null where it has not made it. */
export type ListedBackup = BackupEntry & {
  readonly job: string | null;
  readonly kind: JobKind | null;
  readonly schedule: string | null;
};

/** All backups in the store of a connection, by name. Throws SRV_NOT_FOUND, SRV_CONFLICT without a store, STORE_*. */
export async function listBackups(
  context: ServerContext,
  name: string,
): Promise<{ readonly store: string; readonly backups: readonly ListedBackup[] }> {
  const input = inputOf(context, name);
  const listed = (await context.helper.call('backups.list', input)) as Listed;
  const known = new Map(context.backups.ofStore(digestOf(input)).map((one) => [one.name, one]));
  const backups = listed.backups.map((entry) => {
    const { job = null, kind = null, schedule = null } = known.get(entry.name) ?? {};
    return { ...entry, job, kind, schedule };
  });
  return { store: listed.store, backups };
}

/** What a backup of a connection holds. Throws SRC_NOT_FOUND, and as {@link listBackups}. */
export async function readBackup(context: ServerContext, name: string, backup: string): Promise<BackupContents> {
  return (await context.helper.call('backups.get', { ...inputOf(context, name), backup })) as BackupContents;
}

/** Removes a backup for good. Throws SRV_CONFLICT while a job needs it, and as {@link readBackup}. */
export async function removeBackup(context: ServerContext, name: string, backup: string): Promise<unknown> {
  const input = inputOf(context, name);
  const user = usedBy(context, digestOf(input), backup);
  if (user) throw fail('SRV_CONFLICT', `job ${user} needs backup ${backup}`);
  const removed = await context.helper.call('backups.delete', { ...input, backup });
  context.backups.remove(digestOf(input), backup);
  return removed;
}

function addReading(app: FastifyInstance, context: ServerContext): void {
  app.get<ConnectionParams>('/connections/:name/backups', {
    schema: {
      tags: TAGS,
      summary: 'List the backups of a connection',
      description:
        'All that lie in its backup_store, whoever made them; job, kind and schedule of those that this server has made.',
      params: CONNECTION_PARAMS,
      response: answers({ 200: { description: 'By name.', type: 'object', additionalProperties: true } }),
    },
    handler: async ({ params }) => listBackups(context, params.name),
  });
  app.get<Params>('/connections/:name/backups/:backup', {
    schema: {
      tags: TAGS,
      summary: 'What a backup holds',
      params: PARAMS,
      response: answers({
        200: { description: 'As `milvusdm backup get`.', type: 'object', additionalProperties: true },
      }),
    },
    handler: async ({ params }) => readBackup(context, params.name, params.backup),
  });
}

function addRemoving(app: FastifyInstance, context: ServerContext): void {
  app.delete<Params>('/connections/:name/backups/:backup', {
    schema: {
      tags: TAGS,
      summary: 'Remove a backup',
      description: 'From its store, for good. Refused while a job that needs it waits or runs.',
      params: PARAMS,
      response: answers({ 200: { description: 'What was removed.', type: 'object', additionalProperties: true } }),
    },
    handler: async ({ params }) => removeBackup(context, params.name, params.backup),
  });
}

/** Whether a job reads or writes a backup; not where its references have nothing behind them any more: it will fail. */
function works(job: StoredJob | undefined, store: string, backup: string): boolean {
  if (!job) return false;
  try {
    const config = validateJob(job.text, { path: 'task', cwd: job.cwd });
    if (storeDigest(config) !== store) return false;
    return ('name' in config && config.name === backup) || ('base' in config && config.base === backup);
  } catch {
    return false;
  }
}

/** The job that waits or runs and works with a backup. */
function usedBy({ jobs }: ServerContext, store: string, backup: string): string | undefined {
  const active = jobs.inState('queued', 'running').filter(({ task }) => task === 'RESTORE' || task === 'BACKUP');
  return active.find(({ id }) => works(jobs.get(id), store, backup))?.id;
}

function addJobs(app: FastifyInstance, context: ServerContext): void {
  const { queue, around } = context;
  const submit = (task: Readonly<Record<string, unknown>>, connection: string): object => {
    const prepared = prepareTask({ task, connection }, around);
    return jobWithText(
      queue.submit(toNewJob(prepared, { cwd: around.cwd, kind: 'manual', schedule: null })),
      undefined,
    );
  };
  app.post<ConnectionParams & { Body: { readonly options?: Options } }>('/connections/:name/backups', {
    schema: {
      tags: TAGS,
      summary: 'Make a backup of a connection',
      params: CONNECTION_PARAMS,
      body: { type: 'object', properties: { options: OPTIONS }, additionalProperties: false },
      response: answers({ 202: { description: 'The job, which waits.', $ref: 'JobWithText#' } }),
    },
    handler: async ({ params, body }, reply) => {
      bodyWithStore(context, params.name);
      requireNoPlaces(body.options ?? {});
      return reply.code(202).send(submit({ BACKUP: body.options ?? {} }, params.name));
    },
  });
  app.post<Params & { Body: { readonly connection?: string; readonly options?: Options } }>(
    '/connections/:name/backups/:backup/restore',
    {
      schema: {
        tags: TAGS,
        summary: 'Restore a backup',
        description: 'Makes a RESTORE into this connection, or into another.',
        params: PARAMS,
        body: {
          type: 'object',
          properties: { connection: { ...NAME, description: 'Where to; this one.' }, options: OPTIONS },
          additionalProperties: false,
        },
        response: answers({ 202: { description: 'The job, which waits.', $ref: 'JobWithText#' } }),
      },
      handler: async ({ params: { name, backup }, body }, reply) => {
        const { options = {}, connection = name } = body;
        requireNoPlaces(options, ['backup_name']);
        const { backup_store } = bodyWithStore(context, name);
        return reply.code(202).send(submit({ RESTORE: { backup_store, backup_name: backup, ...options } }, connection));
      },
    },
  );
}

/** Backups of a connection: list, look into, make, restore, remove. */
export function addBackupRoutes(app: FastifyInstance, context: ServerContext): void {
  addReading(app, context);
  addJobs(app, context);
  addRemoving(app, context);
}
