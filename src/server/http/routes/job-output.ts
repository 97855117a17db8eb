import { open } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { reportPage } from '../../../job/report-page/page.js';
import type { SavedReport } from '../../../job/saved-report.js';
import { fail } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import { readReport } from '../../queue/outcome.js';
import { jobFiles } from '../../state/folders.js';
import { REPORT_POLICY } from '../headers.js';
import { answers } from '../schemas.js';
import { JOB_PARAMS, type JobParams, requireJob } from './jobs.js';

const TAGS = ['jobs'];
/** The end of a log that is shown. */
const LOG_BYTES = 1024 * 1024;

/** The report of the last attempt that has left one. */
async function lastReport(context: ServerContext, id: string): Promise<SavedReport> {
  const { attempts, state } = requireJob(context, id);
  for (let attempt = attempts; attempt > 0; attempt--) {
    const report = await readReport(context.server, id, attempt);
    if (report) return report;
  }
  throw fail('SRV_NOT_FOUND', `job ${id} (${state}) has no report yet`, {
    hint: 'It is there once the job has ended.',
  });
}

async function endOfLog(path: string): Promise<string> {
  const file = await open(path, 'r').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined;
    throw thrown;
  });
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - LOG_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    const text = buffer.subarray(0, bytesRead).toString();
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await file.close();
  }
}

function addReport(app: FastifyInstance, context: ServerContext): void {
  app.get<JobParams & { Querystring: { readonly format: 'json' | 'html' } }>('/jobs/:id/report', {
    schema: {
      tags: TAGS,
      summary: 'The report of a job that has ended',
      description: 'Of the last attempt that has left one: schemas/report.schema.json, or the same as a page.',
      params: JOB_PARAMS,
      querystring: {
        type: 'object',
        properties: { format: { type: 'string', enum: ['json', 'html'], default: 'json' } },
        additionalProperties: false,
      },
      response: answers({
        200: {
          description: 'The report.',
          content: {
            'application/json': { schema: { type: 'object', additionalProperties: true } },
            'text/html': { schema: { type: 'string' } },
          },
        },
      }),
    },
    handler: async ({ params, query }, reply) => {
      const report = await lastReport(context, params.id);
      if (query.format !== 'html') return report;
      return reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', REPORT_POLICY)
        .send(reportPage(report));
    },
  });
}

/** What a job leaves: its report and its log. */
export function addJobOutputRoutes(app: FastifyInstance, context: ServerContext): void {
  addReport(app, context);
  app.get<JobParams>('/jobs/:id/log', {
    schema: {
      tags: TAGS,
      summary: 'The log of a job',
      description: 'Of all attempts, a line of JSON each; the last MiB of it. Secrets are taken out.',
      params: JOB_PARAMS,
      response: answers({
        200: { description: 'The log.', content: { 'text/plain': { schema: { type: 'string' } } } },
      }),
    },
    handler: async ({ params }, reply) => {
      requireJob(context, params.id);
      return reply.type('text/plain; charset=utf-8').send(await endOfLog(jobFiles(context.server, params.id).log));
    },
  });
}
