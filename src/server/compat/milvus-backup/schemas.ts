type Schema = Readonly<Record<string, unknown>>;

const text = { type: 'string', maxLength: 4096 } as const;
const flag = { type: 'boolean' } as const;
const names = { type: 'array', items: text, maxItems: 10_000 } as const;
const open = { type: 'object', additionalProperties: true } as const;
const filter = {
  type: 'object',
  description: 'Collections by database; none, or *, is all of them.',
  additionalProperties: { type: 'object', properties: { colls: names } },
} as const;
const databases = {
  description: 'Collections by database, as an object or as JSON of one.',
  anyOf: [
    { type: 'object', additionalProperties: names },
    { type: 'string', maxLength: 100_000 },
  ],
} as const;

/** Queries of all its routes, and ours: which connection is meant. */
export const QUERY: Schema = {
  type: 'object',
  properties: {
    backup_name: text,
    backup_id: text,
    id: text,
    connection: { ...text, description: 'A named connection; `default`, or the only one, where it is not given.' },
  },
};

export const ANSWER: Schema = {
  200: {
    description: 'The envelope; code 0 success, 1 not supported, 3 fail, 400 parameter, 404 not found.',
    type: 'object',
    properties: { requestId: text, code: { type: 'integer' }, msg: { type: 'string' }, data: {} },
  },
};

/** What is not named here, milvus-backup takes no notice of either. */
export const CREATE_BODY: Schema = {
  type: 'object',
  properties: {
    requestId: text,
    backup_name: text,
    async: flag,
    collection_names: names,
    db_collections: databases,
    filter,
    force: flag,
    meta_only: flag,
    strategy: text,
    format: text,
    rbac: flag,
    backup_root_path: text,
  },
};

export const RESTORE_BODY: Schema = {
  type: 'object',
  properties: {
    requestId: text,
    id: text,
    backup_name: text,
    async: flag,
    collection_names: names,
    db_collections: databases,
    db_collections_after_rename: databases,
    collection_suffix: text,
    collection_renames: { type: 'object', additionalProperties: text },
    restorePlan: open,
    bucket_name: text,
    path: text,
    metaOnly: flag,
    restoreIndex: flag,
    useAutoIndex: flag,
    dropExistCollection: flag,
    skipCreateCollection: flag,
    rbac: flag,
    maxShardNum: { type: 'integer' },
    skipParams: open,
    ezkMapping: { type: 'object', additionalProperties: text },
  },
};
