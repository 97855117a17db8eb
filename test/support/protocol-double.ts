import type { Connection } from '../../src/milvus/connection.js';
import { encodeMessage } from '../../src/milvus/messages.js';
import { protoDecode, schemaDecode } from '../unit/milvus/proto.js';

/** A field as the double has numbered it. */
export interface NumberedField {
  readonly id: bigint;
  readonly name: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/**
 * No Milvus, but a double of two calls of its protocol, for what Milvus 2.3.5 lacks: CreateCollection numbers fields by their
 * place from 100, with the dynamic field behind them, and AddCollectionField (2.6) gives the number behind the highest, to
 * fields that may be null and are no key. It knows nothing of rows.
 */
export interface ProtocolDouble {
  readonly connection: Pick<Connection, 'call' | 'retry'>;
  readonly collections: ReadonlyMap<string, NumberedField[]>;
  /** Names of the calls, in their order. */
  readonly calls: readonly string[];
}

const INVALID = 1100;
const FIRST_ID = 100n;
/** What an added field may say of itself. */
const ADDED = new Set(['name', 'description', 'data_type', 'type_params', 'default_value', 'element_type', 'nullable']);

function status(code = 0, reason = ''): Uint8Array {
  return encodeMessage({ 1: code === 0 ? 0 : 1, 2: reason, 3: code });
}

export function createProtocolDouble(): ProtocolDouble {
  const collections = new Map<string, NumberedField[]>();
  const calls: string[] = [];

  function create(request: Uint8Array): Uint8Array {
    const { collection_name: name, schema: bytes } = protoDecode('CreateCollectionRequest', request);
    const schema = schemaDecode(bytes as Uint8Array);
    const fields = [...((schema.fields as Record<string, unknown>[] | undefined) ?? [])];
    if (schema.enable_dynamic_field) fields.push({ name: '$meta', data_type: 23, is_dynamic: true });
    const numbered = fields.map((field, at) => ({
      id: FIRST_ID + BigInt(at),
      name: String(field.name),
      schema: field,
    }));
    collections.set(String(name), numbered);
    return status();
  }

  function add(request: Uint8Array): Uint8Array {
    const { collection_name: name, schema: bytes, ...more } = protoDecode('AddCollectionFieldRequest', request);
    if (Object.keys(more).length > 0) return status(INVALID, `unexpected ${Object.keys(more).join()}`);
    const fields = collections.get(String(name));
    if (!fields) return status(100, `collection not found[collection=${name}]`);
    const schema = schemaDecode(bytes as Uint8Array, 'FieldSchema');
    const odd = Object.keys(schema).find((key) => !ADDED.has(key));
    if (odd !== undefined) return status(INVALID, `an added field cannot have ${odd}`);
    if (schema.nullable !== true)
      return status(INVALID, `added field must be nullable, please check it, field name = ${schema.name}`);
    if (fields.some((field) => field.name === schema.name))
      return status(INVALID, `duplicated field name ${schema.name}`);
    const highest = fields.reduce((most, { id }) => (id > most ? id : most), 0n);
    fields.push({ id: highest + 1n, name: String(schema.name), schema });
    return status();
  }

  return {
    collections,
    calls,
    connection: {
      retry: { totalMs: 0 },
      async call(method, request) {
        calls.push(method);
        if (method === 'CreateCollection') return create(request);
        if (method === 'AddCollectionField') return add(request);
        throw new Error(`the double has no ${method}`);
      },
    },
  };
}
