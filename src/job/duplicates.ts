import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bitmap, createBitmap } from '../batch/bitmap.js';
import { isText, type RawColumn } from '../batch/columns.js';

/** One id with the numbers of the first rows that carry it. */
export interface DuplicateId {
  readonly id: string;
  readonly rows: readonly number[];
}

export interface DuplicateReport {
  /** Rows beyond the first of each id. */
  readonly extraRows: number;
  /** Ids that occur more than once. */
  readonly ids: number;
  /** The ten that come first in the source. */
  readonly first: readonly DuplicateId[];
  /** Rows to leave out under the policy first or last. */
  readonly losers?: Bitmap;
}

export type DuplicatePolicy = 'keep' | 'first' | 'last' | 'error';

/** Entries of a spill file: two 64-bit words of the id (or of its hash), one of the row number. */
const WORDS = 3;
const ENTRY_BYTES = WORDS * 8;
const BUCKETS = 128;
const CHUNK_ENTRIES = 64 * 1024;
const SHOWN = 10;

/**
 * Finds ids that occur more than once among any number of rows with bounded memory: every id goes to one of 128 files
 * by its hash, and the files are looked at one after the other. A file that is still too large to hold is dealt out
 * again. Text ids are told apart by 128 bits of hash.
 */
export interface DuplicateFinder extends AsyncDisposable {
  add(column: RawColumn, firstRow: number): Promise<void>;
  finish(totalRows: number, policy: DuplicatePolicy): Promise<DuplicateReport>;
}

type Hash = (bytes: Uint8Array, seed: bigint) => bigint;

/** Splits evenly also for ids that share low bits: a 64-bit mix of Fibonacci hashing, on the 32-bit halves. */
function bucketOf(lo: number, hi: number, level: number): number {
  const mixed = Math.imul(lo ^ Math.imul(hi, 0x85ebca6b), 0x9e3779b1) ^ Math.imul(hi + level, 0xc2b2ae35);
  const spread = Math.imul(mixed ^ (mixed >>> 15), 0x27d4eb2f + level * 2);
  return (spread >>> 16) % BUCKETS;
}

interface Bucket {
  readonly path: string;
  /** Undefined once the file is closed. */
  file: FileHandle | undefined;
  readonly buffer: BigUint64Array;
  used: number;
  entries: number;
}

const BUFFER_ENTRIES = 1024;

async function createBuckets(folder: string, level: string): Promise<Bucket[]> {
  const buckets: Bucket[] = [];
  try {
    for (let i = 0; i < BUCKETS; i++) {
      const path = join(folder, `${level}-${i}`);
      const file = await open(path, 'w', 0o600);
      buckets.push({ path, file, buffer: new BigUint64Array(BUFFER_ENTRIES * WORDS), used: 0, entries: 0 });
    }
  } catch (thrown) {
    await Promise.all(buckets.map(close));
    throw thrown;
  }
  return buckets;
}

async function drain(bucket: Bucket): Promise<void> {
  const bytes = new Uint8Array(bucket.buffer.buffer, 0, bucket.used * ENTRY_BYTES);
  for (let at = 0; at < bytes.length; ) at += (await bucket.file!.write(bytes, at)).bytesWritten;
  bucket.used = 0;
}

/** Adds an entry; true when the bucket must be drained before the next one. */
function put(bucket: Bucket, a: bigint, b: bigint, row: number): boolean {
  const at = bucket.used * WORDS;
  bucket.buffer[at] = a;
  bucket.buffer[at + 1] = b;
  bucket.buffer[at + 2] = BigInt(row);
  bucket.used++;
  bucket.entries++;
  return bucket.used === BUFFER_ENTRIES;
}

/** Closes the file as it is: entries that were not drained are lost. */
async function close(bucket: Bucket): Promise<void> {
  const { file } = bucket;
  bucket.file = undefined;
  await file?.close();
}

async function complete(bucket: Bucket): Promise<void> {
  await drain(bucket);
  await close(bucket);
}

type SpillFile = Pick<Bucket, 'path' | 'entries'>;

/** Entries of a spill file, a chunk at a time. The chunk is reused. */
async function* entriesOf({ path, entries }: SpillFile): AsyncIterable<BigUint64Array> {
  const file = await open(path, 'r');
  try {
    const chunk = new BigUint64Array(Math.min(entries, CHUNK_ENTRIES) * WORDS);
    const bytes = new Uint8Array(chunk.buffer);
    for (;;) {
      const { bytesRead } = await file.read(bytes, 0, bytes.length, null);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead / 8);
    }
  } finally {
    await file.close();
  }
}

interface Seen {
  readonly first: number;
  last: number;
  count: number;
  rows: number[];
}

export interface FinderOptions {
  /** Entries of one file that are looked at in memory; more are dealt out again. */
  readonly bucketEntries?: number;
  readonly folder?: string;
}

class Tally {
  extraRows = 0;
  ids = 0;
  readonly first: { id: string; rows: number[] }[] = [];
  readonly losers: Bitmap | undefined;
  readonly policy: DuplicatePolicy;
  readonly text: boolean;

  constructor(policy: DuplicatePolicy, totalRows: number, text: boolean) {
    this.policy = policy;
    this.text = text;
    this.losers = policy === 'first' || policy === 'last' ? createBitmap(totalRows) : undefined;
  }

