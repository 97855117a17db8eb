import { resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { configIssues } from '../../../config/issues.js';
import { type MilvusdmError, toMilvusdmError } from '../../../util/errors.js';
import type { ServerContext } from '../../context.js';
import { prepareTask, type TaskRequest } from '../../tasks/prepare.js';
import { answers, TASK_REQUEST } from '../schemas.js';

const BODY = { type: 'object', properties: TASK_REQUEST, additionalProperties: false } as const;

interface Issue {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
  readonly code: string;
}

/** What the text of a task is to blame for; other errors are those of the request. */
function issuesOf(error: MilvusdmError): Issue[] | undefined {
  const issues = configIssues(error).map(({ line, column, key, message, code }) => {
    return { line, column, path: key, message, code };
  });
  if (issues.length > 0) return issues;
  const { code, message } = error;
  if (!code.startsWith('CFG_') && code !== 'SRV_SECRET') return undefined;
  return [{ line: 1, column: 1, path: '', message, code }];
}

function validation(request: TaskRequest, context: ServerContext): object {
  try {
    const { config } = prepareTask(request, context.around);
    return { valid: true, task: config.task, notes: config.notes, issues: [] };
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    const issues = issuesOf(error);
    if (!issues) throw error;
    return { valid: false, task: null, notes: [], issues };
  }
}

/** Tasks that are not run: validate, plan, inspect. */
export function addTaskRoutes(app: FastifyInstance, context: ServerContext): void {
  const { helper, around } = context;
  app.post<{ Body: TaskRequest }>('/validate', {
    schema: {
      tags: ['tasks'],
      summary: 'Check a task offline',
      description: 'Every mistake at once, with its place. References must have something behind them on the server.',
      body: BODY,
      response: answers({ 200: { description: 'What was found.', $ref: 'Validation#' } }),
    },
    handler: async ({ body }) => validation(body, context),
  });
  app.post<{ Body: TaskRequest }>('/plan', {
    schema: {
      tags: ['tasks'],
      summary: 'Show what a task would do',
      description: 'Connects and reads headers; writes nothing. As `milvusdm plan --json`.',
      body: BODY,
      response: answers({ 200: { description: 'The plan.', type: 'object', additionalProperties: true } }),
    },
    handler: async ({ body }) => {
      const { text } = prepareTask(body, around);
      return await helper.call('plan', { text, cwd: around.cwd });
    },
  });
  app.post<{ Body: { readonly path: string } }>('/inspect', {
    schema: {
      tags: ['tasks'],
      summary: 'Say what a file or a backup is',
      description: 'A path on the machine of the server. As `milvusdm inspect --json`.',
      body: {
        type: 'object',
        properties: { path: { type: 'string', minLength: 1, maxLength: 4096, pattern: '^[^\\u0000]+$' } },
        required: ['path'],
        additionalProperties: false,
      },
      response: answers({ 200: { description: 'What it is.', type: 'object', additionalProperties: true } }),
    },
    handler: async ({ body }) => {
      const path = resolve(around.cwd, body.path);
      around.paths.require(path);
      return await helper.call('inspect', { path });
    },
  });
}
