import type { ServerOptions } from './snapshot-server.js';
import { Refused, type World } from './snapshot-state.js';

/** A collection that is made up: rows in one segment. */
export interface MadeUp {
  readonly rows?: number;
  readonly properties?: Readonly<Record<string, string>>;
  readonly partitions?: readonly string[];
}

/** By database and name. */
export type MadeUpWorld = Map<string, Map<string, MadeUp>>;

export function madeUpWorld(content: Readonly<Record<string, Readonly<Record<string, MadeUp>>>>): MadeUpWorld {
  return new Map(Object.entries(content).map(([db, all]) => [db, new Map(Object.entries(all))]));
}

function partitionsOf(collection: MadeUp | undefined): string[] {
  return [...(collection?.partitions ?? ['_default'])];
}

/** Snapshots over made-up collections. @param lose rows that restores leave out, as a server does that skips a segment */
export function worldOf(content: MadeUpWorld, lose = 0): World {
  const get = (db: string, name: string): MadeUp | undefined => content.get(db)?.get(name);
  return {
    exists: async (db, name) => get(db, name) !== undefined,
    partitions: async (db, name) => partitionsOf(get(db, name)),
    async capture(db, name) {
      const kept = { ...get(db, name) };
      const put = (rows: number) => async (toDb: string, toName: string) => {
        content.get(toDb)?.set(toName, { ...kept, rows });
      };
      return { make: put(0), fill: put((kept.rows ?? 0) - lose) };
    },
  };
}

/** Answers of the calls that milvusdm needs around snapshots, over made-up collections. */
export function answersOf(content: MadeUpWorld, flushes: string[] = []): NonNullable<ServerOptions['answers']> {
  type Request = Record<string, unknown>;
  const dbOf = (r: Request): string => String(r.db_name || r.dbName || 'default');
  const collection = (r: Request): MadeUp => {
    const found = content.get(dbOf(r))?.get(String(r.collection_name ?? r.collectionName));
    if (found) return found;
    throw new Refused({ code: 100, reason: `collection not found[collection=${r.collection_name}]` });
  };
  return {
    ListDatabases: () => ({ db_names: [...content.keys()] }),
    DescribeDatabase: (r) => ({ db_name: r.db_name }),
    ShowCollections: (r) => ({ collection_names: [...(content.get(dbOf(r))?.keys() ?? [])] }),
    DescribeCollection(r) {
      const { properties = {} } = collection(r);
      const dim = [{ key: 'dim', value: '8' }];
      return {
        schema: {
          name: r.collection_name,
          fields: [
            { fieldID: '100', name: 'id', is_primary_key: true, data_type: 5 },
            { fieldID: '101', name: 'embedding', data_type: 101, type_params: dim },
          ],
        },
        collectionID: '7',
        shards_num: 2,
        properties: Object.entries(properties).map(([key, value]) => ({ key, value })),
      };
    },
    ShowPartitions(r) {
      const names = partitionsOf(collection(r));
      return { partition_names: names, partitionIDs: names.map((_, at) => String(at + 1)) };
    },
    DescribeIndex: () => ({
      index_descriptions: [
        {
          index_name: 'embedding',
          field_name: 'embedding',
          params: [
            { key: 'index_type', value: 'HNSW' },
            { key: 'metric_type', value: 'COSINE' },
          ],
        },
      ],
    }),
    GetLoadState: () => ({ state: 1 }),
    Flush(r) {
      const names = r.collection_names as string[];
      flushes.push(...names);
      return { coll_segIDs: Object.fromEntries(names.map((name) => [name, { data: ['1'] }])) };
    },
    GetFlushState: () => ({ flushed: true }),
    GetPersistentSegmentInfo: (r) => ({
      infos: [{ segmentID: '1', partitionID: '1', num_rows: String(collection(r).rows ?? 0), state: 4, level: 2 }],
    }),
  };
}
