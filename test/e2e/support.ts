import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect, inject } from 'vitest';
import { stringify } from 'yaml';
import type { PlanReport, Report } from '../../src/job/report.js';
import { sleep } from '../../src/util/abort.js';
import { type CliOptions, type CliResult, type RunningCli, startCli } from '../support/cli.js';
import { PROJECT } from '../support/environments.js';
import { untilAcks } from '../support/ledger.js';
import type { FieldPlan } from '../support/python.js';

/** A file of `fixtures/`, as an absolute path. */
export function fixture(path: string): string {
  return join(PROJECT, 'fixtures', path);
}

export function milvusUri(): string {
  return `http://${inject('milvusAddress')}`;
}

const made = new Set<string>();
let counter = 0;

/** A collection name that nobody else has; {@link dropCollections} drops it. */
export function unique(what: string): string {
  const name = `e2e_${what}_${process.pid}_${Date.now().toString(36)}${counter++}`;
  made.add(name);
  return name;
}

/** {@link dropCollections} drops this one, too. */
export function alsoDropped(name: string): string {
  made.add(name);
  return name;
}

/** A client of the Milvus of the run, for what the tests do by hand. */
export async function withClient<T>(use: (client: MilvusClient) => Promise<T>, timeout = 300_000): Promise<T> {
  const client = new MilvusClient({
    address: inject('milvusAddress'),
    timeout,
    maxRetries: 0,
    telemetry: { enabled: false },
    logLevel: 'none',
    // As those of milvusdm: of its own, since others who are done would take a shared one along.
    channelOptions: { 'grpc.use_local_subchannel_pool': 1, 'grpc.keepalive_timeout_ms': 20_000 },
  });
  try {
    return await use(client);
  } finally {
    await client.closeConnection();
  }
}

export async function exists(collection: string): Promise<boolean> {
  return withClient(async (client) => (await client.hasCollection({ collection_name: collection })).value === true);
}

/** Of gRPC. */
const DEADLINE_EXCEEDED = 4;

/**
 * Drops every collection that {@link unique} has named, for afterAll. One that the server does not drop in time is left: it is
 * in nobody's way, and its server ends with the run.
 */
export async function dropCollections(): Promise<void> {
  await withClient(async (client) => {
    for (const name of made) {
      await drop(client, name).catch((thrown: { code?: unknown }) => {
        if (thrown.code !== DEADLINE_EXCEEDED) throw thrown;
      });
    }
  }, 60_000);
  made.clear();
}

async function drop(client: MilvusClient, name: string): Promise<void> {
  const answer = await client.describeCollection({ collection_name: name });
  if (answer.status.code !== 0) return;
  for (const alias of answer.aliases ?? []) await client.dropAlias({ alias });
  await client.releaseCollection({ collection_name: name });
  await client.dropCollection({ collection_name: name });
}

/** A new folder within the folder of the run. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(inject('runFolder'), 'e2e-'));
}

const validators = new Map<string, ValidateFunction>();

/** Checks a document against a schema of `schemas/`. */
export function checkDocument(schema: string, document: unknown): void {
  const validate =
    validators.get(schema) ??
    new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(join(PROJECT, 'schemas', schema), 'utf8')));
  validators.set(schema, validate);
  validate(document);
  expect(validate.errors ?? [], `the document does not keep to schemas/${schema}`).toEqual([]);
}

/** What holds for every command with `--json`: one document on stdout with the exit code in it, and no stack trace. */
export function checkOutput(result: CliResult): Record<string, unknown> {
  const document = result.json();
  expect(result.stdout.trimEnd().endsWith('}')).toBe(true);
  expect(result.stderr).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
  expect(document.exit_code, result.stdout + result.stderr).toBe(result.code);
  expect(document).toMatchObject({ version: 1 });
  return document;
}

/** The outcome of a run, whose report has been checked against its schema. */
export interface Ran extends CliResult {
  readonly report: Report;
  /** The only target of the report. */
  readonly target: Report['targets'][number];
}

export interface RunOptions extends CliOptions {
  /** Further arguments of the command line. */
  readonly args?: readonly string[];
}

/** Keys of a task; `task` is H2M unless every file of `data_path` is a Faiss index. */
export type Keys = Readonly<Record<string, unknown>>;

function taskOf(keys: Keys): 'F2M' | 'H2M' {
  const text = JSON.stringify(keys.data_path ?? '');
  return text.includes('.index"') ? 'F2M' : 'H2M';
}

/** A YAML file of the task, with the Milvus of the run as target unless the keys name another. */
export async function yamlFile(keys: Keys): Promise<string> {
  const dest = 'dest_uri' in keys || 'dest_host' in keys ? {} : { dest_uri: milvusUri() };
  const path = join(await temporaryFolder(), 'task.yaml');
  await writeFile(path, stringify({ [taskOf(keys)]: { ...dest, ...keys } }));
  return path;
}

/** Checks what a finished run has printed. */
export function ran(result: CliResult): Ran {
  const report = checkOutput(result) as unknown as Report;
  checkDocument('report.schema.json', report);
  return {
    ...result,
    report,
    get target() {
      expect(report.targets, result.stdout).toHaveLength(1);
      return report.targets[0]!;
    },
  };
}

