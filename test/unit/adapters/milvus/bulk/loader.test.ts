import type { RecordBatch } from 'apache-arrow';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fateOf } from '../../../../../src/adapters/milvus/bulk/import-task.js';
import { createLoader, type Loader } from '../../../../../src/adapters/milvus/bulk/loader.js';
import type { FileKind } from '../../../../../src/adapters/milvus/bulk/set-files.js';
import type { Stage } from '../../../../../src/adapters/milvus/bulk/stage.js';
import { identityMapping } from '../../../../../src/adapters/milvus/match.js';
import type { SentBatch } from '../../../../../src/adapters/types.js';
import { makeBatch } from '../../../../../src/batch/columns.js';
import { fail } from '../../../../../src/util/errors.js';
import { createMemoryStore, type MemoryStore } from '../../../../support/memory-store.js';
import { type FakeImporter, fakeImporter } from './fake-server.js';
import { readParquet } from './parquet/read.js';
import { schemaOf } from './support.js';

// Seconds of waiting between looks at an import are none here.
vi.mock('../../../../../src/util/abort.js', async (original) => {
  const actual = await original<typeof import('../../../../../src/util/abort.js')>();
  const sleep = async (_: number, signal?: AbortSignal): Promise<void> => {
    await new Promise(setImmediate);
    actual.throwIfAborted(signal);
  };
  return { ...actual, sleep };
});

const SCHEMA = schemaOf([
  { name: 'id', type: 'INT64', primaryKey: true },
  { name: 'embedding', type: 'FLOAT_VECTOR', dim: 4 },
]);
const ROW_BYTES = 16;
const ROWS = 10;

function batch(first: number, rows = ROWS): RecordBatch {
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(first + i));
  return makeBatch(SCHEMA, rows, [ids, Float32Array.from({ length: rows * 4 }, (_, i) => first + i)]);
}

interface Bench {
  readonly server: FakeImporter;
  readonly store: MemoryStore;
  readonly loader: Loader;
  readonly said: string[];
  readonly stop: AbortController;
  readonly kill: AbortController;
  write(first: number, partition?: string): Promise<SentBatch>;
}

/** A loader whose sets hold two batches. */
function bench(o: { parallelJobs?: number; keepFiles?: boolean; kind?: FileKind } = {}): Bench {
  const server = fakeImporter();
  const store = createMemoryStore();
  const folder = (set: string): string => `job/${set}/`;
  const stage: Stage = {
    store,
    folder,
    view: (key) => `/server/${key}`,
    owns: (set, file) => file.startsWith(`/server/${folder(set)}`),
    clear: async () => {},
    async [Symbol.asyncDispose]() {},
  };
  const said: string[] = [];
  server.onImport = (begun) => {
    said.push(`import ${begun.files.length} files`);
    begun.rows = rowsIn(store, begun.files);
  };
  const loader = createLoader(server.connection, {
    collection: 'c',
    stage,
    mapping: () => identityMapping(SCHEMA, 'id', false),
    kind: o.kind ?? 'numpy',
    limits: () => new Map(),
    maxFileBytes: o.kind === 'Parquet' ? 700 : 128 + 2 * ROWS * ROW_BYTES,
    parallelJobs: o.parallelJobs ?? 2,
    keepFiles: o.keepFiles ?? false,
    log: () => {},
  });
  const [stop, kill] = [new AbortController(), new AbortController()];
  const journal = {
    placed: async () => void said.push('placed'),
    started: async () => void said.push('started'),
  };
  return {
    server,
    store,
    loader,
    said,
    stop,
    kill,
    write: (first, partition) =>
      loader.write(batch(first), {
        repeatable: false,
        journal,
        stop: stop.signal,
        signal: kill.signal,
        ...(partition === undefined ? {} : { partition }),
      }),
  };
}

/** What the server would count in the files that it is given. */
function rowsIn(store: MemoryStore, files: readonly string[]): number {
  const key = files.find((file) => /\/(id\.npy|rows\.parquet)$/.test(file))!.slice('/server/'.length);
  const bytes = store.objects.get(key)!;
  return key.endsWith('.npy') ? (bytes.length - 128) / 8 : readParquet(bytes).rows;
}

let b: Bench;
beforeEach(() => {
  b = bench();
});

