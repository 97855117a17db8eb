import type { FastifyInstance } from 'fastify';
import { fail } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import type { Clock } from '../../schedule/clock.js';
import { scheduledTask, startScheduled } from '../../schedule/fire.js';
import { nextTime } from '../../schedule/times.js';
import type { ScheduleBody, StoredSchedule } from '../../state/schedules.js';
import { answers, ID, TASK_REQUEST } from '../schemas.js';
import { jobWithText } from '../views.js';

const TAGS = ['schedules'];
const PARAMS = { type: 'object', properties: { id: ID }, required: ['id'] } as const;
type Params = { readonly Params: { readonly id: string } };

const BODY = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f]+$' },
    cron: { type: 'string', minLength: 1, maxLength: 200, description: 'Five or six fields, or such as @daily.' },
    time_zone: { type: 'string', minLength: 1, maxLength: 64, default: 'UTC', description: 'IANA name.' },
    ...TASK_REQUEST,
    retention: {
      type: 'object',
      description: 'Which of the backups of this schedule go after each new one; those of others stay.',
      properties: {
        keep_last: { type: 'integer', minimum: 1, maximum: 100_000 },
        older_than: { type: 'string', pattern: '^[0-9]{1,5}[hdw]$' },
      },
      additionalProperties: false,
      minProperties: 1,
    },
    enabled: { type: 'boolean', default: true },
    missed: {
      type: 'string',
      enum: ['run', 'skip'],
      default: 'skip',
      description: 'Whether a time at which the server did not run is made up for, once.',
    },
  },
  required: ['name', 'cron'],
  additionalProperties: false,
} as const;

const SCHEDULE = { type: 'object', additionalProperties: true } as const;

function view({ settled: _, ...schedule }: StoredSchedule): object {
  const next = schedule.enabled ? nextTime(schedule, new Date()) : undefined;
  return { ...schedule, next: next?.toISOString() ?? null };
}

function requireSchedule({ schedules }: ServerContext, id: string): StoredSchedule {
  const found = schedules.get(id);
  if (!found) throw fail('SRV_NOT_FOUND', `there is no schedule ${id}`);
  return found;
}

/** Throws what is wrong with a schedule: its times, its task, or a name that another has. */
function check(body: ScheduleBody, { schedules, around }: ServerContext, own?: string): void {
  if (!nextTime(body, new Date())) {
    throw fail('SRV_REQUEST', `"${body.cron}" has no time in the future`);
  }
  scheduledTask(body, around);
  const same = schedules.named(body.name);
  if (same && same.id !== own) throw fail('SRV_CONFLICT', `schedule ${same.id} has the name ${body.name} already`);
}

function addReading(app: FastifyInstance, context: ServerContext): void {
  app.get('/schedules', {
    schema: {
      tags: TAGS,
      summary: 'List schedules',
      response: answers({
        200: {
          description: 'All of them, by name, each with its next time.',
          type: 'object',
          properties: { schedules: { type: 'array', items: SCHEDULE } },
        },
      }),
    },
    handler: async () => ({ schedules: context.schedules.list().map(view) }),
  });
  app.get<Params>('/schedules/:id', {
    schema: {
      tags: TAGS,
      summary: 'One schedule',
      params: PARAMS,
      response: answers({ 200: { description: 'The schedule.', ...SCHEDULE } }),
    },
    handler: async ({ params }) => view(requireSchedule(context, params.id)),
  });
}

function addChanging(app: FastifyInstance, context: ServerContext, clock: Pick<Clock, 'look'>): void {
  const { schedules } = context;
  app.post<{ Body: ScheduleBody }>('/schedules', {
    schema: {
      tags: TAGS,
      summary: 'Make a schedule',
      description:
        'Its task is checked offline now, and again each time. A time at which a job of the schedule still waits or runs is left out.',
      body: BODY,
      response: answers({ 201: { description: 'The schedule.', ...SCHEDULE } }),
    },
    handler: async ({ body }, reply) => {
      check(body, context);
      const made = schedules.add(body, new Date());
      clock.look();
      return reply.code(201).header('location', `/api/v1/schedules/${made.id}`).send(view(made));
    },
  });
  app.put<Params & { Body: ScheduleBody }>('/schedules/:id', {
    schema: {
      tags: TAGS,
      summary: 'Change a schedule as a whole',
      params: PARAMS,
      body: BODY,
      response: answers({ 200: { description: 'The schedule.', ...SCHEDULE } }),
    },
    handler: async ({ params, body }) => {
      requireSchedule(context, params.id);
      check(body, context, params.id);
      const changed = schedules.change(params.id, body, new Date());
      clock.look();
      return view(changed);
    },
  });
  app.delete<Params>('/schedules/:id', {
    schema: {
      tags: TAGS,
      summary: 'Forget a schedule',
      description: 'Its jobs and its backups stay.',
      params: PARAMS,
      response: answers({ 204: { description: 'It is gone.', type: 'null' } }),
    },
    handler: async ({ params }, reply) => {
      requireSchedule(context, params.id);
      schedules.remove(params.id);
      return reply.code(204).send();
    },
  });
}

/** Schedules: list, make, change, run now, forget. */
export function addScheduleRoutes(app: FastifyInstance, context: ServerContext, clock: Pick<Clock, 'look'>): void {
  addReading(app, context);
  addChanging(app, context, clock);
  app.post<Params>('/schedules/:id/run', {
    schema: {
      tags: TAGS,
      summary: 'Start the job of a schedule now',
      params: PARAMS,
      response: answers({ 202: { description: 'The job, which waits.', $ref: 'JobWithText#' } }),
    },
    handler: async ({ params }, reply) =>
      reply.code(202).send(jobWithText(startScheduled(requireSchedule(context, params.id), context), undefined)),
  });
}
