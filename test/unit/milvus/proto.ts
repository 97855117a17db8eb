import { createRequire } from 'node:module';
import protobuf from 'protobufjs';

// The SDK's own description of Milvus' messages, read by protobufjs: an implementation independent of ours.
const description = createRequire(import.meta.url)('@zilliz/milvus2-sdk-node/dist/milvus/proto-json/milvus.js') as {
  readonly default: protobuf.INamespace;
};
const root = protobuf.Root.fromJSON(description.default);

export type MessageName =
  | 'InsertRequest'
  | 'UpsertRequest'
  | 'MutationResult'
  | 'QueryResults'
  | 'QueryRequest'
  | 'DeleteRequest'
  | 'CreateCollectionRequest'
  | 'CreateIndexRequest'
  | 'AddCollectionFieldRequest'
  | 'ImportRequest'
  | 'ImportResponse'
  | 'GetImportStateRequest'
  | 'GetImportStateResponse'
  | 'ListImportTasksRequest'
  | 'ListImportTasksResponse';

function typeOf(name: MessageName): protobuf.Type {
  return root.lookupType(`milvus.proto.milvus.${name}`);
}

/** A message as the server would write it. Throws when the object does not fit the message. */
export function protoEncode(name: MessageName, message: object): Uint8Array {
  const type = typeOf(name);
  const problem = type.verify(message);
  if (problem) throw new Error(problem);
  return type.encode(type.fromObject(message)).finish();
}

/** A message as the server would read it: 64-bit integers as text, bytes as arrays, absent fields left out. */
export function protoDecode(name: MessageName, bytes: Uint8Array): Record<string, unknown> {
  const type = typeOf(name);
  return type.toObject(type.decode(bytes), { longs: String, bytes: Uint8Array, oneofs: false, arrays: false });
}

/** A collection's schema, or a field's, which travels as bytes within a request. */
export function schemaDecode(
  bytes: Uint8Array,
  name: 'CollectionSchema' | 'FieldSchema' = 'CollectionSchema',
): Record<string, unknown> {
  const type = root.lookupType(`milvus.proto.schema.${name}`);
  return type.toObject(type.decode(bytes), { longs: String, bytes: Uint8Array, oneofs: false, arrays: false });
}

/** The number of an old error code by its name. */
export function legacyCodes(): Readonly<Record<string, number>> {
  return root.lookupEnum('milvus.proto.common.ErrorCode').values;
}
