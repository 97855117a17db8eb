import type { FastifyInstance } from 'fastify';
import { TASKS } from '../../../config/bundle.js';
import type { TaskName } from '../../../config/types.js';
import { fail } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import { JOB_STATES, type JobState, type StoredJob } from '../../state/types.js';
import { prepareTask, type TaskRequest, toNewJob } from '../../tasks/prepare.js';
import { answers, ID, type Schema, TASK_REQUEST } from '../schemas.js';
import { jobView, jobWithText } from '../views.js';

const TAGS = ['jobs'];
/** A path with the id of a job in it. */
export const JOB_PARAMS: Schema = { type: 'object', properties: { id: ID }, required: ['id'] };
export type JobParams = { readonly Params: { readonly id: string } };

/** The job of a request; SRV_NOT_FOUND. */
export function requireJob({ jobs }: ServerContext, id: string): StoredJob {
  const job = jobs.get(id);
  if (!job) throw fail('SRV_NOT_FOUND', `there is no job ${id}`);
  return job;
}

interface ListQuery {
  readonly state?: JobState;
  readonly task?: TaskName;
  readonly schedule?: string;
  readonly limit: number;
  readonly cursor?: string;
}

const LIST_QUERY = {
  type: 'object',
  properties: {
    state: { type: 'string', enum: JOB_STATES },
    task: { type: 'string', enum: TASKS },
    schedule: ID,
    limit: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
    cursor: { type: 'string', pattern: '^[0-9]{1,15}$', description: '`next` of the page before.' },
  },
  additionalProperties: false,
} as const;

function addLists(app: FastifyInstance, context: ServerContext): void {
  const { jobs, queue } = context;
  app.get<{ Querystring: ListQuery }>('/jobs', {
    schema: {
      tags: TAGS,
      summary: 'List jobs, latest first',
      querystring: LIST_QUERY,
      response: answers({ 200: { description: 'A page of jobs.', $ref: 'JobList#' } }),
    },
    handler: async ({ query }) => {
      const { limit, cursor, ...rest } = query;
      const before = cursor === undefined ? {} : { before: Number(cursor) };
      const found = jobs.list({ ...rest, ...before, limit: limit + 1 });
      const page = found.slice(0, limit);
      const next = found.length > limit ? String(page.at(-1)!.seq) : null;
      return { jobs: page.map((job) => jobView(job, queue.live(job.id))), next };
    },
  });
  app.get<JobParams>('/jobs/:id', {
    schema: {
      tags: TAGS,
      summary: 'One job, with progress per target',
      params: JOB_PARAMS,
      response: answers({ 200: { description: 'The job.', $ref: 'JobWithText#' } }),
    },
    handler: async ({ params }) => jobWithText(requireJob(context, params.id), queue.live(params.id)),
  });
}

type SubmitBody = TaskRequest & { readonly dry_run?: boolean };

function addSubmit(app: FastifyInstance, context: ServerContext): void {
  const { queue, around, helper } = context;
  app.post<{ Body: SubmitBody }>('/jobs', {
    schema: {
      tags: TAGS,
      summary: 'Submit a task',
      description: 'Checks the task offline and puts it into the queue. With dry_run it is planned, and not queued.',
      body: {
        type: 'object',
        properties: { ...TASK_REQUEST, dry_run: { type: 'boolean', default: false } },
        additionalProperties: false,
      },
      response: answers({
        200: { description: 'The plan, with dry_run.', type: 'object', additionalProperties: true },
        202: { description: 'The job, which waits.', $ref: 'JobWithText#' },
      }),
    },
    handler: async ({ body }, reply) => {
      const task = prepareTask(body, around);
      if (body.dry_run) return await helper.call('plan', { text: task.text, cwd: around.cwd });
      const job = queue.submit(toNewJob(task, { cwd: around.cwd, kind: 'manual', schedule: null }));
      return reply.code(202).header('location', `/api/v1/jobs/${job.id}`).send(jobWithText(job, undefined));
    },
  });
}

function addActions(app: FastifyInstance, context: ServerContext): void {
  const { queue } = context;
  const schema = (summary: string, description: string): object => ({
    tags: TAGS,
    summary,
    description,
    params: JOB_PARAMS,
    response: answers({ 202: { description: 'The job.', $ref: 'JobWithText#' } }),
  });
  app.post<JobParams>('/jobs/:id/cancel', {
    schema: schema('Cancel a job', 'A running one ends its batches in flight; asked again, it gives them up.'),
    handler: async ({ params }, reply) =>
      reply.code(202).send(jobWithText(queue.cancel(params.id), queue.live(params.id))),
  });
  app.post<JobParams>('/jobs/:id/resume', {
    schema: schema(
      'Resume a job',
      'Puts a job that was interrupted or cancelled, or has failed in whole or in part, into the queue again; what has arrived is not written twice.',
    ),
    handler: async ({ params }, reply) =>
      reply.code(202).send(jobWithText(queue.resume(params.id), queue.live(params.id))),
  });
}

/** Jobs: submit, list, look at, cancel, resume. */
export function addJobRoutes(app: FastifyInstance, context: ServerContext): void {
  addSubmit(app, context);
  addLists(app, context);
  addActions(app, context);
}
