import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { fail } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import type { LiveEvent } from '../../queue/live.js';
import type { JobState } from '../../state/types.js';
import { answers } from '../schemas.js';
import { jobView } from '../views.js';
import { JOB_PARAMS, type JobParams, requireJob } from './jobs.js';

const HEARTBEAT_MS = 15_000;
/** A client that does not read: progress is left out first, then it is sent away. */
const SLOW_BYTES = 64 * 1024;
const LOST_BYTES = 1024 * 1024;
const CLIENTS = 256;

/** The clients that watch jobs. */
export interface Watchers {
  readonly count: number;
  /** Ends all streams. */
  close(): void;
}

interface Stream {
  send(event: string, data: unknown, id?: string): void;
  readonly slow: boolean;
  /** Shows that the stream is alive. */
  beat(): void;
  end(): void;
}

function streamOf(out: ServerResponse): Stream {
  return {
    get slow() {
      return out.writableLength > SLOW_BYTES;
    },
    send(event, data, id) {
      // Behind its end, a client that does not read may be there for long.
      if (out.destroyed || out.writableEnded) return;
      if (out.writableLength > LOST_BYTES) out.destroy();
      else out.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    beat() {
      if (!out.destroyed && !out.writableEnded) out.write(': still here\n\n');
    },
    end: () => void out.end(),
  };
}

const isOver = (state: JobState): boolean => state !== 'queued' && state !== 'running';

/** Sends what a job does until it has ended. Gives a function that stops the sending. */
function follow(context: ServerContext, id: string, after: string | undefined, stream: Stream): () => void {
  const { jobs, queue } = context;
  let off = (): void => {};
  let watched = queue.live(id);
  const snapshot = (): void => {
    const job = jobs.get(id);
    if (job) stream.send('job', jobView(job, queue.live(id)));
    if (!job || isOver(job.state)) {
      stream.send('end', { state: job?.state ?? 'cancelled' });
      stream.end();
    }
  };
  const pass = ({ id: place, event, data }: LiveEvent): void => {
    if (event === 'progress' && stream.slow) return;
    stream.send(event, data, place);
    if (event === 'state') snapshot();
  };
  const listen = (): void => {
    off();
    watched = queue.live(id);
    off = watched?.on(pass) ?? ((): void => {});
  };
  listen();
  const missed = after === undefined ? undefined : watched?.since(after);
  if (missed) for (const event of missed) pass(event);
  else snapshot();
  // A job that waits has no events yet; each of its attempts has a stream of its own.
  const poll = setInterval(() => {
    if (queue.live(id) === watched) return;
    listen();
    snapshot();
  }, 250);
  return () => {
    clearInterval(poll);
    off();
  };
}

function open(reply: FastifyReply): ServerResponse {
  reply.hijack();
  const out = reply.raw;
  out.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-accel-buffering': 'no',
  });
  out.write('retry: 2000\n\n');
  return out;
}

/** The events of a job, as server-sent events. */
export function addEventRoute(app: FastifyInstance, context: ServerContext): Watchers {
  const clients = new Set<() => void>();
  app.get<JobParams>('/jobs/:id/events', {
    schema: {
      tags: ['jobs'],
      summary: 'What a job does, as it happens',
      description:
        'Server-sent events: `job` (the job, first and whenever its state changes), `state`, `progress`, `warning`, `log`, and `end`, behind which the stream is closed. With Last-Event-ID it goes on behind that event. A comment is sent every 15 seconds. The token goes into the header, so that EventSource needs a substitute with headers (fetch).',
      params: JOB_PARAMS,
      headers: {
        type: 'object',
        properties: {
          'last-event-id': { type: 'string', maxLength: 100, description: 'Of the last event that was seen.' },
        },
      },
      response: answers({
        200: { description: 'The stream.', content: { 'text/event-stream': { schema: { type: 'string' } } } },
      }),
    },
    handler: async (request, reply) => {
      const { id } = requireJob(context, request.params.id);
      if (clients.size >= CLIENTS) throw fail('SRV_BUSY', `${clients.size} clients watch jobs, allowed: ${CLIENTS}`);
      const out = open(reply);
      const stream = streamOf(out);
      const after = request.headers['last-event-id'];
      const stop = follow(context, id, typeof after === 'string' ? after : undefined, stream);
      const heartbeat = setInterval(() => stream.beat(), HEARTBEAT_MS);
      const end = (): void => stream.end();
      clients.add(end);
      out.once('close', () => {
        clearInterval(heartbeat);
        stop();
        clients.delete(end);
      });
    },
  });
  return {
    get count() {
      return clients.size;
    },
    close() {
      for (const end of clients) end();
    },
  };
}
