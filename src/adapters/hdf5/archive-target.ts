import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordBatch, Schema } from 'apache-arrow';
import { type FieldSpec, isVector, specsOf } from '../../batch/fields.js';
import type { ArchiveTarget } from '../../config/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { Ack, SentBatch, Target, UnitPlan, WritePlan, Writer, WriterRequest, WriteUnit } from '../types.js';
import { archiveFileName, safeFileNames } from './archive-names.js';
import { type ArchiveFile, createArchiveFile } from './archive-writer.js';
import { archiveYaml } from './archive-yaml.js';

const DEFAULT_PARTITION = '_default';

/** A run's folder: its UTC start, so that folders sort by time. */
export function runFolder(dir: string, started: Date): string {
  return join(dir, started.toISOString().slice(0, 19).replace(/[-:]/g, '').concat('Z'));
}

/** One partition on its way into files. */
interface PartitionFiles {
  readonly partition: string;
  readonly paths: string[];
  current: ArchiveFile | undefined;
  /** In files that are complete: read back, compared, and under their name. What is in no file is missing from it. */
  rows: number;
  /** Rows at the front of what is still to come that are in complete files already. */
  skip: number;
  /** Told when the file that is being written is complete. */
  waiting: (() => void)[];
}

function newFiles(partition: string): PartitionFiles {
  return { partition, paths: [], current: undefined, rows: 0, skip: 0, waiting: [] };
}

interface CollectionFolder {
  readonly folder: string;
  readonly schema: Schema;
  readonly request: WriterRequest;
  readonly archive: ArchiveTarget;
  readonly fileNames: ReadonlyMap<string, string>;
  /** A run is continued: files of its that are not whole are written again. */
  readonly resumed: boolean;
}

function nameOf(specs: readonly FieldSpec[], what: (spec: FieldSpec) => boolean): string {
  return specs.find(what)?.name ?? '';
}

/** Path of the file behind those that the partition has. */
function nextPath(c: CollectionFolder, files: PartitionFiles): string {
  const part = c.archive.rowsPerFile === undefined ? undefined : files.paths.length + 1;
  return join(c.folder, archiveFileName(c.fileNames.get(files.partition)!, part));
}

async function nextFile(c: CollectionFolder, files: PartitionFiles): Promise<ArchiveFile> {
  const { archive, request, schema } = c;
  const path = nextPath(c, files);
  const specs = specsOf(schema);
  files.paths.push(path);
  return createArchiveFile({
    path,
    schema,
    meta: { collection: request.collection, partition: files.partition, settings: request.settings },
    keyName: nameOf(specs, (s) => s.primaryKey === true),
    vectorName: nameOf(specs, (s) => isVector(s.type)),
    ...(archive.gzip === undefined ? {} : { gzip: archive.gzip }),
    overwrite: c.resumed,
  });
}

async function finishFile(files: PartitionFiles): Promise<void> {
  await files.current?.finish();
  files.rows += files.current?.rows ?? 0;
  files.current = undefined;
  const told = files.waiting;
  files.waiting = [];
  for (const tell of told) tell();
}

/**
 * Takes the files over that an earlier run has completed: a file has its name only then. Rows that are in them and were not noted
 * any more come again, first of all, and are left out. Throws DST_UNFINISHED when a file is gone.
 */
function takeOver(c: CollectionFolder, files: PartitionFiles, noted: number): void {
  const { rowsPerFile } = c.archive;
  for (let path = nextPath(c, files); existsSync(path); path = nextPath(c, files)) {
    files.paths.push(path);
    if (rowsPerFile === undefined) break;
  }
  const one = files.paths.length === 1 ? Number.POSITIVE_INFINITY : 0;
  const held = rowsPerFile === undefined ? one : files.paths.length * rowsPerFile;
  if (noted > held) {
    throw fail('DST_UNFINISHED', `${nextPath(c, files)}, which an earlier run of this job had completed, is gone`);
  }
  files.rows = noted;
  files.skip = held - noted;
}

/** Removes what a run that died has left under temporary names. */
async function removeHalves(folder: string): Promise<void> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  for (const name of names) if (/\.h5\.[0-9a-f]{8}\.tmp$/.test(name)) await rm(join(folder, name), { force: true });
}

/** Adds a batch, beginning new files where `rows_per_file` asks for it. */
async function addBatch(c: CollectionFolder, files: PartitionFiles, batch: RecordBatch): Promise<void> {
  const most = c.archive.rowsPerFile ?? Number.POSITIVE_INFINITY;
  const skipped = Math.min(files.skip, batch.numRows);
  files.skip -= skipped;
  files.rows += skipped;
  for (let from = skipped; from < batch.numRows; ) {
    files.current ??= await nextFile(c, files);
    const take = Math.min(batch.numRows - from, most - files.current.rows);
    await files.current.append(take === batch.numRows ? batch : batch.slice(from, from + take));
    from += take;
    if (files.current.rows >= most) await finishFile(files);
  }
}

/** Completes a partition; one without rows becomes a file without rows, so that it exists again after H2M. */
async function complete(c: CollectionFolder, files: PartitionFiles): Promise<void> {
  if (files.paths.length === 0) files.current = await nextFile(c, files);
  await finishFile(files);
}

