import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** The page of the server at `/`, as it was built into a folder. It holds no data, and needs no token. */
export async function addPage(app: FastifyInstance, folder: string): Promise<void> {
  if (!existsSync(join(folder, 'index.html'))) {
    app.get('/', {
      schema: { hide: true },
      config: { open: true },
      handler: async (_, reply) =>
        reply
          .code(404)
          .type('text/plain; charset=utf-8')
          .send('The page is not part of this build; the API is described at /docs.\n'),
    });
    return;
  }
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, open: true };
    });
    await scope.register(fastifyStatic, { root: folder, wildcard: false, dotfiles: 'ignore' });
  });
}
