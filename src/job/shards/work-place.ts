import type { StorageConfig, TaskConfig } from '../../config/types.js';
import { openStore } from '../../store/index.js';
import type { ObjectStore } from '../../store/types.js';
import { sleep } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { DuplicateReport } from '../duplicates.js';
import type { Report, TargetReport } from '../report.js';
import type { Part } from './deal.js';
import type { Facts } from './facts.js';

/** Version of what lies in a work place. */
export const WORK_VERSION = 1;

/** A part of the source, with the partition that its rows go to. */
export interface PlannedPart extends Part {
  readonly partition: string | null;
}

/** What `prepare` has found of one unit of the target. */
export interface UnitDigest {
  readonly partition: string;
  readonly hex: string;
  readonly rows: number;
}

/** One collection of a job, as `prepare` has left it. */
export interface PlannedCollection {
  /** Of the source; '' for files. */
  readonly name: string;
  readonly into: string;
  readonly parts: readonly PlannedPart[];
  /** Its units exist and the mode is skip. */
  readonly skipped: boolean;
  /** What was found of ids that occur several times; null where nobody has looked. */
  readonly duplicates: Omit<DuplicateReport, 'losers'> | null;
  readonly edgeIds: number;
  /** Digests of the rows that are to be written, where all of them were read. */
  readonly digests: readonly UnitDigest[] | null;
  /** Rows of the collection, and object with a bit for each that is left out; null where none is. */
  readonly dropped: { readonly rows: number; readonly key: string } | null;
}

/** The plan of a job of many machines: `plan.json` in its work place. */
export interface WorkPlan {
  readonly version: number;
  /** The target is ready, and shards may begin. */
  readonly prepared: boolean;
  readonly job: string;
  readonly task: string;
  /** UTC, ISO 8601. */
  readonly started: string;
  readonly shards: number;
  readonly facts: Facts;
  readonly collections: readonly PlannedCollection[];
  /** Rows that `prepare` has set aside. */
  readonly setAside: number;
}

/** What a shard leaves when all of its rows have arrived: `shards/<n>/done.json`. */
export interface ShardDone {
  readonly shard: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly setAside: boolean;
  readonly targets: readonly TargetReport[];
}

export const KEYS = {
  plan: 'plan.json',
  finished: 'finished.json',
  prepareLedger: 'prepare',
  finishLedger: 'finish',
  shardLedger: (shard: number): string => `shards/${shard}/ledger`,
  shardDone: (shard: number): string => `shards/${shard}/done.json`,
  dropped: (index: number): string => `dropped/${index}.bits`,
  quarantine: (name: string): string => `quarantine/${name}`,
  jobLock: 'locks/job',
  shardLock: (shard: number): string => `locks/shard-${shard}`,
} as const;

/** Opens the place that all machines of a job share. The caller disposes of it. Throws USAGE where none is named, and STORE_*. */
export async function openWork(
  config: TaskConfig,
  o: { readonly create?: boolean; readonly log: (message: string) => void },
): Promise<ObjectStore> {
  const { work } = config;
  if (!work) {
    throw fail('USAGE', 'no place is named that all machines of the job share', {
      hint: 'Give work_storage in the YAML file (a bucket, or a folder that all of them see), or --work FOLDER.',
    });
  }
  return await openStore(work, { create: o.create ?? false, retryFor: config.options.retryFor, log: o.log });
}

/** The JSON in an object; undefined where there is none. */
export async function readJson<T>(store: ObjectStore, key: string): Promise<T | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await store.read(key);
  } catch (thrown) {
    if (thrown instanceof MilvusdmError && thrown.code === 'STORE_MISSING') return undefined;
    throw thrown;
  }
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
  } catch (cause) {
    throw fail('JOB_DAMAGED', `${key} in ${store.name} is not as it was written`, { cause });
  }
}

export async function writeJson(store: ObjectStore, key: string, value: unknown): Promise<void> {
  await store.write(key, Buffer.from(JSON.stringify(value)));
}

/** The plan in a work place; undefined where there is none. Throws JOB_DAMAGED for one of another version. */
export async function readPlan(store: ObjectStore): Promise<WorkPlan | undefined> {
  const plan = await readJson<WorkPlan>(store, KEYS.plan);
  if (plan && plan.version !== WORK_VERSION) {
    throw fail(
      'JOB_DAMAGED',
      `${KEYS.plan} in ${store.name} is of version ${plan.version}, and ${WORK_VERSION} is known`,
      {
        hint: 'Use the same version of milvusdm on all machines.',
      },
    );
  }
  return plan;
}

export function readFinished(store: ObjectStore): Promise<Report | undefined> {
  return readJson<Report>(store, KEYS.finished);
}

const LOOK_MS = 500;

/** Waits for `prepare`. Throws JOB_UNPREPARED when the time is over, INTERRUPTED. */
export async function waitForPlan(
  store: ObjectStore,
  o: { readonly waitMs: number; readonly log: (message: string) => void; readonly signal: AbortSignal },
): Promise<WorkPlan> {
  const end = performance.now() + o.waitMs;
  for (let told = false; ; told = true) {
    const plan = await readPlan(store);
    const finished = plan !== undefined && (await readFinished(store)) !== undefined;
    if (plan?.prepared && !finished) return plan;
    const state = finished ? 'has been finished already' : plan ? 'is being prepared still' : 'was not prepared';
    const left = end - performance.now();
    if (left <= 0) {
      throw fail('JOB_UNPREPARED', `the job in ${store.name} ${state}; waited for ${Math.round(o.waitMs / 1000)} s`);
    }
    if (!told) o.log(`the job in ${store.name} ${state}: waiting for \`milvusdm prepare\``);
    await sleep(Math.min(LOOK_MS, left), o.signal);
  }
}

/** Removes everything of an earlier job, the plan first: shards that start meanwhile wait for the next one. */
export async function emptyWork(store: ObjectStore): Promise<void> {
  await store.remove([KEYS.plan]);
  const folders = ['prepare/', 'finish/', 'shards/', 'dropped/', 'quarantine/', KEYS.finished];
  for (const folder of folders) {
    const keys: string[] = [];
    for await (const { key } of store.list(folder)) keys.push(key);
    await store.remove(keys);
  }
}

/** The folder, or `s3://bucket/prefix` at AWS, that a command line names. Throws USAGE. */
export function workOf(text: string, absolute: (path: string) => string): StorageConfig {
  const [, bucket, root = ''] = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{2,254})(?:\/(.*))?$/.exec(text) ?? [];
  if (bucket !== undefined)
    return {
      type: 's3',
      bucket,
      root: root
        .split('/')
        .filter((p) => p !== '')
        .join('/'),
    };
  if (text.includes('://')) {
    throw fail('USAGE', `--work ${text}: a folder or s3://bucket/prefix is needed`, {
      hint: 'Name any other server by work_storage in the YAML file.',
    });
  }
  return { type: 'local', path: absolute(text) };
}