async function writeYaml(c: CollectionFolder, all: readonly PartitionFiles[]): Promise<string> {
  const { request, schema } = c;
  const specs = specsOf(schema);
  const vector = specs.find((s) => isVector(s.type));
  const plain = all.length === 1 && all[0]!.partition === DEFAULT_PARTITION;
  const { metric, shards, partitionCount } = request.settings;
  const text = archiveYaml({
    collection: request.collection,
    files: all.flatMap((f) =>
      f.paths.map((path) => (plain || partitionCount !== undefined ? { path } : { path, partition: f.partition })),
    ),
    ...(metric === undefined ? { metric: request.metric } : { metric }),
    ...(vector?.dim === undefined ? {} : { dimension: vector.dim }),
    ...(shards === undefined ? {} : { shards }),
    idField: nameOf(specs, (s) => s.primaryKey === true),
    vectorField: vector?.name ?? 'embedding',
  });
  const path = join(c.folder, `${safeFileNames([request.collection]).get(request.collection)}.yaml`);
  await writeFile(path, text, { flag: c.resumed ? 'w' : 'wx', flush: true });
  return path;
}

function unknownPartition(partition: string): Error {
  return fail('INTERNAL', `partition "${partition}" was not planned for the archive`);
}

/** A writer of one collection into files below the run's folder. */
function archiveWriter(
  folder: string,
  archive: ArchiveTarget,
  request: WriterRequest,
  log: (m: string) => void,
): Writer {
  let collection: CollectionFolder | undefined;
  const partitions = new Map<string, PartitionFiles>();
  const named = (unit: WriteUnit): string => unit.partition ?? DEFAULT_PARTITION;
  const filesOf = (unit: WriteUnit): PartitionFiles => {
    const files = partitions.get(named(unit));
    if (!files) throw unknownPartition(named(unit));
    return files;
  };
  const planned = (): CollectionFolder => {
    if (!collection) throw fail('INTERNAL', 'the archive was used before it was planned');
    return collection;
  };
  // Several readers write at a time, and a file takes one batch after the other.
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  };
  const sent = (ack: Ack, files: PartitionFiles): SentBatch => ({
    ack: Promise.resolve(ack),
    durable: files.current ? new Promise((resolve) => files.waiting.push(resolve)) : Promise.resolve(),
  });
  return {
    parallelism: 1,
    verifiesItself: true,
    rewritable: true,
    replacedRows: 0,
    // Rows of a batch that lie in two files are told from each other by their place.
    sequential: archive.rowsPerFile !== undefined,
    deduplicates: false,
    server: folder,
    async plan(schema, units, { resume }): Promise<WritePlan> {
      const names = units.map(named);
      collection = {
        folder,
        schema,
        request,
        archive,
        fileNames: safeFileNames(names),
        resumed: resume !== undefined,
      };
      partitions.clear();
      for (const [i, partition] of names.entries()) {
        const files = newFiles(partition);
        partitions.set(partition, files);
        if (resume?.target !== undefined) takeOver(collection, files, resume.rows.get(units[i]!.partition ?? '') ?? 0);
      }
      const plans = units.map((unit): UnitPlan => ({ ...unit, write: true, existingRows: 0, fresh: true }));
      const each = archive.rowsPerFile === undefined ? '' : `, ${formatCount(archive.rowsPerFile)} rows a file`;
      const actions = names.map((name) => ({
        kind: 'create' as const,
        target: join(
          folder,
          archiveFileName(collection!.fileNames.get(name)!, archive.rowsPerFile === undefined ? undefined : 1),
        ),
        detail: `HDF5 archive of partition ${name}${each}`,
      }));
      return {
        actions,
        units: plans,
        creates: true,
        canQuery: false,
        warnings: [],
        autoId: false,
        needsIdStart: false,
      };
    },
    async prepare() {
      if (planned().resumed) await removeHalves(folder);
      return folder;
    },
    nextId: async () => 0n,
    async write(batch, options) {
      const unit = options.partition === undefined ? {} : { partition: options.partition };
      const files = filesOf(unit);
      await inTurn(() => addBatch(planned(), files, batch));
      return sent({ rows: batch.numRows, keys: new BigInt64Array(0) }, files);
    },
    completeUnit: (unit) => complete(planned(), filesOf(unit)),
    async commit(progress) {
      progress.phase('flush');
      for (const files of partitions.values()) await complete(planned(), files);
      log(`wrote ${await writeYaml(planned(), [...partitions.values()])}`);
    },
    // Every file is read back and compared before it gets its name.
    openForReading: async () => false,
    countRows: async (unit) => filesOf(unit).rows,
    findRows: async () => [],
    countCopies: async () => new Map(),
    countBetween: async () => 0,
    countExactly: async (unit) => ({ rows: filesOf(unit).rows, how: 'query' }),
    async settle() {},
    async [Symbol.asyncDispose]() {
      for (const files of partitions.values()) await files.current?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * HDF5 archives as a target: `<dir>/<UTC start>/<collection>/<partition>.h5`, and beside them the YAML that brings the
 * collection back. Files are written under temporary names and checked before they get their own.
 */
export async function openArchiveTarget(
  archive: ArchiveTarget,
  collections: readonly string[],
  log: (message: string) => void,
  started: Date = new Date(),
): Promise<Target> {
  const folder = runFolder(archive.dir, started);
  const names = safeFileNames(collections);
  return {
    server: folder,
    writer: (request) =>
      archiveWriter(join(folder, names.get(request.collection) ?? request.collection), archive, request, log),
    async [Symbol.asyncDispose]() {},
  };
}
