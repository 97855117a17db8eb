import type { RecordBatch } from 'apache-arrow';
import type { SetFate, SetJournal, WriteOptions } from '../../src/adapters/types.js';
import { takeRows } from '../../src/batch/gather.js';
import { interrupted } from '../../src/util/abort.js';
import { type Deferred, deferred } from '../../src/util/deferred.js';
import { fail } from '../../src/util/errors.js';
import type { MemoryWriter } from './memory-writer.js';

/** What the server says of sets, whoever asks. */
export type SetServer = Map<string, { readonly fate: SetFate; readonly task: bigint }>;

/**
 * How a set ends together with its run: the server never gets it; it takes it in and the run does not hear of that; not even the
 * task is heard of; or the server does not know it any more when it is asked.
 */
export type SetDeath = 'unsent' | 'landed' | 'unanswered' | 'forgotten';

export interface GatheringOptions {
  readonly server: SetServer;
  readonly batchesPerSet: number;
  /** The set (from 0) that the run dies with. */
  readonly die?: { readonly set: number; readonly how: SetDeath };
}

interface OpenSet {
  readonly name: string;
  readonly batches: RecordBatch[];
  readonly journal: SetJournal;
  readonly landed: Deferred<void>;
  readonly options: WriteOptions;
}

const DEAD = fail('NET_UNAVAILABLE', 'the server is gone');
let made = 0;

/** A memory writer that gathers batches in sets, which arrive as a whole, like files that a server imports. */
export function gathering(base: MemoryWriter, o: GatheringOptions): MemoryWriter & { readonly asked: string[] } {
  const asked: string[] = [];
  let open: OpenSet | undefined;
  let sets = 0;
  let dead = false;

  async function handOver(set: OpenSet): Promise<void> {
    const how = o.die?.set === sets++ ? o.die.how : undefined;
    const task = 2n ** 60n + BigInt(made++);
    dead ||= how !== undefined;
    if (how !== 'unsent') {
      for (const batch of set.batches) {
        const { journal: _, ...options } = set.options;
        await (await base.write(batch, options)).ack;
      }
      o.server.set(set.name, { fate: how === 'forgotten' ? 'unknown' : 'landed', task });
      if (how !== 'unanswered') await set.journal.started(set.name, [task]);
    }
    if (how === undefined) set.landed.resolve();
    else set.landed.reject(DEAD);
  }

  async function close(): Promise<void> {
    const set = open;
    open = undefined;
    if (set) await handOver(set);
  }

  return {
    ...base,
    get collection() {
      return base.collection;
    },
    get mostInFlight() {
      return base.mostInFlight;
    },
    get disposals() {
      return base.disposals;
    },
    asked,
    async plan(schema, units, options) {
      return { ...(await base.plan(schema, units, options)), path: 'bulk' };
    },
    async write(batch, options) {
      if (dead) throw DEAD;
      if (!options.journal) throw new Error('rows for a set without a journal');
      if (!open) {
        const landed = deferred<void>();
        landed.promise.catch(() => {});
        open = { name: `set-${made++}`, batches: [], journal: options.journal, landed, options };
        const set = open;
        options.stop?.addEventListener('abort', () => set.landed.reject(interrupted()));
      }
      const { name, batches, landed } = open;
      await options.journal.placed(name);
      batches.push(
        takeRows(
          batch,
          Array.from({ length: batch.numRows }, (_, row) => row),
        ),
      );
      const rows = batch.numRows;
      if (batches.length === o.batchesPerSet) await close();
      return { ack: landed.promise.then(() => ({ rows, keys: new BigInt64Array(0) })) };
    },
    completeUnit: close,
    async settleSets(tasks) {
      const fates = new Map<string, SetFate>();
      for (const [set, noted] of tasks) {
        const known = o.server.get(set);
        asked.push(
          `${set}: ${noted.length === 0 ? 'no task' : noted.join() === String(known?.task) ? 'its task' : 'another task'}`,
        );
        fates.set(set, known?.fate ?? 'missing');
      }
      return fates;
    },
  };
}
