import { ID, NAME } from '../../http/schemas.js';

const text = { type: 'string', maxLength: 1000 } as const;
const BACKUP = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[A-Za-z0-9_-]+$' } as const;

/** A cluster is a named connection. */
export const CLUSTER_PARAMS: object = { type: 'object', properties: { clusterId: NAME }, required: ['clusterId'] };
export const BACKUP_PARAMS: object = {
  type: 'object',
  properties: { clusterId: NAME, backupId: BACKUP },
  required: ['clusterId', 'backupId'],
};
export const JOB_PARAMS: object = { type: 'object', properties: { jobId: ID }, required: ['jobId'] };

const answer = { type: 'object', properties: { code: { type: 'integer' }, data: {}, message: { type: 'string' } } };
export const ANSWER: object = {
  200: { description: 'code 0, and the data.', ...answer },
  '4xx': { description: 'The code is that of the HTTP status; the message says why.', ...answer },
  '5xx': { description: 'The same.', ...answer },
};

export const LIST_QUERY: object = {
  type: 'object',
  properties: {
    clusterId: NAME,
    projectId: text,
    creationMethod: { type: 'string', pattern: '^(?:[Mm][Aa][Nn][Uu][Aa][Ll]|[Aa][Uu][Tt][Oo])$' },
    pageSize: { type: 'integer', minimum: 1, maximum: 1000, default: 10 },
    currentPage: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 1 },
  },
};

const names = { type: 'array', items: text, maxItems: 10_000 } as const;

export const CREATE_BODY: object = {
  type: 'object',
  properties: {
    backupType: { type: 'string', enum: ['CLUSTER', 'COLLECTION'] },
    dbCollections: {
      type: 'array',
      maxItems: 10_000,
      items: { type: 'object', properties: { dbName: text, collectionNames: names }, additionalProperties: false },
    },
    includeTtl: {
      type: 'boolean',
      default: false,
      description: 'Not of the cloud: take the time to live of collections along.',
    },
  },
  required: ['backupType'],
};

const STATUS = { type: 'string', enum: ['LOADED', 'NOT_LOADED', 'NOTLOADED', 'KEEP'] } as const;

export const RESTORE_COLLECTION_BODY: object = {
  type: 'object',
  properties: {
    destClusterId: NAME,
    dbCollections: {
      type: 'array',
      maxItems: 10_000,
      items: {
        type: 'object',
        properties: {
          dbName: text,
          destDbName: text,
          collections: {
            type: 'array',
            maxItems: 10_000,
            items: {
              type: 'object',
              properties: {
                collectionName: text,
                destCollectionName: text,
                targetCollectionName: text,
                destCollectionStatus: STATUS,
                targetCollectionStatus: STATUS,
              },
              required: ['collectionName'],
              additionalProperties: false,
            },
          },
        },
        additionalProperties: false,
      },
    },
  },
};

export const RESTORE_CLUSTER_BODY: object = {
  type: 'object',
  properties: { projectId: text, clusterName: text, destClusterId: NAME, collectionStatus: STATUS },
};
