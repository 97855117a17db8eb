import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.js';
import { prepareTask, toNewJob } from '../../tasks/prepare.js';
import { answers, NAME, type Schema } from '../schemas.js';
import { jobWithText } from '../views.js';
import { CONNECTION_PARAMS, type ConnectionParams, requireConnection } from './connections.js';

const TAGS = ['snapshots'];
const SNAPSHOT_NAME: Schema = { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_$.-]{0,254}$' };
/** Names that Milvus takes. */
const MILVUS_NAME: Schema = { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_$]{0,254}$' };
const PARAMS: Schema = {
  type: 'object',
  properties: { name: NAME, snapshot: SNAPSHOT_NAME },
  required: ['name', 'snapshot'],
};
type Params = { readonly Params: { readonly name: string; readonly snapshot: string } };

const SCOPE: Schema = {
  type: 'object',
  properties: { collection: MILVUS_NAME, db: MILVUS_NAME },
  additionalProperties: false,
};
interface Scope {
  readonly collection?: string;
  readonly db?: string;
}

interface CreateBody extends Scope {
  readonly name: string;
  readonly description?: string;
  readonly flush?: boolean;
  readonly compaction_protection?: number;
}

interface RestoreBody extends Scope {
  readonly to: string;
  readonly to_db?: string;
  readonly verify?: string;
}

/** Somebody waits for the answer. */
const RETRY_SECONDS = 5;

type Keys = Readonly<Record<string, unknown>>;

const ANYTHING: Schema = { type: 'object', additionalProperties: true };
const JOB: Schema = { description: 'The job, which waits.', $ref: 'JobWithText#' };

/** The task of a request without the keys that it does not say. */
function prepare(context: ServerContext, connection: string, keys: Keys): ReturnType<typeof prepareTask> {
  requireConnection(context, connection);
  const given = Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
  return prepareTask({ task: { SNAPSHOT: given }, connection }, context.around);
}

function look(context: ServerContext, connection: string, keys: Keys): Promise<unknown> {
  const { text } = prepare(context, connection, { retry_for: RETRY_SECONDS, ...keys });
  return context.helper.call('snapshot', { text, cwd: context.around.cwd });
}

function submit(context: ServerContext, connection: string, keys: Keys): object {
  const task = prepare(context, connection, keys);
  const job = toNewJob(task, { cwd: context.around.cwd, kind: 'manual', schedule: null });
  return jobWithText(context.queue.submit(job), undefined);
}

const scopeKeys = ({ collection, db }: Scope): Keys => ({ source_collection: collection, source_db: db });

function addReading(app: FastifyInstance, context: ServerContext): void {
  app.get<ConnectionParams & { Querystring: Scope }>('/connections/:name/snapshots', {
    schema: {
      tags: TAGS,
      summary: 'List the snapshots of a connection',
      description: 'Of Milvus 3.0, or those that milvusdm keeps in the store of an older one.',
      params: CONNECTION_PARAMS,
      querystring: SCOPE,
      response: answers({ 200: { description: 'As `milvusdm snapshot list`.', ...ANYTHING } }),
    },
    handler: async ({ params, query }) => look(context, params.name, { action: 'list', ...scopeKeys(query) }),
  });
  app.get<ConnectionParams & { Querystring: Scope }>('/connections/:name/snapshot-restores', {
    schema: {
      tags: TAGS,
      summary: 'Restores of snapshots, as the server of the connection knows them',
      params: CONNECTION_PARAMS,
      querystring: SCOPE,
      response: answers({ 200: { description: 'As `milvusdm snapshot jobs`.', ...ANYTHING } }),
    },
    handler: async ({ params, query }) => look(context, params.name, { action: 'jobs', ...scopeKeys(query) }),
  });
  app.get<Params & { Querystring: Scope }>('/connections/:name/snapshots/:snapshot', {
    schema: {
      tags: TAGS,
      summary: 'One snapshot',
      params: PARAMS,
      querystring: SCOPE,
      response: answers({ 200: { description: 'As `milvusdm snapshot describe`.', ...ANYTHING } }),
    },
    handler: async ({ params: { name, snapshot }, query }) =>
      look(context, name, { action: 'describe', snapshot_name: snapshot, ...scopeKeys(query) }),
  });
  app.delete<Params & { Querystring: Scope }>('/connections/:name/snapshots/:snapshot', {
    schema: {
      tags: TAGS,
      summary: 'Drop a snapshot',
      params: PARAMS,
      querystring: SCOPE,
      response: answers({ 200: { description: 'What was dropped.', ...ANYTHING } }),
    },
    handler: async ({ params: { name, snapshot }, query }) =>
      look(context, name, { action: 'drop', snapshot_name: snapshot, ...scopeKeys(query) }),
  });
}

function addJobs(app: FastifyInstance, context: ServerContext): void {
  app.post<ConnectionParams & { Body: CreateBody }>('/connections/:name/snapshots', {
    schema: {
      tags: TAGS,
      summary: 'Make a snapshot of a collection',
      params: CONNECTION_PARAMS,
      body: {
        type: 'object',
        properties: {
          collection: MILVUS_NAME,
          db: MILVUS_NAME,
          name: SNAPSHOT_NAME,
          description: { type: 'string', maxLength: 1000 },
          flush: { type: 'boolean', description: 'false leaves out what the server holds in memory.' },
          compaction_protection: { type: 'integer', minimum: 0, maximum: 604_800, description: 'Seconds.' },
        },
        required: ['collection', 'name'],
        additionalProperties: false,
      },
      response: answers({ 202: JOB }),
    },
    handler: async ({ params, body }, reply) => {
      const { name: snapshot_name, description, flush, compaction_protection } = body;
      const keys = { snapshot_name, description, flush, compaction_protection, ...scopeKeys(body) };
      return reply.code(202).send(submit(context, params.name, { action: 'create', ...keys }));
    },
  });
  app.post<Params & { Body: RestoreBody }>('/connections/:name/snapshots/:snapshot/restore', {
    schema: {
      tags: TAGS,
      summary: 'Restore a snapshot as a new collection',
      params: PARAMS,
      body: {
        type: 'object',
        properties: {
          collection: { ...MILVUS_NAME, description: 'Of the snapshot; needed where several have one of its name.' },
          db: MILVUS_NAME,
          to: { ...MILVUS_NAME, description: 'The new collection.' },
          to_db: MILVUS_NAME,
          verify: { type: 'string', enum: ['none', 'count', 'sample', 'full'] },
        },
        required: ['to'],
        additionalProperties: false,
      },
      response: answers({ 202: JOB }),
    },
    handler: async ({ params: { name, snapshot }, body }, reply) => {
      const { to: dest_collection_name, to_db: dest_db, verify } = body;
      const keys = { snapshot_name: snapshot, dest_collection_name, dest_db, verify, ...scopeKeys(body) };
      return reply.code(202).send(submit(context, name, { action: 'restore', ...keys }));
    },
  });
}

/** Snapshots of a connection: list, look into, make, restore, drop. */
export function addSnapshotRoutes(app: FastifyInstance, context: ServerContext): void {
  addReading(app, context);
  addJobs(app, context);
}
