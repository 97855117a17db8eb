import type { FastifyInstance } from 'fastify';
import { fail } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import { errorBody, requestError, statusOf } from '../../http/errors.js';
import { listBackups, readBackup, removeBackup } from '../../http/routes/backups.js';
import { forgetConnection, requireConnection } from '../../http/routes/connections.js';
import { backupNameOf, backupsUnderWay } from '../backups.js';
import { submitTask } from '../jobs.js';
import { backupAnswer, creatingAnswer, entryAnswer, jobAnswer } from './answers.js';
import {
  backupKeys,
  type CreateRequest,
  type RestoreClusterRequest,
  type RestoreCollectionRequest,
  restoreClusterKeys,
  restoreCollectionKeys,
} from './requests.js';
import {
  ANSWER,
  BACKUP_PARAMS,
  CLUSTER_PARAMS,
  CREATE_BODY,
  JOB_PARAMS,
  LIST_QUERY,
  RESTORE_CLUSTER_BODY,
  RESTORE_COLLECTION_BODY,
} from './schemas.js';

const TAGS = ['cloud'];

type Cluster = { readonly Params: { readonly clusterId: string } };
type Backup = { readonly Params: { readonly clusterId: string; readonly backupId: string } };

interface ListQuery {
  readonly clusterId?: string;
  readonly creationMethod?: string;
  readonly pageSize: number;
  readonly currentPage: number;
}

const ok = (data: unknown): { readonly code: 0; readonly data: unknown } => ({ code: 0, data });
const doc = (summary: string): { tags: string[]; summary: string; response: object } => ({
  tags: TAGS,
  summary,
  response: ANSWER,
});

interface Answered {
  readonly creationMethod: string;
}

/** What the store of one connection has, and what is being made. */
async function ofCluster(context: ServerContext, cluster: string): Promise<Answered[]> {
  const { backups } = await listBackups(context, cluster);
  const made = backups
    .filter(({ state }) => state === 'complete')
    .map((entry) => entryAnswer(cluster, entry, entry.kind ?? 'manual'));
  const making = backupsUnderWay(context, cluster).map((job) =>
    creatingAnswer(cluster, job, backupNameOf(context.jobs.get(job.id)!)),
  );
  return [...making, ...made] as Answered[];
}

async function page(context: ServerContext, query: ListQuery): Promise<object> {
  const { clusterId, creationMethod, pageSize, currentPage } = query;
  if (clusterId !== undefined) requireConnection(context, clusterId);
  const named = context.connections.list().filter(({ body }) => body.backup_store !== undefined);
  const clusters = clusterId === undefined ? named.map(({ name }) => name) : [clusterId];
  const all = (await Promise.all(clusters.map((cluster) => ofCluster(context, cluster)))).flat();
  const wanted = all.filter(
    (one) => creationMethod === undefined || one.creationMethod === creationMethod.toUpperCase(),
  );
  const from = (currentPage - 1) * pageSize;
  return { count: wanted.length, currentPage, pageSize, backups: wanted.slice(from, from + pageSize) };
}

function addBackups(app: FastifyInstance, context: ServerContext): void {
  app.post<Cluster & { Body: CreateRequest }>('/clusters/:clusterId/backups/create', {
    schema: { ...doc('Make a backup'), params: CLUSTER_PARAMS, body: CREATE_BODY },
    handler: async ({ params, body }) => {
      requireConnection(context, params.clusterId);
      const keys = backupKeys(body);
      const job = submitTask(context, { task: 'BACKUP', connection: params.clusterId, keys });
      return ok({ backupId: keys.backup_name, backupName: keys.backup_name, jobId: job.id });
    },
  });
  app.get<{ Querystring: ListQuery }>('/backups', {
    schema: { ...doc('List backups'), querystring: LIST_QUERY },
    handler: async ({ query }) => ok(await page(context, query)),
  });
  app.get<Cluster & { Querystring: ListQuery }>('/clusters/:clusterId/backups', {
    schema: { ...doc('List the backups of a connection'), params: CLUSTER_PARAMS, querystring: LIST_QUERY },
    handler: async ({ params, query }) => ok(await page(context, { ...query, clusterId: params.clusterId })),
  });
  app.get<Backup>('/clusters/:clusterId/backups/:backupId', {
    schema: { ...doc('What a backup holds'), params: BACKUP_PARAMS },
    handler: async ({ params: { clusterId, backupId } }) => {
      requireConnection(context, clusterId);
      const making = backupsUnderWay(context, clusterId).map(({ id }) => context.jobs.get(id)!);
      const job = making.find((one) => backupNameOf(one) === backupId);
      if (job) return ok(creatingAnswer(clusterId, job, backupId));
      const kind = context.backups.ofConnection(clusterId).find(({ name }) => name === backupId)?.kind ?? 'manual';
      return ok(backupAnswer(clusterId, await readBackup(context, clusterId, backupId), kind));
    },
  });
  app.delete<Backup>('/clusters/:clusterId/backups/:backupId', {
    schema: { ...doc('Delete a backup'), params: BACKUP_PARAMS },
    handler: async ({ params: { clusterId, backupId } }) => {
      await removeBackup(context, clusterId, backupId);
      return ok({ backupId, backupName: backupId });
    },
  });
}