  group(a: bigint, seen: Seen): void {
    if (seen.count < 2) return;
    this.ids++;
    this.extraRows += seen.count - 1;
    const id = this.text ? `text id of row ${seen.first}` : BigInt.asIntN(64, a).toString();
    this.first.push({ id, rows: seen.rows });
    if (this.first.length > SHOWN * 4) this.trim();
  }

  trim(): void {
    this.first.sort((x, y) => x.rows[0]! - y.rows[0]!);
    this.first.length = Math.min(this.first.length, SHOWN);
  }
}

/** First words that occur more than once in a file, by a native sort: for most files none, and nothing else is to do. */
async function repeatedWords(file: SpillFile): Promise<Set<bigint>> {
  const words = new BigUint64Array(file.entries);
  let used = 0;
  for await (const chunk of entriesOf(file)) for (let i = 0; i < chunk.length; i += WORDS) words[used++] = chunk[i]!;
  words.sort();
  const repeated = new Set<bigint>();
  for (let i = 1; i < words.length; i++) if (words[i] === words[i - 1]) repeated.add(words[i]!);
  return repeated;
}

/**
 * Adds one file to the tally. A file of more than `limit` entries, dealt out as it was, holds copies of few ids: those
 * are counted without the sort, whose memory would grow with the copies.
 */
async function tallyFile(file: SpillFile, tally: Tally, limit: number): Promise<void> {
  if (file.entries < 2) return;
  const repeated = file.entries <= limit ? await repeatedWords(file) : undefined;
  if (repeated?.size === 0) return;
  const groups = new Map<string, { a: bigint; seen: Seen }>();
  for await (const chunk of entriesOf(file)) {
    for (let i = 0; i < chunk.length; i += WORDS) {
      const a = chunk[i]!;
      if (repeated && !repeated.has(a)) continue;
      const row = Number(chunk[i + 2]!);
      const key = `${a}/${chunk[i + 1]!}`;
      const group = groups.get(key);
      if (!group) groups.set(key, { a, seen: { first: row, last: row, count: 1, rows: [row] } });
      else countCopy(group.seen, row, tally);
    }
  }
  for (const { a, seen } of groups.values()) tally.group(a, seen);
}

/** Rows arrive in ascending order, so the newest is the last one so far. */
function countCopy(seen: Seen, row: number, tally: Tally): void {
  seen.count++;
  if (seen.rows.length < SHOWN) seen.rows.push(row);
  if (tally.policy === 'first') tally.losers?.add(row);
  if (tally.policy === 'last') tally.losers?.add(seen.last);
  seen.last = row;
}

async function dealOut(file: SpillFile, folder: string, level: number): Promise<Bucket[]> {
  const buckets = await createBuckets(folder, `level${level}-${file.path.split('-').pop()}`);
  try {
    for await (const chunk of entriesOf(file)) {
      for (let i = 0; i < chunk.length; i += WORDS) {
        const a = chunk[i]!;
        const bucket = buckets[bucketOf(Number(a & 0xffffffffn), Number(a >> 32n), level)]!;
        if (put(bucket, a, chunk[i + 1]!, Number(chunk[i + 2]!))) await drain(bucket);
      }
    }
    await Promise.all(buckets.map(complete));
  } finally {
    await Promise.all(buckets.map(close));
  }
  return buckets;
}

async function tallyBucket(bucket: Bucket, tally: Tally, folder: string, limit: number): Promise<void> {
  if (bucket.entries <= limit) await tallyFile(bucket, tally, limit);
  else {
    for (const part of await dealOut(bucket, folder, 1)) {
      await tallyFile(part, tally, limit);
      await rm(part.path, { force: true });
    }
  }
  await rm(bucket.path, { force: true });
}

/** Makes a finder with its files in a private temporary folder; disposing removes them. */
export async function createDuplicateFinder(o: FinderOptions = {}): Promise<DuplicateFinder> {
  const folder = await mkdtemp(join(o.folder ?? tmpdir(), 'milvusdm-ids-'));
  const buckets = await createBuckets(folder, 'level0');
  const hash: Hash = (await (await import('xxhash-wasm')).default()).h64Raw;
  let text = false;
  return {
    async add(column, firstRow) {
      const { values, rows } = column;
      if (isText(values)) {
        text = true;
        for (let i = 0; i < rows; i++) {
          const key = values.bytes.subarray(values.offsets[i]!, values.offsets[i + 1]!);
          const a = hash(key, 0n);
          const bucket = buckets[bucketOf(Number(a & 0xffffffffn), Number(a >> 32n), 0)]!;
          if (put(bucket, a, hash(key, 1n), firstRow + i)) await drain(bucket);
        }
        return;
      }
      const ids = values as BigInt64Array;
      const halves = new Uint32Array(ids.buffer, ids.byteOffset, rows * 2);
      for (let i = 0; i < rows; i++) {
        const bucket = buckets[bucketOf(halves[i * 2]!, halves[i * 2 + 1]!, 0)]!;
        if (put(bucket, BigInt.asUintN(64, ids[i]!), 0n, firstRow + i)) await drain(bucket);
      }
    },
    async finish(totalRows, policy) {
      await Promise.all(buckets.map(complete));
      const tally = new Tally(policy, totalRows, text);
      for (const bucket of buckets) await tallyBucket(bucket, tally, folder, o.bucketEntries ?? 250_000);
      tally.trim();
      const { extraRows, ids, first, losers } = tally;
      return { extraRows, ids, first, ...(losers ? { losers } : {}) };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(buckets.map(close));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
