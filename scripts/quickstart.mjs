// `npm run quickstart`: an HDF5 file into Milvus Lite by yamls/H2M.yaml, then the nearest neighbours of one of its rows.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeReady, PROJECT, run } from './ready.mjs';

const YAML = join('yamls', 'H2M.yaml');
const NEIGHBOURS = 5;

makeReady();
console.log(`\n$ milvusdm --yaml ${YAML}`);
run(process.execPath, [join(PROJECT, 'dist', 'cli', 'main.js'), '--yaml', YAML]);
await showNeighbours();

/** Asks the Milvus Lite that has just been filled, as any application would, through the SDK. */
async function showNeighbours() {
  const { parse } = await import('yaml');
  const { MilvusClient } = await import('@zilliz/milvus2-sdk-node');
  const { startEmbedded } = await import('../dist/milvus/embedded.js');
  const { H2M } = parse(readFileSync(join(PROJECT, YAML), 'utf8'));
  const [collection_name, key, vector] = [H2M.dest_collection_name, 'id', 'embedding'];
  const server = await startEmbedded(resolve(PROJECT, H2M.dest_uri), { log: console.error });
  const client = new MilvusClient({
    address: server.address,
    telemetry: { enabled: false },
    channelOptions: { 'grpc.enable_http_proxy': 0 },
  });
  try {
    checked(await client.loadCollection({ collection_name }));
    const rows = checked(
      await client.query({ collection_name, filter: `${key} >= 0`, output_fields: [key, vector], limit: 1 }),
    );
    const row = rows.data[0];
    const found = checked(
      await client.search({ collection_name, anns_field: vector, data: row[vector], limit: NEIGHBOURS }),
    );
    console.log(`\nThe ${NEIGHBOURS} nearest neighbours of row ${row[key]} of "${collection_name}":`);
    console.table(found.results.map(({ id, score }) => ({ id, distance: score })));
  } finally {
    await client.closeConnection();
    await server[Symbol.asyncDispose]();
  }
}

/** The SDK resolves also where the server has refused. */
function checked(answer) {
  const status = answer.status ?? answer;
  if (status.code !== 0) throw new Error(`Milvus Lite refused: ${status.reason}`);
  return answer;
}
