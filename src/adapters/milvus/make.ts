import type { Schema } from 'apache-arrow';
import { type FieldSpec, specsOf } from '../../batch/fields.js';
import { createAlias, createCollection, describeCollection } from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { createIndex, type IndexSpec } from '../../milvus/indexes.js';
import { defaultIndex } from '../../milvus/metrics.js';
import { MilvusdmError } from '../../util/errors.js';
import type { WriterRequest } from '../types.js';
import type { TargetPlan } from './plan.js';

/** Makes the collection as planned, without its indexes. */
export async function createFor(
  connection: Connection,
  o: WriterRequest,
  plan: TargetPlan,
  schema: Schema,
): Promise<void> {
  const specs = specsOf(schema);
  const rest = specs.filter((s) => !s.primaryKey && !s.dynamic);
  const sourceKey = specs.find((s) => s.primaryKey);
  const { name, type } = { name: plan.mapping.keyField, type: plan.mapping.keyType };
  const key: FieldSpec =
    sourceKey && sourceKey.type === type ? { ...sourceKey, name } : { name, type, primaryKey: true };
  const { settings } = o;
  const shards = o.parameter.shards ?? settings.shards;
  await createCollection(connection, {
    name: o.collection,
    description: settings.description ?? o.description,
    autoId: plan.autoId,
    fields: [key, ...rest],
    dynamic: settings.dynamic ?? false,
    ...(shards === undefined ? {} : { shards }),
    ...(settings.consistency === undefined ? {} : { consistency: settings.consistency }),
    ...(settings.properties === undefined ? {} : { properties: settings.properties }),
    ...(settings.partitionCount === undefined ? {} : { partitionCount: settings.partitionCount }),
  });
}

/** Makes an index; one of the source that this server refuses becomes the default, so that no vectors are lost for an index. */
export async function makeIndex(
  connection: Connection,
  o: WriterRequest,
  index: IndexSpec,
  log: (message: string) => void,
): Promise<void> {
  try {
    await createIndex(connection, o.collection, index);
  } catch (thrown) {
    const ours = o.parameter.index !== undefined || o.settings.indexes === undefined;
    if (ours || !(thrown instanceof MilvusdmError) || thrown.code !== 'DST_REFUSED') throw thrown;
    const instead = defaultIndex(o.metric, index.field);
    log(`${thrown.message}; ${instead.type} is made instead`);
    await createIndex(connection, o.collection, instead);
  }
}

/** Gives the collection the aliases that it had in its source; one that is refused is told in the log. */
export async function makeAliases(
  connection: Connection,
  o: WriterRequest,
  log: (message: string) => void,
): Promise<void> {
  const standing = new Set((await describeCollection(connection, o.collection))?.aliases);
  for (const alias of (o.settings.aliases ?? []).filter((name) => !standing.has(name))) {
    try {
      await createAlias(connection, o.collection, alias);
    } catch (thrown) {
      if (!(thrown instanceof MilvusdmError) || thrown.code !== 'DST_REFUSED') throw thrown;
      log(`warning: the alias "${alias}" was not made: ${thrown.message}`);
    }
  }
}
