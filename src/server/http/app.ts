import Fastify, { type FastifyInstance } from 'fastify';
import { fail } from '../../util/errors.js';
import { packageVersion } from '../../util/version.js';
import { addCompatRoutes } from '../compat/routes.js';
import type { ServerContext } from '../context.js';
import type { Clock } from '../schedule/clock.js';
import { answerErrors, errorBody } from './errors.js';
import { guard } from './guard.js';
import { protectBrowsers } from './headers.js';
import { addMetrics } from './metrics.js';
import { addOpenApi } from './openapi.js';
import { addPage } from './page.js';
import { addBackupRoutes } from './routes/backups.js';
import { addConnectionRoutes } from './routes/connections.js';
import { addEventRoute, type Watchers } from './routes/events.js';
import { addJobOutputRoutes } from './routes/job-output.js';
import { addJobRoutes } from './routes/jobs.js';
import { addScheduleRoutes } from './routes/schedules.js';
import { addSnapshotRoutes } from './routes/snapshots.js';
import { addTaskRoutes } from './routes/tasks.js';
import { answers, SHARED } from './schemas.js';
import type { TokenCheck } from './tokens.js';

export interface AppOptions {
  readonly context: ServerContext;
  readonly clock: Pick<Clock, 'look'>;
  /** Absent where the server listens on this machine alone and has no tokens. */
  readonly tokens?: TokenCheck;
  /** The folder of the built page. */
  readonly web: string;
}

export interface App {
  readonly fastify: FastifyInstance;
  readonly watchers: Watchers;
}

const BODY_BYTES = 1024 * 1024;
/** For a client to send its whole request, and its head. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;

const OPEN_TAG = { tags: ['server'], security: [] };

function addServerRoutes(app: FastifyInstance): void {
  app.get('/healthz', {
    config: { open: true },
    schema: {
      ...OPEN_TAG,
      summary: 'Whether the server answers',
      response: answers({ 200: { description: 'It does.', type: 'object', properties: { status: { const: 'ok' } } } }),
    },
    handler: async () => ({ status: 'ok' }),
  });
  app.get('/api/v1/version', {
    schema: {
      tags: ['server'],
      summary: 'Versions',
      response: answers({
        200: {
          description: 'Of milvusdm and Node.',
          type: 'object',
          properties: { milvusdm: { type: 'string' }, node: { type: 'string' }, api: { type: 'string' } },
        },
      }),
    },
    handler: async () => ({ milvusdm: packageVersion(), node: process.version, api: 'v1' }),
  });
}

function create(): FastifyInstance {
  return Fastify({
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: 5000 },
    routerOptions: { maxParamLength: 400 },
    forceCloseConnections: true,
    // Unknown keys are refused and not taken away; ajv notes nothing on the console.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: false, strict: false } },
    clientErrorHandler(error, socket) {
      const text = JSON.stringify(errorBody(fail('SRV_REQUEST', 'the request is no HTTP that can be understood')));
      const late = (error as NodeJS.ErrnoException).code === 'ERR_HTTP_REQUEST_TIMEOUT';
      if (!socket.writable || socket.destroyed) return;
      const head = `HTTP/1.1 ${late ? '408 Request Timeout' : '400 Bad Request'}\r\nContent-Type: application/json\r\n`;
      socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`);
    },
  });
}

/** Builds the HTTP side of a server; it listens to nothing yet. */
export async function buildApp({ context, clock, tokens, web }: AppOptions): Promise<App> {
  const app = create();
  // JSON alone: what else there is could come from a form of another site.
  app.removeContentTypeParser('text/plain');
  app.setReplySerializer((value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v)));
  // The one above serves all answers: their schemas, which are for the OpenAPI document, need no serializers of their own.
  app.setSerializerCompiler(() => JSON.stringify);
  answerErrors(app, context.log);
  guard(app, tokens);
  protectBrowsers(app);
  for (const schema of SHARED) app.addSchema(schema);
  await addOpenApi(app);
  let watchers: Watchers = { count: 0, close() {} };
  addMetrics(app, context, () => watchers.count);
  addServerRoutes(app);
  await app.register(
    async (api) => {
      addJobRoutes(api, context);
      addJobOutputRoutes(api, context);
      watchers = addEventRoute(api, context);
      addTaskRoutes(api, context);
      addConnectionRoutes(api, context);
      addBackupRoutes(api, context);
      addSnapshotRoutes(api, context);
      addScheduleRoutes(api, context, clock);
    },
    { prefix: '/api/v1' },
  );
  await addCompatRoutes(app, context);
  await addPage(app, web);
  await app.ready();
  return { fastify: app, watchers };
}