describe('sets of files', () => {
  it('are closed when full, imported once, noted before and after, and removed', async () => {
    const sent = [await b.write(0), await b.write(10), await b.write(20)];
    await b.loader.close(undefined);
    expect(await Promise.all(sent.map(({ ack }) => ack))).toMatchObject([{ rows: 10 }, { rows: 10 }, { rows: 10 }]);
    await b.loader.finish();
    expect(b.server.imports.map(({ rows, partition }) => ({ rows, partition }))).toEqual([
      { rows: 20, partition: '' },
      { rows: 10, partition: '' },
    ]);
    const [first] = b.server.imports;
    expect(first!.files.map((file) => file.replace(/^(\/server\/job\/)[^/]+/, '$1SET')).sort()).toEqual([
      '/server/job/SET/embedding.npy',
      '/server/job/SET/id.npy',
    ]);
    expect(b.said.slice(0, 2)).toEqual(['placed', 'placed']);
    expect(b.said.indexOf('started')).toBeGreaterThan(b.said.indexOf('import 2 files'));
    expect([...b.store.objects.keys()]).toEqual([]);
  });

  it('of Parquet are one file each, under the same rules', async () => {
    b = bench({ kind: 'Parquet' });
    const sent = [await b.write(0), await b.write(10), await b.write(20)];
    await b.loader.close(undefined);
    await Promise.all(sent.map(({ ack }) => ack));
    await b.loader.finish();
    expect(b.server.imports.map(({ rows, files }) => [rows, files.length])).toEqual([
      [20, 1],
      [10, 1],
    ]);
    expect(b.said.slice(0, 2)).toEqual(['placed', 'placed']);
    expect([...b.store.objects.keys()]).toEqual([]);
  });

  it('stay where they are with keep_files', async () => {
    b = bench({ keepFiles: true });
    await b.write(0);
    await b.loader.finish();
    expect([...b.store.objects.keys()]).toHaveLength(2);
  });

  it('of several partitions do not wait for each other when there is one place', async () => {
    b = bench({ parallelJobs: 1 });
    const sent = [await b.write(0, 'x'), await b.write(10, 'y'), await b.write(20, 'x'), await b.write(30, 'y')];
    await b.loader.finish();
    await Promise.all(sent.map(({ ack }) => ack));
    expect(b.server.imports.map(({ partition }) => partition)).toEqual(['x', 'y', 'x', 'y']);
  });

  it('are not acknowledged before the server has them', async () => {
    b.server.onImport = (begun) => {
      begun.rows = 10;
      begun.state = 'running';
    };
    const { ack } = await b.write(0);
    await b.loader.close(undefined);
    let landed = false;
    void ack.then(() => {
      landed = true;
    });
    await vi.waitFor(() => expect(b.server.imports).toHaveLength(1), 60_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(landed).toBe(false);
    b.server.imports[0]!.state = 'done';
    await ack;
  });
});

describe('an import that fails', () => {
  const failing = (times: number) => {
    const { onImport } = b.server;
    b.server.onImport = (begun) => {
      onImport(begun);
      if (b.server.imports.length <= times) begun.state = 'failed';
    };
  };

  it('is tried once more', async () => {
    failing(1);
    const { ack } = await b.write(0);
    await b.loader.finish();
    await ack;
    expect(b.server.imports).toHaveLength(2);
  });

  it('twice is the end, in the words of the server, and leaves no files', async () => {
    failing(2);
    const { ack } = await b.write(0);
    const error = { code: 'DST_REFUSED', message: expect.stringContaining('disk on fire; tried 2 times') };
    await expect(b.loader.finish()).rejects.toMatchObject(error);
    await expect(ack).rejects.toMatchObject(error);
    await expect(b.write(10)).rejects.toMatchObject(error);
    expect([...b.store.objects.keys()]).toEqual([]);
  });

  it('to bring all rows is no success', async () => {
    b.server.onImport = (begun) => {
      begun.rows = 9;
    };
    const { ack } = await b.write(0);
    ack.catch(() => {});
    await expect(b.loader.finish()).rejects.toMatchObject({
      code: 'VERIFY_MISMATCH',
      message: 'the server imported 9 rows of a set of 10 into "c"',
    });
  });
});

describe('an import whose answer is lost', () => {
  const lost = fail('NET_UNAVAILABLE', 'gone', { retry: 'yes' });

  it('is not begun again when the server has it', async () => {
    const { onImport } = b.server;
    b.server.onImport = (begun) => {
      onImport(begun);
      throw lost;
    };
    const { ack } = await b.write(0);
    await b.loader.finish();
    await ack;
    expect(b.server.imports).toHaveLength(1);
  });

  it('is begun again when the server does not have it', async () => {
    let calls = 0;
    b.server.refuse = () => (++calls === 1 ? lost : undefined);
    const { ack } = await b.write(0);
    await b.loader.finish();
    await ack;
    expect([calls, b.server.imports.length]).toEqual([2, 1]);
  });
});

describe('a signal', () => {
  it('gives up what is not handed over, and waits for what is', async () => {
    const { onImport } = b.server;
    b.server.onImport = (begun) => {
      onImport(begun);
      begun.state = 'running';
    };
    const handed = await b.write(0, 'x');
    await b.loader.close('x');
    const open = await b.write(10, 'y');
    b.stop.abort();
    await expect(open.ack).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(b.write(20, 'y')).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await vi.waitFor(() => expect(b.server.imports).toHaveLength(1), 60_000);
    b.server.imports[0]!.state = 'done';
    await handed.ack;
    await b.loader.finish();
    expect([...b.store.objects.keys()]).toEqual([]);
  });

  it('twice leaves the files of an import that goes on', async () => {
    b.server.onImport = (begun) => {
      begun.state = 'running';
    };
    const { ack } = await b.write(0);
    await b.loader.close(undefined);
    await vi.waitFor(() => expect(b.server.imports).toHaveLength(1), 60_000);
    b.stop.abort();
    b.kill.abort();
    await expect(ack).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect([...b.store.objects.keys()]).toHaveLength(2);
  });
});

describe('the fate of a set of a run that died', () => {
  const owns = (file: string): boolean => file.startsWith('/server/job/old/');
  const ask = (tasks: readonly bigint[]) =>
    fateOf(b.server.connection, { collection: 'c', tasks, owns }, { retry: { totalMs: 0 } });
  const add = (state: 'done' | 'failed', files: string, forgotten = false): bigint => {
    const task = BigInt(b.server.imports.length + 1);
    b.server.imports.push({ task, collection: 'c', partition: '', files: [files], state, rows: 1, forgotten });
    return task;
  };

  it('is told by the files where no task is known', async () => {
    add('done', '/server/job/old2/id.npy');
    expect(await ask([])).toBe('missing');
    add('failed', '/server/job/old/id.npy');
    expect(await ask([])).toBe('missing');
    add('done', '/server/job/old/id.npy');
    expect(await ask([])).toBe('landed');
  });

  it('is not known when the server has forgotten its task, unless another one has brought the rows', async () => {
    const task = add('done', '/server/job/old/id.npy', true);
    expect(await ask([task])).toBe('unknown');
    add('done', '/server/job/old/id.npy');
    expect(await ask([task])).toBe('landed');
  });
});
