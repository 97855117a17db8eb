import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { bundleSchema, TASKS } from '../../config/bundle.js';
import type { JsonSchema } from '../../config/schema.js';
import { packageVersion } from '../../util/version.js';

/** What the schemas of tasks say to milvusdm alone. */
const OWN = /^(?:x-|\$schema$|\$id$|\$comment$)/;

/** A schema of `schemas/` as a component: its own definitions become components of their own. */
function asComponent(value: unknown, prefix: string): unknown {
  if (Array.isArray(value)) return value.map((item) => asComponent(item, prefix));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !OWN.test(key) && key !== '$defs');
  return Object.fromEntries(
    entries.map(([key, child]) => {
      if (key !== '$ref') return [key, asComponent(child, prefix)];
      return [key, String(child).replace('#/$defs/', `#/components/schemas/${prefix}`)];
    }),
  );
}

/** The tasks as components `TaskF2M`, ..., and what their keys have in common as `Key...`. */
export function taskComponents(): Record<string, object> {
  const components: Record<string, object> = {};
  for (const task of TASKS) {
    const schema: JsonSchema = bundleSchema(task);
    components[`Task${task}`] = asComponent(schema, 'Key') as object;
    for (const [name, def] of Object.entries(schema.$defs ?? {})) {
      components[`Key${name}`] ??= asComponent(def, 'Key') as object;
    }
  }
  return components;
}

const DESCRIPTION = `Migrations, backups and restores of Milvus as jobs. Errors have one form, \`{error: {code, message, hint}}\`, with the codes of docs/errors.md. The object of a task has one key, its name; the schemas of what stands below it are the components TaskF2M, TaskH2M, ....`;

/** Adds the OpenAPI document (`/docs/json`) and a page that shows it (`/docs`), which loads nothing from elsewhere. Comes before the routes. */
export async function addOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'milvusdm', version: packageVersion(), description: DESCRIPTION },
      tags: ['jobs', 'tasks', 'connections', 'backups', 'snapshots', 'schedules', 'server'].map((name) => ({ name })),
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
        schemas: taskComponents() as never,
      },
      security: [{ token: [] }],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`) },
  });
  await app.register(async (open) => {
    open.addHook('onRoute', (route) => {
      route.config = { ...route.config, open: true };
    });
    const quiet = { logLevel: 'silent' as const };
    await open.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      uiConfig: { validatorUrl: null },
      ...quiet,
    });
  });
}
