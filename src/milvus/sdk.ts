// Before the SDK.
import './lean-sdk.js';

export { DataType, type FieldType, logger, MilvusClient } from '@zilliz/milvus2-sdk-node';
