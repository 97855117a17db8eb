import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { interopPython, PROJECT } from '../../test/support/environments.js';
import { type MilvusServer, startMilvus } from '../../test/support/milvus-server.js';
import { untilIdle } from './machine.js';
import { measureOk } from './process.js';

export type DataKind = 'hdf5' | 'hollow' | 'faiss' | 'ivf' | 'hollow-faiss';

/** What all parts of a run share. */
export interface Setup extends AsyncDisposable {
  readonly python: string;
  /** Temporary, removed at the end. */
  readonly folder: string;
  readonly repetitions: number;
  readonly quick: boolean;
  log(text: string): void;
  /** host:port of the real server; started when it is first asked for. */
  server(): Promise<string>;
  /** Its process; with MILVUS_ADDR only where MILVUS_PID says it. */
  serverPid(): number | undefined;
  /** Folder of that server's local storage. Throws with MILVUS_ADDR unless MILVUS_STORAGE says it. */
  serverStorage(): Promise<string>;
  /** Makes a file with bench/peers/data.py, once per run. */
  data(kind: DataKind, rows: number, dim: number): Promise<string>;
  /** The folder of an old Milvus with one collection of 8 segments and 200 deleted rows, made once per run. */
  legacy(rows: number, dim: number): Promise<string>;
  /** Folder with pymilvusdm 2.0 from PyPI and what it needs besides the Python of the run; installed on first use. */
  pymilvusdm(): Promise<string>;
  /** Drops a collection and lets the server come to rest. */
  drop(collection: string): Promise<void>;
}

const MOST_REST_MS = 30_000;
/** Without its dependency pymilvus_orm 2.0.0rc1, which no current Python can install: bench/peers/pymilvusdm.py stands in. */
const PYMILVUSDM = ['pymilvusdm==2.0', 'PyMySQL==1.1.1', 'PyYAML==6.0.2', 'tqdm==4.67.1'];

async function dropCollection(address: string, name: string): Promise<void> {
  const client = new MilvusClient({ address, telemetry: { enabled: false }, logLevel: 'none' });
  try {
    await client.connectPromise;
    await client.dropCollection({ collection_name: name });
  } finally {
    await client.closeConnection();
  }
}

/** Makes the temporary folder; whoever opens it disposes of it, which also stops the server. */
export async function openSetup(o: { repetitions: number; quick: boolean }): Promise<Setup> {
  const python = await interopPython();
  const folder = await mkdtemp(join(tmpdir(), 'milvusdm-bench-'));
  const files = new Map<string, string>();
  let server: MilvusServer | undefined;
  const log = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  const address = async (): Promise<string> => {
    if (process.env.MILVUS_ADDR) return process.env.MILVUS_ADDR;
    if (!server) {
      log('starting Milvus 2.3.5');
      server = await startMilvus();
    }
    return server.address;
  };
  return {
    python,
    folder,
    ...o,
    log,
    server: address,
    serverPid: () => server?.pid ?? (process.env.MILVUS_PID ? Number(process.env.MILVUS_PID) : undefined),
    async serverStorage() {
      await address();
      const path = server?.storage ?? process.env.MILVUS_STORAGE;
      if (!path) throw new Error('with MILVUS_ADDR, backups need MILVUS_STORAGE: the folder of its local storage');
      return path;
    },
    async data(kind, rows, dim) {
      const name = `${kind}-${rows}-${dim}.${kind.endsWith('5') || kind === 'hollow' ? 'h5' : 'index'}`;
      const known = files.get(name);
      if (known) return known;
      const path = join(folder, name);
      log(`making ${name}`);
      await measureOk(python, [
        '-I',
        join(PROJECT, 'bench', 'peers', 'data.py'),
        kind,
        path,
        String(rows),
        String(dim),
      ]);
      files.set(name, path);
      return path;
    },
    async legacy(rows, dim) {
      const name = `legacy-${rows}-${dim}`;
      const path = join(folder, name);
      if (files.has(name)) return path;
      log(`making ${name}`);
      const script = join(PROJECT, 'fixtures', 'mk-legacy.py');
      const size = ['--rows', String(rows), '--dim', String(dim)];
      await measureOk(python, ['-I', script, '--out', path, '--variant', 'large', ...size]);
      files.set(name, path);
      return path;
    },
    async pymilvusdm() {
      const path = join(folder, 'pymilvusdm');
      if (files.has('pymilvusdm')) return path;
      log('installing pymilvusdm 2.0');
      const options = ['--no-deps', '--no-input', '--disable-pip-version-check', '-q', '--target', path];
      await measureOk(python, ['-I', '-m', 'pip', 'install', ...options, ...PYMILVUSDM]);
      files.set('pymilvusdm', path);
      return path;
    },
    async drop(collection) {
      await dropCollection(await address(), collection);
      await untilIdle(MOST_REST_MS);
    },
    async [Symbol.asyncDispose]() {
      await server?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
