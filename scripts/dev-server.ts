import { parseArgs } from 'node:util';
import { startMilvus } from '../test/support/milvus-server.js';

// `npm run dev:milvus [-- --port N]`: the Milvus 2.3.5 of the tests, in the foreground until Ctrl-C, with empty data.
const { values } = parseArgs({ options: { port: { type: 'string', default: '19530' } } });
const began = performance.now();
const server = await startMilvus({ port: Number(values.port) });
process.stdout.write(
  `Milvus 2.3.5 serves at ${server.address} after ${((performance.now() - began) / 1000).toFixed(1)} s; Ctrl-C ends it\n`,
);
const keepAlive = setInterval(() => {}, 60_000);
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, async () => {
    clearInterval(keepAlive);
    await server[Symbol.asyncDispose]();
    process.exit(0);
  });
}