/** A restore into a connection, from the store of the one that the backup is of. */
function restore(context: ServerContext, from: string, dest: string, keys: Readonly<Record<string, unknown>>): string {
  const { backup_store } = requireConnection(context, from).body;
  if (!backup_store) throw fail('SRV_CONFLICT', `connection ${from} has no backup_store`);
  requireConnection(context, dest);
  return submitTask(context, { task: 'RESTORE', connection: dest, keys: { backup_store, ...keys } }).id;
}

function addRestores(app: FastifyInstance, context: ServerContext): void {
  app.post<Backup & { Body: RestoreCollectionRequest }>('/clusters/:clusterId/backups/:backupId/restoreCollection', {
    schema: { ...doc('Restore collections of a backup'), params: BACKUP_PARAMS, body: RESTORE_COLLECTION_BODY },
    handler: async ({ params: { clusterId, backupId }, body }) => {
      const keys = restoreCollectionKeys(backupId, body);
      await readBackup(context, clusterId, backupId);
      return ok({ jobId: restore(context, clusterId, body.destClusterId ?? clusterId, keys) });
    },
  });
  app.post<Backup & { Body: RestoreClusterRequest }>('/clusters/:clusterId/backups/:backupId/restoreCluster', {
    schema: { ...doc('Restore a backup into a connection'), params: BACKUP_PARAMS, body: RESTORE_CLUSTER_BODY },
    handler: async ({ params: { clusterId, backupId }, body }) => {
      const { dest, keys } = restoreClusterKeys(backupId, body);
      requireConnection(context, dest);
      await readBackup(context, clusterId, backupId);
      return ok({ clusterId: dest, username: '', password: '', jobId: restore(context, clusterId, dest, keys) });
    },
  });
}

/** The cloud's routes for backups below /v2; a cluster is a named connection. */
export function addCloudRoutes(app: FastifyInstance, context: ServerContext): void {
  app.setErrorHandler((thrown: Error, request, reply) => {
    const error = requestError(thrown);
    if (error.code === 'INTERNAL') context.log(`${request.method} ${request.url}: ${String(thrown.stack)}`);
    const status = statusOf(error.code);
    const own = status === 401 ? errorBody(error) : {};
    if (status === 401) reply.header('www-authenticate', 'Bearer');
    return reply
      .code(status)
      .send({ code: status, message: `${error.message} (${error.code}) ${error.hint}`.trim(), ...own });
  });
  addBackups(app, context);
  addRestores(app, context);
  app.get<{ Params: { readonly jobId: string } }>('/jobs/:jobId', {
    schema: { ...doc('How far a job is'), params: JOB_PARAMS },
    handler: async ({ params }) => {
      const job = context.jobs.get(params.jobId);
      if (!job) throw fail('SRV_NOT_FOUND', `there is no job ${params.jobId}`);
      return ok(jobAnswer(job, context));
    },
  });
  app.delete<Cluster>('/clusters/:clusterId/drop', {
    schema: { ...doc('Forget a connection; its automatic backups go with it'), params: CLUSTER_PARAMS },
    handler: async ({ params: { clusterId } }) => {
      await forgetConnection(context, clusterId);
      return ok({ clusterId, prompt: 'The connection is forgotten; its Milvus and its manual backups stay.' });
    },
  });
}
