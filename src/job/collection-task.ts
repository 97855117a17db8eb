import type { Catalog, CollectionSettings, Reader, SourceCollection, Split } from '../adapters/types.js';
import { globMatches, type Selection } from '../config/selection.js';
import type { MilvusEndpoint, TaskConfig } from '../config/types.js';
import { fileSettings, type OpenOptions, openCatalog, openReader } from '../registry.js';
import { throwIfAborted } from '../util/abort.js';
import { fail, type MilvusdmError, toMilvusdmError } from '../util/errors.js';
import { mergeCollections } from './merge.js';
import { mapNames } from './names.js';

/** One collection of a job: what is read, and the configuration as it holds for it. */
export interface CollectionTask {
  /** What the user calls it: a collection of the source, or '' for files. */
  readonly name: string;
  /** The job's configuration with the target collection of this task filled in. */
  readonly config: TaskConfig;
  readonly settings: CollectionSettings;
  /** The mode is applied to the collection, although its rows lie in partitions. */
  readonly whole: boolean;
  readonly warnings: readonly string[];
  /** Opens the rows; the caller disposes of the reader. */
  open(): Promise<Reader>;
}

export interface CollectionTasks extends AsyncDisposable {
  readonly tasks: readonly CollectionTask[];
  readonly warnings: readonly string[];
}

async function fileTask(config: TaskConfig): Promise<CollectionTask> {
  const { source } = config;
  if (source.adapter !== 'faiss' && source.adapter !== 'hdf5') throw new TypeError('a source of files is needed');
  const { idField, vectorField } = config.parameter;
  return {
    name: '',
    config,
    settings: await fileSettings(source),
    whole: false,
    warnings: [],
    open: () => openReader(source, { idField, vectorField }),
  };
}

/** Whether the user named this collection without listing partitions. */
function namedWhole(select: Selection, name: string): boolean {
  return Object.entries(select).some(([pattern, partitions]) => partitions === null && globMatches(pattern, name));
}

function withPartitions(reader: Reader, rename: (partition: string) => string): Reader {
  const splits = async (): Promise<readonly Split[]> =>
    (await reader.splits()).map((s) => (s.partition === undefined ? s : { ...s, partition: rename(s.partition) }));
  const originals = new Map<string, Split>();
  return {
    schema: reader.schema,
    info: reader.info,
    warnings: reader.warnings,
    lateWarnings: () => reader.lateWarnings?.() ?? [],
    parallelSplits: reader.parallelSplits ?? 1,
    async splits() {
      for (const split of await reader.splits()) originals.set(split.id, split);
      return splits();
    },
    read: (split, options) => reader.read(originals.get(split.id) ?? split, options),
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}

function catalogTask(config: TaskConfig, collection: SourceCollection, target: string, whole: boolean): CollectionTask {
  const { settings } = collection;
  const partitions = mapNames(settings.partitions ?? [], config.partitionMap ?? {}, 'partition', 'partition_map');
  const mapped: CollectionSettings = settings.partitions
    ? { ...settings, partitions: settings.partitions.map(partitions.of) }
    : settings;
  const offset = new Map(Object.entries(config.options.idOffsets ?? {})).get(collection.name);
  const options = offset === undefined ? config.options : { ...config.options, idOffset: offset };
  return {
    name: collection.name,
    config: { ...config, collection: target, options },
    settings: mapped,
    whole,
    warnings: partitions.warnings,
    open: async () => withPartitions(await collection.open(), partitions.of),
  };
}

function selectionOf(config: TaskConfig): Selection {
  return 'select' in config.source ? config.source.select : {};
}

/** Refuses to copy a collection of a Milvus onto itself, which overwrite would begin by dropping it. */
function refuseSelfCopies(config: TaskConfig, tasks: readonly CollectionTask[]): void {
  const { source, dest } = config;
  if ((source.adapter !== 'milvus' && source.adapter !== 'segments') || config.archive || config.logical) return;
  const place = ({ at, db }: MilvusEndpoint): string =>
    JSON.stringify([at.kind === 'server' ? at.address : at.folder, db ?? 'default']);
  if (place(source.endpoint) !== place(dest)) return;
  const names = new Set(tasks.map((t) => t.name));
  const hit = tasks.find((t) => names.has(t.config.collection));
  if (!hit) return;
  throw fail(
    'CFG_CONFLICT',
    `"${hit.name}" would be written into "${hit.config.collection}" of the same Milvus, which is read, too`,
    {
      hint: 'Give it another name by collection_map, or name fewer collections in source_collection.',
    },
  );
}

function tasksOf(config: TaskConfig, catalog: Catalog): { tasks: CollectionTask[]; warnings: string[] } {
  const { collections } = catalog;
  if (config.merge) return { tasks: [mergeCollections(config, collections, config.merge)], warnings: [] };
  const names = mapNames(
    collections.map((c) => c.name),
    config.collectionMap ?? {},
    'collection',
    'collection_map',
  );
  const tasks = collections.map((c) =>
    catalogTask(config, c, names.of(c.name), namedWhole(selectionOf(config), c.name)),
  );
  return { tasks, warnings: [...names.warnings] };
}

/** Looks through all collections before any of them is written. Throws the first failure, naming the others. */
async function checkAll(collections: readonly SourceCollection[], signal: AbortSignal | undefined): Promise<void> {
  const failures: MilvusdmError[] = [];
  for (const collection of collections) {
    throwIfAborted(signal);
    await collection.check?.().catch((thrown: unknown) => failures.push(toMilvusdmError(thrown)));
  }
  const [first, ...others] = failures;
  if (!first) return;
  if (others.length === 0) throw first;
  const { hint, cause } = first;
  throw fail(first.code, failures.map(({ message }) => message).join('; '), { hint, cause });
}

/**
 * The collections of a job. Files are one; a catalog gives one per collection that is selected, or one for all where they
 * merge. All of them are checked here, as far as their source can.
 */
export async function openCollectionTasks(config: TaskConfig, o: OpenOptions): Promise<CollectionTasks> {
  const { source } = config;
  if (source.adapter === 'faiss' || source.adapter === 'hdf5') {
    return { tasks: [await fileTask(config)], warnings: [], async [Symbol.asyncDispose]() {} };
  }
  const { idField, vectorField } = config.parameter;
  const catalog = await openCatalog(source, { idField, vectorField }, o);
  try {
    const { tasks, warnings } = tasksOf(config, catalog);
    refuseSelfCopies(config, tasks);
    await checkAll(catalog.collections, o.signal);
    return {
      tasks,
      warnings: [...catalog.warnings, ...warnings],
      [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await catalog[Symbol.asyncDispose]();
    throw thrown;
  }
}
