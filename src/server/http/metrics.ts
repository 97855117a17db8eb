import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ServerContext } from '../context.js';
import { JOB_STATES } from '../state/types.js';

/** Adds `/metrics`: the jobs, the requests and the process, for Prometheus. */
export function addMetrics(app: FastifyInstance, context: ServerContext, watchers: () => number): void {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const registers = [register];
  new Gauge({
    name: 'milvusdm_jobs',
    help: 'Jobs that the server remembers, by state',
    labelNames: ['state'],
    registers,
    collect() {
      const counts = context.jobs.counts();
      for (const state of JOB_STATES) this.set({ state }, counts.get(state) ?? 0);
    },
  });
  new Gauge({
    name: 'milvusdm_job_processes',
    help: 'Jobs that run right now',
    registers,
    collect() {
      this.set(context.queue.running());
    },
  });
  new Gauge({
    name: 'milvusdm_event_clients',
    help: 'Clients that watch the events of a job',
    registers,
    collect() {
      this.set(watchers());
    },
  });
  const seconds = new Histogram({
    name: 'milvusdm_http_request_seconds',
    help: 'Time from a request to its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  app.get('/metrics', {
    schema: { hide: true },
    handler: async (_, reply) => reply.type(register.contentType).send(await register.metrics()),
  });
}
