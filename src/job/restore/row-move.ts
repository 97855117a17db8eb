import type { CatalogSource, RestoreConfig, TaskConfig } from '../../config/types.js';

const BATCH_BYTES = 4 << 20;

/** Collections that are restored by inserting their rows: of one source, into one database. */
export interface RowMove {
  readonly source: CatalogSource;
  readonly db: string;
  /** Loaded in the end. */
  readonly load: boolean;
  /** Their names in the source, and those that they get. */
  readonly names: ReadonlyMap<string, string>;
}

/** The run that does it: M2M with the settings of the restore. */
export function rowMove(config: RestoreConfig, { source, db, load, names }: RowMove): TaskConfig {
  const { index, shards, bulk, way } = config;
  const renamed = [...names].filter(([from, to]) => from !== to);
  return {
    task: 'M2M',
    ...(config.file === undefined ? {} : { file: config.file }),
    source,
    dest: db === 'default' ? config.endpoint : { ...config.endpoint, db },
    // By requests or by files that the server imports, as their size and fields suit.
    ...(bulk && way !== 'insert' ? { write: { how: way === 'import' ? 'bulk' : 'auto', bulk } } : {}),
    mode: config.mode,
    collection: '',
    ...(renamed.length === 0 ? {} : { collectionMap: Object.fromEntries(renamed) }),
    parameter: {
      idField: 'id',
      vectorField: 'embedding',
      load,
      ...(shards === undefined ? {} : { shards }),
      ...(index === 'restore' ? {} : { index: index === 'none' ? 'none' : { type: 'AUTOINDEX', params: {} } }),
    },
    options: {
      idOffset: 0n,
      newIds: false,
      preflight: 'full',
      verify: config.metaOnly ? 'none' : config.verify,
      batchBytes: BATCH_BYTES,
      parallelism: 4,
      onDuplicateId: 'keep',
      onBadRow: 'error',
      quarantineLimit: 0,
      retryFor: config.retryFor,
      onError: 'continue',
    },
    notes: [],
    secrets: config.secrets,
  };
}
