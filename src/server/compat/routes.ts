import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../context.js';
import { addCloudRoutes } from './cloud/routes.js';
import { addMilvusBackupRoutes } from './milvus-backup/routes.js';

/** The interfaces of milvus-backup (/api/v1) and of the cloud (/v2), each with errors in its own form. */
export async function addCompatRoutes(app: FastifyInstance, context: ServerContext): Promise<void> {
  await app.register(async (scope) => addMilvusBackupRoutes(scope, context), { prefix: '/api/v1' });
  await app.register(async (scope) => addCloudRoutes(scope, context), { prefix: '/v2' });
}
