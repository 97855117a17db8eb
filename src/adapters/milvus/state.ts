import type { Schema } from 'apache-arrow';
import { specsOf } from '../../batch/fields.js';
import { describeCollection, flush, statisticsRows } from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { countRows } from '../../milvus/data.js';
import { supports } from '../../milvus/features.js';
import { describeIndexes, isLoaded } from '../../milvus/indexes.js';
import { fail } from '../../util/errors.js';
import type { TargetState } from './plan.js';

export const FLUSH_TIMEOUT_MS = 600_000;

/**
 * What there is of a collection before a run.
 * @param flushFirst rows not flushed are missing in the statistics of a collection that is not loaded
 */
export async function readState(connection: Connection, collection: string, flushFirst: boolean): Promise<TargetState> {
  const info = await describeCollection(connection, collection);
  if (!info) return { indexes: [], rows: new Map() };
  const loaded = await isLoaded(connection, info.name);
  if (flushFirst && !loaded) await flush(connection, info.name, FLUSH_TIMEOUT_MS);
  const rows = new Map<string, number>();
  const count = (partition?: string): Promise<number> =>
    loaded
      ? countRows(connection, info.name, partition === undefined ? {} : { partition })
      : statisticsRows(connection, info.name, partition);
  rows.set('', await count());
  for (const partition of info.partitions) rows.set(partition, await count(partition));
  return { info, indexes: await describeIndexes(connection, info.name), rows };
}

/** Refuses, before anything is written, what this server cannot hold. */
export function checkServer(connection: Connection, schema: Schema): void {
  for (const spec of specsOf(schema)) {
    if (supports(connection.features, spec.type)) continue;
    throw fail(
      'DST_UNSUPPORTED',
      `the server at ${connection.address} (${connection.version}) has no ${spec.type}, which "${spec.name}" needs`,
      {
        hint: connection.features.lite
          ? 'Milvus Lite holds float vectors only: point dest_uri at a Milvus server.'
          : 'Use a newer Milvus server.',
      },
    );
  }
  const nullable = connection.features.nullable ? [] : specsOf(schema).filter((s) => s.nullable);
  if (nullable.length === 0) return;
  const names = nullable.map((s) => s.name).join(', ');
  throw fail(
    'DST_UNSUPPORTED',
    `the server at ${connection.address} (${connection.version}) has no fields that may be null, which ${names} may be`,
    { hint: 'Use Milvus 2.5 or newer, or leave these fields out by output_fields.' },
  );
}
