import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fail, MilvusdmError, toMilvusdmError } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import { requestError, sendError, statusOf } from '../../http/errors.js';
import { listBackups, readBackup, removeBackup } from '../../http/routes/backups.js';
import type { StoredJob } from '../../state/types.js';
import { backupText } from '../../tasks/connection-task.js';
import { backupNameOf } from '../backups.js';
import { onlyConnection } from '../connection.js';
import { reasonOf, submitTask, untilEnded } from '../jobs.js';
import { backupBrief, jobBrief, restoreTask } from './answers.js';
import { CODE, type Envelope, failed, requestIdOf } from './envelope.js';
import { backupKeys, type CreateRequest, type RestoreRequest, restoreKeys } from './requests.js';
import { ANSWER, CREATE_BODY, QUERY, RESTORE_BODY } from './schemas.js';

const TAGS = ['milvus-backup'];
/** Ids that clients have chosen, of as many jobs as milvus-backup's own memory would hold: that ends with it, too. */
const REMEMBERED = 10_000;

interface Query {
  readonly connection?: string;
  readonly backup_name?: string;
  readonly backup_id?: string;
  readonly id?: string;
}

type Work = (request: FastifyRequest, query: Query) => Promise<Omit<Envelope, 'requestId'>>;

const DONE = { code: CODE.success, msg: 'success' } as const;

/** The id of a job behind an id that a client has given it. */
function aliases(): { put(alias: string | undefined, id: string): void; get(alias: string): string } {
  const known = new Map<string, string>();
  return {
    put(alias, id) {
      if (!alias) return;
      known.set(alias, id);
      if (known.size > REMEMBERED) known.delete(known.keys().next().value!);
    },
    get: (alias) => known.get(alias) ?? alias,
  };
}

/** Aborted when the client goes away before it has its answer. */
function gone({ raw }: FastifyReply): AbortSignal {
  const aborter = new AbortController();
  raw.once('close', () => aborter.abort());
  return aborter.signal;
}

