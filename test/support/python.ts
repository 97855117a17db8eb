import { join } from 'node:path';
import { inject } from 'vitest';
import { PROJECT } from './environments.js';
import { PythonServer } from './python-server.js';

let server: PythonServer | undefined;

/** Runs a Python script of test/interop (or any path) in the interop environment and gives what it printed. Throws with stderr. */
export async function python(script: string, args: readonly string[], timeoutMs = 600_000): Promise<string> {
  const path = script.includes('/') ? script : join(PROJECT, 'test', 'interop', script);
  server ??= new PythonServer(inject('interopPython'), inject('runFolder'));
  const { code, stdout, stderr } = await server.run([path, ...args], timeoutMs);
  if (code === 0) return stdout;
  throw new Error(`${script} ended with ${code < 0 ? `signal ${-code}` : `exit code ${code}`}: ${stderr}`);
}

/** What test/interop/digest.py found in a collection. */
export interface Digest {
  readonly collection: string;
  readonly partition: string | null;
  /** `count(*)`: every stored copy of an id. */
  readonly count: number;
  readonly partitions: readonly string[];
  readonly partition_counts: Readonly<Record<string, number>>;
  readonly fields: readonly { name: string; type: string; primary: boolean; auto_id: boolean; dim?: number }[];
  readonly indexes: readonly { field: string; type: string; metric: string }[];
  readonly load_state: string;
  readonly aliases: readonly string[];
}

/** The digests of the content; only one copy of an id is seen. */
export interface FullDigest extends Digest {
  readonly rows: number;
  readonly dim: number;
  readonly vector: string;
  /** Of the vectors as stored, in ascending order of their ids. */
  readonly sha256: string;
  /** Of the ids: int64 little-endian, or UTF-8 with a closing NUL. */
  readonly sha256_ids: string;
  /** Of the values of each scalar field in that order; text as uint32 length and UTF-8. */
  readonly columns: Readonly<Record<string, { readonly type: string; readonly sha256: string }>>;
}

export interface DigestTarget {
  /** Default: the Milvus of the run. */
  readonly uri?: string;
  readonly collection: string;
  readonly partition?: string;
  readonly vectorField?: string;
  readonly db?: string;
}

function targetArgs(target: DigestTarget): string[] {
  const args = ['--uri', target.uri ?? `http://${inject('milvusAddress')}`, '--collection', target.collection];
  if (target.partition) args.push('--partition', target.partition);
  if (target.db) args.push('--db', target.db);
  if (target.vectorField) args.push('--vector-field', target.vectorField);
  return args;
}

/** Reads a collection back by pymilvus, independently of milvusdm. Leaves its load state and indexes as they were. */
export async function digest(target: DigestTarget): Promise<FullDigest> {
  return JSON.parse(await python('digest.py', targetArgs(target))) as FullDigest;
}

/** What was found in one partition. */
export type Content = Pick<FullDigest, 'rows' | 'dim' | 'sha256' | 'sha256_ids' | 'columns'>;

/** {@link digest} of each partition of several collections, which costs one loading per collection. */
export async function partitionDigests(
  collections: readonly string[],
  uri = `http://${inject('milvusAddress')}`,
): Promise<Map<string, Digest & { readonly parts: Readonly<Record<string, Content>> }>> {
  const args = ['--uri', uri, '--each-partition', '--collection', ...collections];
  const lines = (await python('digest.py', args)).trim().split('\n');
  return new Map(lines.map((line) => JSON.parse(line)).map((found) => [found.collection, found]));
}

/** Like {@link digest}, without reading the rows. */
export async function counts(target: DigestTarget): Promise<Digest> {
  return JSON.parse(await python('digest.py', [...targetArgs(target), '--counts'])) as Digest;
}

export interface FieldPlan {
  readonly name: string;
  /** Name of a pymilvus DataType, e.g. INT64. */
  readonly type: string;
  readonly primary?: boolean;
  readonly auto_id?: boolean;
  readonly dim?: number;
  readonly max_length?: number;
}

/** A collection that test/interop/make_collection.py makes. An existing one of that name is dropped first. */
export interface CollectionPlan {
  readonly uri?: string;
  readonly collection: string;
  readonly fields: readonly FieldPlan[];
  readonly dynamic?: boolean;
  readonly shards?: number;
  readonly partitions?: readonly string[];
  /** Blocks of rows, with values made from the seed; ids run on from `first_id`. */
  readonly insert?: readonly { partition?: string; rows: number; first_id?: number; seed?: number }[];
  readonly index?: { field: string; type: string; metric: string; params?: Record<string, unknown> };
  readonly load?: boolean;
  readonly aliases?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
}

/** Makes a collection by pymilvus; resolves with the number of rows written. */
export async function makeCollection(plan: CollectionPlan): Promise<number> {
  const uri = plan.uri ?? `http://${inject('milvusAddress')}`;
  const said = await python('make_collection.py', [JSON.stringify({ ...plan, uri })]);
  return (JSON.parse(said) as { rows: number }).rows;
}
