import { writeFile } from 'node:fs/promises';
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
  rows: number;
}

interface CollectionFolder {
  readonly folder: string;
  readonly schema: Schema;
  readonly request: WriterRequest;
  readonly archive: ArchiveTarget;
  readonly fileNames: ReadonlyMap<string, string>;
}

function nameOf(specs: readonly FieldSpec[], what: (spec: FieldSpec) => boolean): string {
  return specs.find(what)?.name ?? '';
}

async function nextFile(c: CollectionFolder, files: PartitionFiles): Promise<ArchiveFile> {
  const { archive, request, schema } = c;
  const part = archive.rowsPerFile === undefined ? undefined : files.paths.length + 1;
  const path = join(c.folder, archiveFileName(c.fileNames.get(files.partition)!, part));
  const specs = specsOf(schema);
  files.paths.push(path);
  return createArchiveFile({
    path,
    schema,
    meta: { collection: request.collection, partition: files.partition, settings: request.settings },
    keyName: nameOf(specs, (s) => s.primaryKey === true),
    vectorName: nameOf(specs, (s) => isVector(s.type)),
    ...(archive.gzip === undefined ? {} : { gzip: archive.gzip }),
  });
}

/** Adds a batch, beginning new files where `rows_per_file` asks for it. */
async function addBatch(c: CollectionFolder, files: PartitionFiles, batch: RecordBatch): Promise<void> {
  const most = c.archive.rowsPerFile ?? Number.POSITIVE_INFINITY;
  for (let from = 0; from < batch.numRows; ) {
    files.current ??= await nextFile(c, files);
    const take = Math.min(batch.numRows - from, most - files.current.rows);
    await files.current.append(take === batch.numRows ? batch : batch.slice(from, from + take));
    from += take;
    files.rows += take;
    if (files.current.rows >= most) {
      await files.current.finish();
      files.current = undefined;
    }
  }
}

/** Completes a partition; one without rows becomes a file without rows, so that it exists again after H2M. */
async function complete(c: CollectionFolder, files: PartitionFiles): Promise<void> {
  if (files.paths.length === 0) files.current = await nextFile(c, files);
  await files.current?.finish();
  files.current = undefined;
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
  await writeFile(path, text, { flag: 'wx', flush: true });
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
  const sent = (ack: Ack): SentBatch => ({ ack: Promise.resolve(ack) });
  return {
    parallelism: 1,
    verifiesItself: true,
    deduplicates: false,
    server: folder,
    async plan(schema, units): Promise<WritePlan> {
      const names = units.map(named);
      collection = { folder, schema, request, archive, fileNames: safeFileNames(names) };
      partitions.clear();
      for (const partition of names) partitions.set(partition, { partition, paths: [], current: undefined, rows: 0 });
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
      return { actions, units: plans, warnings: [], autoId: false, needsIdStart: false };
    },
    async prepare() {},
    nextId: async () => 0n,
    async write(batch, options) {
      const unit = options.partition === undefined ? {} : { partition: options.partition };
      await addBatch(planned(), filesOf(unit), batch);
      return sent({ rows: batch.numRows, keys: new BigInt64Array(0) });
    },
    async commit(progress) {
      progress.phase('flush');
      for (const files of partitions.values()) await complete(planned(), files);
      log(`wrote ${await writeYaml(planned(), [...partitions.values()])}`);
    },
    // Every file is read back and compared before it gets its name.
    openForReading: async () => false,
    countRows: async (unit) => filesOf(unit).rows,
    findRows: async () => [],
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