class Routes {
  readonly #context: ServerContext;
  readonly #ids = aliases();
  readonly #names = aliases();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  async create(request: FastifyRequest, query: Query, reply: FastifyReply): Promise<Omit<Envelope, 'requestId'>> {
    const context = this.#context;
    const body = request.body as CreateRequest;
    const connection = onlyConnection(context, query.connection);
    const keys = backupKeys(body);
    const job = submitTask(context, { task: 'BACKUP', connection: connection.name, keys });
    this.#ids.put(requestIdOf(request), job.id);
    this.#names.put(keys.backup_name, job.id);
    if (body.async) {
      return {
        code: CODE.success,
        msg: 'create backup is executing asynchronously',
        data: jobBrief(job, keys.backup_name, context),
      };
    }
    const ended = await untilEnded(job.id, context, gone(reply));
    if (reasonOf(ended))
      return { code: CODE.fail, msg: reasonOf(ended), data: jobBrief(ended, keys.backup_name, context) };
    return { ...DONE, data: backupBrief(await readBackup(context, connection.name, keys.backup_name), ended, context) };
  }

  async list({ connection }: Query): Promise<Omit<Envelope, 'requestId'>> {
    const { backups } = await listBackups(this.#context, onlyConnection(this.#context, connection).name);
    const data = backups
      .filter(({ state }) => state === 'complete')
      .map(({ name, bytes, milvus_version }) => ({ id: name, name, size: bytes ?? 0, milvus_version }));
    return { ...DONE, data };
  }

  async get(query: Query): Promise<Omit<Envelope, 'requestId'>> {
    const context = this.#context;
    const { backup_name: name, backup_id: id } = query;
    if (!name && !id) throw fail('SRV_REQUEST', 'empty backup name and backup id, please set a backup name or id');
    const job = this.#jobOf(id, name);
    const made = job ? backupNameOf(job) : (name ?? id!);
    if (job && job.state !== 'done') return { ...DONE, data: jobBrief(job, made, context) };
    const connection = onlyConnection(context, query.connection ?? job?.connections[0]);
    return { ...DONE, data: backupBrief(await readBackup(context, connection.name, made), job, context) };
  }

  /** The job that makes a backup, or was to make it: by the id of the request or its own, else by the name. */
  #jobOf(id: string | undefined, name: string | undefined): StoredJob | undefined {
    const { jobs } = this.#context;
    const byId = id ? jobs.get(this.#ids.get(id)) : undefined;
    if (byId?.task === 'BACKUP' || !name) return byId?.task === 'BACKUP' ? byId : undefined;
    const recent = jobs.get(this.#names.get(name));
    if (recent) return recent;
    const active = jobs.inState('queued', 'running').filter(({ task }) => task === 'BACKUP');
    return active.map((one) => jobs.get(one.id)!).find((one) => backupNameOf(one) === name);
  }

  async delete({ connection, backup_name: name }: Query): Promise<Omit<Envelope, 'requestId'>> {
    if (!name) throw fail('SRV_REQUEST', 'backup name is required');
    await removeBackup(this.#context, onlyConnection(this.#context, connection).name, name);
    return DONE;
  }

  async restore(request: FastifyRequest, query: Query, reply: FastifyReply): Promise<Omit<Envelope, 'requestId'>> {
    const context = this.#context;
    const body = request.body as RestoreRequest;
    const connection = onlyConnection(context, query.connection);
    const keys = restoreKeys(body);
    await readBackup(context, connection.name, body.backup_name!);
    const job = submitTask(context, { task: 'RESTORE', connection: connection.name, keys });
    this.#ids.put(body.id, job.id);
    const id = body.id || job.id;
    if (body.async) {
      return {
        code: CODE.success,
        msg: 'restore backup is executing asynchronously',
        data: restoreTask(job, id, context),
      };
    }
    const ended = await untilEnded(job.id, context, gone(reply));
    const data = restoreTask(ended, id, context);
    return reasonOf(ended) ? { code: CODE.fail, msg: reasonOf(ended), data } : { ...DONE, data };
  }

  async getRestore({ id = '' }: Query): Promise<Omit<Envelope, 'requestId'>> {
    const job = this.#context.jobs.get(this.#ids.get(id));
    if (job?.task !== 'RESTORE') throw fail('SRV_NOT_FOUND', `there is no restore ${id}`);
    return { ...DONE, data: restoreTask(job, id, this.#context) };
  }

  async check({ connection }: Query): Promise<string> {
    const { body, name } = onlyConnection(this.#context, connection);
    const found = await this.#context.helper.call('check', { text: backupText(body), cwd: this.#context.around.cwd });
    const checks = found as { readonly name: string; readonly status: string; readonly detail: string }[];
    const lines = checks.map((one) => `${one.status}: ${one.name}: ${one.detail}`);
    const bad = checks.find(({ status }) => status === 'fail');
    if (bad) throw fail('DST_REFUSED', `${bad.name}: ${bad.detail}`);
    return [`connection: ${name} ${body.uri}`, ...lines, 'Succeed to connect to milvus.', ''].join('\n');
  }
}

/** The routes of `milvus-backup server` below /api/v1, over the queue and the jobs of this server. */
export function addMilvusBackupRoutes(app: FastifyInstance, context: ServerContext): void {
  const routes = new Routes(context);
  app.setErrorHandler((thrown: Error, request, reply) => {
    const error = requestError(thrown);
    if (error.code === 'INTERNAL') context.log(`${request.method} ${request.url}: ${String(thrown.stack)}`);
    // Who is not let in is told so as everywhere on this server.
    if (error.code === 'SRV_AUTH' || error.code === 'SRV_FORBIDDEN') return sendError(reply, error);
    if (thrown instanceof MilvusdmError || error.code === 'INTERNAL')
      return reply.code(200).send(failed(requestIdOf(request), error));
    // A body that cannot be read is the one mistake that has a status of its own there.
    return reply.code(400).send({ error: `Invalid request body: ${error.message}` });
  });
  const answer = (work: Work) => async (request: FastifyRequest) => {
    const result = await work(request, request.query as Query);
    return { requestId: requestIdOf(request), ...result };
  };
  const doc = (summary: string) => ({ tags: TAGS, summary, querystring: QUERY, response: ANSWER });
  app.get('/hello', { schema: { tags: TAGS, summary: 'As milvus-backup says it' } }, async (_, reply) =>
    reply.type('text/plain; charset=utf-8').send('Hello, This is backup service'),
  );
  app.post('/create', {
    schema: { ...doc('Make a backup'), body: CREATE_BODY },
    handler: async (request, reply) => answer((req, query) => routes.create(req, query, reply))(request),
  });
  app.get('/list', { schema: doc('List backups'), handler: answer((_, query) => routes.list(query)) });
  app.get('/get_backup', {
    schema: doc('One backup, or how far it is'),
    handler: answer((_, query) => routes.get(query)),
  });
  app.delete('/delete', { schema: doc('Delete a backup'), handler: answer((_, query) => routes.delete(query)) });
  app.post('/restore', {
    schema: { ...doc('Restore a backup'), body: RESTORE_BODY },
    handler: async (request, reply) => answer((req, query) => routes.restore(req, query, reply))(request),
  });
  app.get('/get_restore', {
    schema: doc('How far a restore is'),
    handler: answer((_, query) => routes.getRestore(query)),
  });
  app.post('/restore_secondary', {
    schema: { ...doc('Not available'), body: { type: 'object', additionalProperties: true } },
    handler: answer(async () => {
      throw fail('SRV_UNSUPPORTED', 'a secondary cluster cannot be restored by this server');
    }),
  });
  app.get(
    '/check',
    { schema: { tags: TAGS, summary: 'Whether Milvus answers', querystring: QUERY } },
    async (request, reply) => {
      try {
        const text = await routes.check(request.query as Query);
        return await reply.type('text/plain; charset=utf-8').send(text);
      } catch (thrown) {
        const error = toMilvusdmError(thrown);
        return await reply.code(statusOf(error.code)).send({ error: error.message });
      }
    },
  );
}
