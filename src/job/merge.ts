import type { Reader, SourceCollection, Split } from '../adapters/types.js';
import { keyIndex, makeBatch, rawColumns } from '../batch/columns.js';
import { type FieldSpec, specsOf } from '../batch/fields.js';
import type { MergeChoice, TaskConfig } from '../config/types.js';
import { idTransform } from '../transforms/ids.js';
import { fail } from '../util/errors.js';
import type { CollectionTask } from './collection-task.js';
import { legalName } from './names.js';

/** Between collection and split in the id of a merged split; no name holds it. */
const SEPARATOR = '\0';

function describeField(f: FieldSpec): string {
  return `${f.name} ${f.type}${f.dim === undefined ? '' : `(${f.dim})`}`;
}

/** What differs between two schemas, as a list; the key and field order must agree, because batches go one way. */
function differences(a: readonly FieldSpec[], b: readonly FieldSpec[]): string[] {
  const names = new Set([...a, ...b].map((f) => f.name));
  return [...names].flatMap((name) => {
    const [x, y] = [a.find((f) => f.name === name), b.find((f) => f.name === name)];
    if (x && y && describeField(x) === describeField(y) && x.primaryKey === y.primaryKey) return [];
    return [`${x ? describeField(x) : `no ${name}`} / ${y ? describeField(y) : `no ${name}`}`];
  });
}

interface Part {
  readonly collection: SourceCollection;
  readonly reader: Reader;
}

function requireSameSchema(parts: readonly Part[]): void {
  const [first, ...others] = parts;
  for (const other of others) {
    const list = differences(specsOf(first!.reader.schema), specsOf(other.reader.schema));
    if (list.length === 0) continue;
    const names = `"${first!.collection.name}" and "${other.collection.name}"`;
    throw fail('SRC_MISMATCH', `${names} cannot be merged, their schemas differ: ${list.join('; ')}`, {
      hint: 'Leave fields out by output_fields, or migrate them into separate collections.',
    });
  }
}

async function closeAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await part.reader[Symbol.asyncDispose]();
}

/** The readers of several collections as one; ids shifted by their collection's own offset. */
function joined(parts: readonly Part[], config: TaskConfig, merge: MergeChoice): Reader {
  const schema = parts[0]!.reader.schema;
  const owners = new Map<string, { part: Part; split: Split }>();
  const renamed = new Map(Object.entries(config.partitionMap ?? {}));
  const offsets = new Map(Object.entries(config.options.idOffsets ?? {}));
  const partitionOf = ({ partition = '_default' }: Split): string =>
    merge.partition === 'keep' ? (renamed.get(partition) ?? legalName(partition)) : merge.partition;
  return {
    schema,
    info: parts.flatMap((p) => p.reader.info),
    warnings: parts.flatMap((p) => p.reader.warnings),
    lateWarnings: () => parts.flatMap((p) => p.reader.lateWarnings?.() ?? []),
    parallelSplits: Math.min(...parts.map((p) => p.reader.parallelSplits ?? 1)),
    async splits() {
      const all: Split[] = [];
      for (const part of parts) {
        for (const split of await part.reader.splits()) {
          const id = `${part.collection.name}${SEPARATOR}${split.id}`;
          owners.set(id, { part, split });
          all.push({ ...split, id, partition: partitionOf(split) });
        }
      }
      return all;
    },
    async *read(split, options) {
      const owner = owners.get(split.id);
      if (!owner) throw fail('INTERNAL', `the merge does not know the split ${split.id}`);
      const { reader, collection } = owner.part;
      const offset = offsets.get(collection.name) ?? 0n;
      for await (const item of reader.read(owner.split, options)) {
        const keyed = keyIndex(item.batch.schema) >= 0;
        const shifted = offset !== 0n && keyed ? idTransform(item.batch.schema, { kind: 'stored', offset }) : undefined;
        const batch = shifted ? shifted.apply(item.batch, item.firstRow) : item.batch;
        const columns = rawColumns(batch);
        const values = columns.map((c) => c.values);
        const own = options.columns
          ? batch
          : makeBatch(
              schema,
              batch.numRows,
              values,
              columns.map((c) => c.valid),
            );
        yield { ...item, batch: own };
      }
    },
    [Symbol.asyncDispose]: () => closeAll(parts),
  };
}

/** Several collections of a source as one task. Opening it throws SRC_MISMATCH, listing what differs, when schemas do not agree. */
export function mergeCollections(
  config: TaskConfig,
  collections: readonly SourceCollection[],
  merge: MergeChoice,
): CollectionTask {
  const [first] = collections;
  const partitions = new Set(
    collections.flatMap((c) =>
      merge.partition === 'keep' ? (c.settings.partitions ?? ['_default']).map(legalName) : [merge.partition],
    ),
  );
  const { aliases: _, ...settings } = first?.settings ?? {};
  return {
    name: collections.map((c) => c.name).join(' + '),
    config: { ...config, collection: merge.into },
    settings: { ...settings, partitions: [...partitions] },
    whole: merge.partition === 'keep',
    warnings: [],
    async open() {
      const parts: Part[] = [];
      try {
        for (const collection of collections) parts.push({ collection, reader: await collection.open() });
        requireSameSchema(parts);
        return joined(parts, config, merge);
      } catch (thrown) {
        await closeAll(parts);
        throw thrown;
      }
    },
  };
}
