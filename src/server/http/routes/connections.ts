import type { FastifyInstance } from 'fastify';
import { validateJob } from '../../../config/load.js';
import { fail, toMilvusdmError } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import type { StoredConnection } from '../../state/connections.js';
import type { ConnectionBody } from '../../tasks/connection.js';
import { backupText, checkConnection } from '../../tasks/connection-task.js';
import { storeDigest } from '../../tasks/store-digest.js';
import { answers, NAME, type Schema } from '../schemas.js';

const TAGS = ['connections'];
/** A path with the name of a connection in it. */
export const CONNECTION_PARAMS: Schema = { type: 'object', properties: { name: NAME }, required: ['name'] };
export type ConnectionParams = { readonly Params: { readonly name: string } };

/** The connection of a request; SRV_NOT_FOUND. */
export function requireConnection({ connections }: Pick<ServerContext, 'connections'>, name: string): StoredConnection {
  const found = connections.get(name);
  if (!found) throw fail('SRV_NOT_FOUND', `there is no connection ${name}`);
  return found;
}

const view = ({ name, body, created, changed }: StoredConnection): object => ({ name, ...body, created, changed });

function addList(app: FastifyInstance, context: ServerContext): void {
  app.get('/connections', {
    schema: {
      tags: TAGS,
      summary: 'List connections',
      response: answers({
        200: {
          description: 'All of them, by name.',
          type: 'object',
          properties: { connections: { type: 'array', items: { $ref: 'Connection#' } } },
        },
      }),
    },
    handler: async () => ({ connections: context.connections.list().map(view) }),
  });
  app.get<ConnectionParams>('/connections/:name', {
    schema: {
      tags: TAGS,
      summary: 'One connection',
      params: CONNECTION_PARAMS,
      response: answers({ 200: { description: 'The connection.', $ref: 'Connection#' } }),
    },
    handler: async ({ params }) => view(requireConnection(context, params.name)),
  });
}

function addChange(app: FastifyInstance, context: ServerContext): void {
  const { connections, around } = context;
  app.put<ConnectionParams & { Body: ConnectionBody }>('/connections/:name', {
    schema: {
      tags: TAGS,
      summary: 'Make or change a connection',
      description: 'Checked offline. Jobs that wait or run keep what they were made with.',
      params: CONNECTION_PARAMS,
      body: { $ref: 'ConnectionRequest#' },
      response: answers({
        200: { description: 'It was changed.', $ref: 'Connection#' },
        201: { description: 'It is new.', $ref: 'Connection#' },
      }),
    },
    handler: async ({ params, body }, reply) => {
      checkConnection(body, around);
      const isNew = connections.put(params.name, body, new Date());
      return reply.code(isNew ? 201 : 200).send(view(requireConnection(context, params.name)));
    },
  });
  app.delete<ConnectionParams>('/connections/:name', {
    schema: {
      tags: TAGS,
      summary: 'Forget a connection',
      description:
        'Refused while jobs or schedules use it. Its automatic backups are removed with it, all others stay.',
      params: CONNECTION_PARAMS,
      response: answers({ 204: { description: 'It is gone.', type: 'null' } }),
    },
    handler: async ({ params }, reply) => {
      await forgetConnection(context, params.name);
      return reply.code(204).send();
    },
  });
}

/** Throws SRV_CONFLICT while something needs the connection. */
function requireUnused({ jobs, schedules }: ServerContext, name: string): void {
  const job = jobs.inState('queued', 'running').find((one) => one.connections.includes(name));
  if (job) throw fail('SRV_CONFLICT', `job ${job.id}, which is ${job.state}, uses connection ${name}`);
  const schedule = schedules.list().find((one) => one.connections.includes(name));
  if (schedule) throw fail('SRV_CONFLICT', `schedule ${schedule.name} uses connection ${name}`);
}

/** Forgets a connection and removes its automatic backups. Throws SRV_NOT_FOUND, SRV_CONFLICT while it is used, STORE_*. */
export async function forgetConnection(context: ServerContext, name: string): Promise<void> {
  const { body } = requireConnection(context, name);
  requireUnused(context, name);
  const input = { text: backupText(body), cwd: context.around.cwd };
  const store = storeDigest(validateJob(input.text, { path: 'connection', cwd: input.cwd }));
  const own = context.backups.ofConnection(name).filter((one) => one.kind === 'automatic' && one.store === store);
  for (const backup of own) {
    // Gone already, by hand, is as good as removed.
    await context.helper.call('backups.delete', { ...input, backup: backup.name }).catch((thrown: unknown) => {
      if (toMilvusdmError(thrown).code !== 'SRC_NOT_FOUND') throw thrown;
    });
    context.backups.remove(backup.store, backup.name);
  }
  context.connections.remove(name);
}

/** Named Milvus: list, make, change, check, forget. */
export function addConnectionRoutes(app: FastifyInstance, context: ServerContext): void {
  addList(app, context);
  addChange(app, context);
  app.post<ConnectionParams>('/connections/:name/check', {
    schema: {
      tags: TAGS,
      summary: 'Examine the way to a Milvus, and the Milvus',
      description: 'As the part of `milvusdm doctor` about one server; changes nothing.',
      params: CONNECTION_PARAMS,
      response: answers({
        200: {
          description: 'What was found; a step that failed is the last one.',
          type: 'object',
          properties: {
            status: { type: 'string', enum: ['ok', 'warn', 'fail'] },
            checks: { type: 'array', items: { type: 'object', additionalProperties: true } },
          },
        },
      }),
    },
    handler: async ({ params }) => {
      const { body } = requireConnection(context, params.name);
      const input = { text: backupText(body), cwd: context.around.cwd };
      const checks = (await context.helper.call('check', input)) as { readonly status: string }[];
      const has = (status: string): boolean => checks.some((one) => one.status === status);
      return { status: has('fail') ? 'fail' : has('warn') ? 'warn' : 'ok', checks };
    },
  });
}