/** Runs a YAML file to its end. */
export async function runYaml(path: string, o: RunOptions = {}): Promise<Ran> {
  const { result } = await startCli(['--yaml', path, '--json', ...(o.args ?? [])], o);
  return ran(await result);
}

/** Runs a task to its end. */
export async function run(keys: Keys, o: RunOptions = {}): Promise<Ran> {
  return runYaml(await yamlFile(keys), o);
}

/** What `milvusdm plan` says of a task; the run itself is not started. */
export async function planOf(keys: Keys, o: RunOptions = {}): Promise<PlanReport> {
  const { result } = await startCli(['plan', await yamlFile(keys), '--json', ...(o.args ?? [])], o);
  const plan = checkOutput(await result) as unknown as PlanReport;
  expect(plan.status, JSON.stringify(plan)).toBe('planned');
  return plan;
}

/** Runs a task that must succeed, and gives its report. */
export async function runOk(keys: Keys, o: RunOptions = {}): Promise<Ran> {
  const done = await run(keys, o);
  expect(done.report.error, done.stderr).toBe(null);
  expect(done.code).toBe(0);
  return done;
}

/** Settings under which a run costs least; the content is then checked by pymilvus. */
export const QUICK = { verify: 'count', collection_parameter: { index: 'none' } } as const;

/** Float vectors as a Faiss flat index (IxF2, L2); without ids. */
export function faissFlat(rows: number, dim: number, value: (row: number, column: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 + 8 + 8 + 8 + 1 + 4 + 8);
  header.write('IxF2', 0, 'latin1');
  header.writeInt32LE(dim, 4);
  header.writeBigInt64LE(BigInt(rows), 8);
  header.writeBigInt64LE(1n << 20n, 16);
  header.writeBigInt64LE(1n << 20n, 24);
  header.writeUInt8(1, 32);
  header.writeInt32LE(1, 33);
  header.writeBigUInt64LE(BigInt(rows * dim), 37);
  const values = Float32Array.from({ length: rows * dim }, (_, i) => value(Math.floor(i / dim), i % dim));
  return Buffer.concat([header, Buffer.from(values.buffer)]);
}

/** Everything in the files below a folder, as text. */
export async function textsBelow(files: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const file of files) for await (const chunk of createReadStream(file, 'latin1')) parts.push(chunk as string);
  return parts.join('\n');
}

/** The vectors of {@link faissFlat} under ids of their own (IxMp). */
export function faissIdMap(
  ids: readonly bigint[],
  dim: number,
  value: (row: number, column: number) => number,
): Buffer {
  const flat = faissFlat(ids.length, dim, value);
  const header = Buffer.from(flat.subarray(0, 37));
  header.write('IxMp', 0, 'latin1');
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(ids.length));
  return Buffer.concat([header, flat, count, Buffer.from(BigInt64Array.from(ids).buffer)]);
}

/** Writes a source file into a folder of its own and gives its path. */
export async function sourceFile(name: string, content: Buffer): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

/** The digests that test/interop/digest.py gives of these rows. */
export function digestsOf(rows: readonly { id: bigint; vector: readonly number[] }[]): {
  sha256: string;
  sha256_ids: string;
} {
  const sorted = [...rows].sort((a, b) => (a.id < b.id ? -1 : 1));
  const vectors = createHash('sha256');
  const ids = createHash('sha256');
  for (const { id, vector } of sorted) {
    vectors.update(new Uint8Array(Float32Array.from(vector).buffer));
    ids.update(new Uint8Array(BigInt64Array.of(id).buffer));
  }
  return { sha256: vectors.digest('hex'), sha256_ids: ids.digest('hex') };
}

/** Fields of a float collection, as MilvusDM makes them. */
export function floatFields(dim: number, key: Partial<FieldPlan> = {}, vector = 'embedding'): FieldPlan[] {
  return [
    { name: 'id', type: 'INT64', primary: true, ...key },
    { name: vector, type: 'FLOAT_VECTOR', dim },
  ];
}

/** Resolves once a running command has said something on stderr. Throws with all of it when it ends before. */
export async function untilSaid(running: RunningCli, text: string, limitMs = 300_000): Promise<void> {
  const ended = running.result.then((result) => result.code ?? result.signal);
  for (const end = Date.now() + limitMs; !running.stderr().includes(text); ) {
    const over = await Promise.race([ended, sleep(50)]);
    if (over !== undefined || Date.now() > end) throw new Error(`it did not say "${text}" but: ${running.stderr()}`);
  }
}

/** Starts a task and resolves when some of it has arrived. The caller waits for its result. */
export async function startWriting(keys: Keys, o: RunOptions = {}): Promise<RunningCli> {
  const running = await startCli(['--yaml', await yamlFile(keys), '--json', ...(o.args ?? [])], o);
  await untilAcks(running, 3);
  return running;
}

/** A source of 200,000 rows and settings under which writing it takes well over a minute. */
export async function slowTask(): Promise<Keys> {
  const data_path = await sourceFile(
    'slow.index',
    faissFlat(200_000, 8, (row, column) => row + column / 8),
  );
  return { ...QUICK, data_path, mode: 'append', batch_bytes: '64KiB', max_rate: 2000 };
}
