import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { faissFlat, faissIdMap, milvusUri, sourceFile, temporaryFolder, unique } from '../e2e/support.js';
import { PROJECT } from '../support/environments.js';
import { python } from '../support/python.js';

export type TaskType = 'H2M' | 'F2M' | 'M2M' | 'M2H';
/** How rows get their ids; see rows.py. */
export type Ids = 'unique' | 'pairs' | 'text' | 'none';
type Parts = Readonly<Record<string, readonly [from: number, to: number]>>;

export interface Scenario {
  readonly task: TaskType;
  readonly ids: Ids;
  readonly mode?: 'skip' | 'append' | 'overwrite';
  /** Rows go to two partitions. */
  readonly partitions?: boolean;
  /** The target holds rows of others before: with ids of their own, or with those of our first rows. */
  readonly foreign?: 'other ids' | 'our ids';
  /** The target makes the keys. */
  readonly autoId?: boolean;
  /** The target is loaded before the run, as one in use. */
  readonly loaded?: boolean;
  /** Where the target is; default: the Milvus of the run. */
  readonly uri?: string;
  /** What the run verifies itself; default: nothing, for every scenario ends with an audit. */
  readonly verify?: 'count' | 'sample';
  /** Folder of the archives; default: a new one. */
  readonly archives?: string;
  /** Where the run thinks it is, e.g. behind a proxy. */
  readonly seenAt?: string;
}

/** What an independent reader finds in a target. */
export interface Audit {
  readonly count: number;
  readonly lost: number;
  readonly doubled: number;
  readonly wrong: number;
  readonly foreign: number;
}

export interface Prepared {
  readonly task: TaskType;
  readonly keys: Readonly<Record<string, unknown>>;
  readonly rows: number;
  /** What the target must be found to be. */
  readonly expected: Audit;
  audit(): Promise<Audit>;
}

export const ROWS = 16_000;
const DIM = 64;
const FOREIGN = 300;
const FOREIGN_FIRST = 10_000_000;

/** Small batches, so that there is an acknowledgement every 250 rows; paced, so that a kill hits the one it is meant for. */
export const PACED = { batch_bytes: '64KiB', max_rate: '4 MB/s' } as const;

export function describeScenario(s: Scenario): string {
  const facts = [
    s.task,
    s.task === 'M2H' ? '' : (s.mode ?? 'overwrite'),
    `ids ${s.ids}`,
    s.partitions ? 'two partitions' : '',
    s.foreign ? `rows of others with ${s.foreign}` : '',
    s.autoId ? 'keys made by the target' : '',
    s.loaded ? 'loaded' : '',
    s.verify ? `verify ${s.verify}` : '',
  ];
  return facts.filter((fact) => fact !== '').join(', ');
}

async function rows(command: string, plan: object): Promise<unknown> {
  return JSON.parse(await python(join(PROJECT, 'test', 'crash', 'rows.py'), [command, JSON.stringify(plan)]));
}

const value = (row: number, column: number): number => row + column / 64;

async function sourceOf(s: Scenario, parts: Parts): Promise<Readonly<Record<string, unknown>>> {
  if (s.task === 'M2M' || s.task === 'M2H') {
    const name = unique('crash_source');
    await rows('make-collection', { uri: milvusUri(), collection: name, dim: DIM, ids: s.ids, parts, load: true });
    return { source_uri: s.seenAt ?? milvusUri(), source_collection: { [name]: null } };
  }
  if (s.task === 'F2M') {
    const stored = s.ids === 'unique';
    const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row * 7 - 50_000));
    return {
      data_path: await sourceFile('crash.index', stored ? faissIdMap(ids, DIM, value) : faissFlat(ROWS, DIM, value)),
    };
  }
  const folder = await temporaryFolder();
  const paths = [];
  for (const [partition, [from, to]] of Object.entries(parts)) {
    const path = join(folder, `${partition}.h5`);
    await rows('make-h5', { path, from, to, dim: DIM, ids: s.ids });
    paths.push(s.partitions ? { path, partition } : path);
  }
  return { data_path: paths };
}

/** Makes source and target of a scenario, and the keys of its YAML. */
export async function prepare(s: Scenario): Promise<Prepared> {
  const half = ROWS / 2;
  const parts: Parts = s.partitions ? { one: [0, half], two: [half, ROWS] } : { _default: [0, ROWS] };
  const source = await sourceOf(s, parts);
  const expected = { count: ROWS, lost: 0, doubled: 0, wrong: 0, foreign: 0 };
  if (s.task === 'M2H') return archive(s, parts, source, expected);
  const uri = s.uri ?? milvusUri();
  const collection = unique('crash');
  const foreign = s.foreign && {
    rows: FOREIGN,
    ...(s.foreign === 'other ids' ? { first_id: FOREIGN_FIRST } : {}),
  };
  const shared = { uri, collection, dim: DIM, ids: s.ids, ...(foreign ? { foreign } : {}) };
  if (foreign || s.autoId || s.loaded) {
    await rows('make-collection', { ...shared, auto_id: s.autoId ?? false, load: s.loaded ?? false });
  }
  const keys = {
    ...source,
    ...PACED,
    dest_uri: s.seenAt ?? uri,
    mode: s.mode ?? 'overwrite',
    verify: s.verify ?? 'none',
    ...(s.task === 'M2M'
      ? { collection_map: { [Object.keys(source.source_collection as object)[0]!]: collection } }
      : { dest_collection_name: collection }),
    collection_parameter: { index: 'none' },
    ...(s.autoId && s.ids !== 'none' ? { new_ids: true } : {}),
  };
  return {
    task: s.task,
    keys,
    rows: ROWS,
    expected: { ...expected, count: ROWS + (foreign?.rows ?? 0), foreign: foreign?.rows ?? 0 },
    audit: async () => (await rows('audit', { ...shared, ids: s.autoId ? 'none' : s.ids, parts })) as Audit,
  };
}

async function archive(s: Scenario, parts: Parts, source: object, expected: Audit): Promise<Prepared> {
  const data_dir = s.archives ?? join(await temporaryFolder(), 'archive');
  await mkdir(data_dir, { recursive: true });
  return {
    task: s.task,
    keys: { ...source, ...PACED, data_dir, verify: s.verify ?? 'none' },
    rows: ROWS,
    expected,
    async audit() {
      // A run that was killed before its first note may leave a folder behind, but no archive in it.
      const files = await readdir(data_dir, { recursive: true });
      const made = [...new Set(files.filter((f) => f.endsWith('.h5')).map((f) => f.split('/')[0]!))];
      if (made.length !== 1) throw new Error(`${data_dir} holds ${made.length} archives: ${files.join(', ')}`);
      return (await rows('audit-h5', { folder: join(data_dir, made[0]!), dim: DIM, ids: s.ids, parts })) as Audit;
    },
  };
}

/** Folder of results of the run, where `npm run test:soak` looks for them. */
export function resultsFile(): string {
  return process.env.CRASH_RESULTS ?? join(inject('runFolder'), 'crash-results.jsonl');
}
