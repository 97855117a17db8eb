import type { MilvusClient, RowData } from '@zilliz/milvus2-sdk-node';
import type { Captured, World } from './snapshot-state.js';

/** Most that one query gives; the tests keep below it. */
const MOST_ROWS = 16_384;

interface Field {
  readonly name: string;
  readonly data_type: string;
  readonly is_primary_key: boolean;
  readonly autoID: boolean;
  readonly type_params: readonly { readonly key: string; readonly value: string }[];
}

function fieldOf({ name, data_type, is_primary_key, autoID, type_params }: Field): object {
  const params = Object.fromEntries(type_params.map(({ key, value }) => [key, value]));
  return { name, data_type, is_primary_key, autoID, ...params };
}

/**
 * Snapshots over the collections of a real server that has none of its own: the rows are read when one is made, and
 * inserted when it is restored.
 * @param change what a restore makes of the rows, as a server does that leaves some out
 */
export function realWorld(client: MilvusClient, change = (rows: RowData[]): RowData[] => rows): World {
  const capture = async (db_name: string, collection_name: string): Promise<Captured> => {
    const { schema } = await client.describeCollection({ db_name, collection_name });
    const key = schema.fields.find((field) => field.is_primary_key)!.name;
    const request = { db_name, collection_name, output_fields: ['*'], limit: MOST_ROWS };
    const { data } = await client.query({ ...request, filter: `${key} >= 0`, consistency_level: 0 });
    const { index_descriptions } = await client.describeIndex({ db_name, collection_name });
    return {
      async make(db, name) {
        const fields = (schema.fields as unknown as Field[]).map(fieldOf) as never;
        await client.createCollection({ db_name: db, collection_name: name, fields, shards_num: 1 });
        for (const { field_name, params } of index_descriptions) {
          const extra = Object.fromEntries(params.map(({ key: k, value }) => [k, String(value)]));
          const { index_type = 'FLAT', metric_type = 'L2' } = extra;
          await client.createIndex({ db_name: db, collection_name: name, field_name, index_type, metric_type });
        }
      },
      async fill(db, name) {
        await client.insert({ db_name: db, collection_name: name, data: change([...data] as RowData[]) });
        await client.flushSync({ collection_names: [name] });
      },
    };
  };
  return {
    async exists(db_name, collection_name) {
      return (await client.hasCollection({ db_name, collection_name })).value === true;
    },
    async partitions(db_name, collection_name) {
      return (await client.showPartitions({ db_name, collection_name })).partition_names;
    },
    capture,
  };
}
