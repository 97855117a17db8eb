/** What the protocol double of a Milvus 3.0 keeps: snapshots, pins and restores, by the rules of its source (2026-08). */

export interface Refusal {
  readonly code: number;
  readonly reason: string;
}

/** A status other than ok. */
export class Refused extends Error {
  readonly status: Refusal;
  constructor(status: Refusal) {
    super(status.reason);
    this.status = status;
  }
}

// merr: collection not found, invalid and missing parameter, import failed, disk quota.
export const CODES = { collection: 100, invalid: 1100, missing: 1101, import: 2100 } as const;
/** The numbers of ErrSnapshotNotFound and ErrSnapshotPinned are not known to us: nothing may depend on these. */
const SOME_CODE = 2799;

/** What is behind the snapshots: real collections, or some that are made up. */
export interface World {
  exists(db: string, collection: string): Promise<boolean>;
  partitions(db: string, collection: string): Promise<string[]>;
  /** Keeps what the collection holds now. */
  capture(db: string, collection: string): Promise<Captured>;
}

/** What a snapshot refers to. A server makes the new collection at once, and fills it later. */
export interface Captured {
  make(db: string, collection: string): Promise<void>;
  fill(db: string, collection: string): Promise<void>;
}

export interface KeptSnapshot {
  readonly db: string;
  readonly collection: string;
  readonly name: string;
  readonly description: string;
  readonly protection: number;
  readonly partitions: readonly string[];
  /** Milliseconds. */
  readonly created: number;
  readonly location: string;
  readonly captured: Captured;
  pins: number;
}

export interface KeptJob {
  readonly id: bigint;
  readonly snapshot: KeptSnapshot;
  readonly db: string;
  readonly collection: string;
  /** RestoreSnapshotState. */
  state: number;
  progress: number;
  reason: string;
  readonly started: number;
  timeCost: number;
  /** Times that somebody has asked for it. */
  asked: number;
}

export interface StateOptions {
  /** Milliseconds of a new snapshot; now where absent. */
  readonly clock?: () => number;
  /** Questions about a new job that are answered "restore job not found": it is written down later than it is told. */
  readonly lateBy?: number;
  /** Where the server says that the metadata of each snapshot is. */
  readonly location?: string;
  /** Why every restore fails. */
  readonly failRestores?: string;
}

const PENDING = 1;
const EXECUTING = 2;
const COMPLETED = 3;
const FAILED = 4;
const SEVEN_DAYS = 7 * 86_400;

function requireName(name: string): void {
  const refuse = (reason: string): Refused => new Refused({ code: CODES.invalid, reason });
  if (name.trim() === '') throw refuse('snapshot name should be not empty: invalid parameter');
  if (!/^[A-Za-z_]/.test(name)) throw refuse('the first character of snapshot name must be an underscore or letter');
  if (!/^[A-Za-z0-9_$]*$/.test(name)) {
    throw refuse('snapshot name can only contain numbers, letters, underscores, and allowed characters ($)');
  }
}

export class SnapshotState {
  readonly snapshots: KeptSnapshot[] = [];
  readonly jobs: KeptJob[] = [];
  private readonly world: World;
  private readonly o: StateOptions;
  private lastId = 460_212_311_434_199_064n;

  constructor(world: World, o: StateOptions = {}) {
    this.world = world;
    this.o = o;
  }

  private now(): number {
    return this.o.clock?.() ?? Date.now();
  }

  async requireCollection(db: string, collection: string): Promise<void> {
    if (collection === '') throw new Refused({ code: CODES.missing, reason: 'missing parameter: collection_name' });
    if (await this.world.exists(db, collection)) return;
    throw new Refused({
      code: CODES.collection,
      reason: `collection not found[database=${db}][collection=${collection}]`,
    });
  }

  private find(db: string, collection: string, name: string): KeptSnapshot | undefined {
    return this.snapshots.find((one) => one.db === db && one.collection === collection && one.name === name);
  }

  get(db: string, collection: string, name: string): KeptSnapshot {
    const found = this.find(db, collection, name);
    if (found) return found;
    throw new Refused({ code: SOME_CODE, reason: `snapshot not found[snapshot=${name}]` });
  }

  async create(r: {
    name: string;
    description: string;
    db: string;
    collection: string;
    protection: number;
  }): Promise<void> {
    requireName(r.name);
    await this.requireCollection(r.db, r.collection);
    if (r.protection < 0 || r.protection > SEVEN_DAYS) {
      throw new Refused({ code: CODES.invalid, reason: 'compaction_protection_seconds is out of range' });
    }
    if (this.find(r.db, r.collection, r.name)) {
      throw new Refused({ code: CODES.invalid, reason: `snapshot name ${r.name} already exists` });
    }
    this.lastId += 2n;
    this.snapshots.push({
      ...r,
      partitions: await this.world.partitions(r.db, r.collection),
      created: this.now(),
      location: this.o.location ?? `files/snapshots/1/metadata/${this.lastId}.json`,
      captured: await this.world.capture(r.db, r.collection),
      pins: 0,
    });
  }

  async list(db: string, collection: string): Promise<string[]> {
    await this.requireCollection(db, collection);
    return this.snapshots.filter((one) => one.db === db && one.collection === collection).map(({ name }) => name);
  }

  /** Dropping what is not there is no error. */
  async drop(db: string, collection: string, name: string): Promise<void> {
    requireName(name);
    await this.requireCollection(db, collection);
    const found = this.find(db, collection, name);
    if (!found) return;
    if (found.pins > 0) {
      const reason = `snapshot pinned[snapshot=${name}]: ${found.pins} active pins, unpin before dropping`;
      throw new Refused({ code: SOME_CODE, reason });
    }
    this.snapshots.splice(this.snapshots.indexOf(found), 1);
  }

  async restore(
    from: { db: string; collection: string; name: string },
    to: { db: string; collection: string },
  ): Promise<bigint> {
    await this.requireCollection(from.db, from.collection);
    const snapshot = this.get(from.db, from.collection, from.name);
    if (await this.world.exists(to.db, to.collection)) {
      throw new Refused({ code: CODES.invalid, reason: `failed to restore collection: collection already exists` });
    }
    await snapshot.captured.make(to.db, to.collection);
    this.lastId += 2n;
    snapshot.pins++;
    const begun = { state: PENDING, progress: 0, reason: '', started: Date.now(), timeCost: 0, asked: 0 };
    this.jobs.push({ id: this.lastId, snapshot, ...to, ...begun });
    return this.lastId;
  }

  /** A job goes one step on whenever somebody asks for it: pending, executing, and then over. */
  async job(id: bigint): Promise<KeptJob> {
    const found = this.jobs.find((job) => job.id === id);
    if (!found || found.asked++ < (this.o.lateBy ?? 0)) {
      throw new Refused({ code: CODES.import, reason: `restore job not found: jobID=${id}: importing data failed` });
    }
    await this.step(found);
    return found;
  }

  private async step(job: KeptJob): Promise<void> {
    const { failRestores } = this.o;
    if (job.state === PENDING && job.asked > (this.o.lateBy ?? 0) + 1) {
      job.state = EXECUTING;
      job.progress = 50;
    } else if (job.state === EXECUTING) {
      if (failRestores === undefined) await job.snapshot.captured.fill(job.db, job.collection);
      job.state = failRestores === undefined ? COMPLETED : FAILED;
      job.progress = failRestores === undefined ? 100 : 50;
      job.reason = failRestores ?? '';
      job.timeCost = Date.now() - job.started + 1;
      job.snapshot.pins--;
    }
  }
}
