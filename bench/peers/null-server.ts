import http2 from 'node:http2';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { delimitedSize, WireReader, WireWriter } from '../../src/util/wire.js';

/**
 * Not a Milvus: takes inserts, counts their rows and throws them away, so that the memory of a client can be watched over
 * more data than a real server would take in the time. It answers just what a run into one new collection with
 * `index: none` asks, and "unknown collection" to the rest. Prints its port; ends when its standard input ends.
 */
const NOT_FOUND = 100;
const INSERT_ROWS = 7;
/** Field 1 of every answer but CreateCollection's is its status; an empty one says that all is well. */
const OK = Buffer.from([0x0a, 0]);

function message(write: (out: WireWriter) => void): Buffer {
  const out = new WireWriter(new Uint8Array(256));
  write(out);
  return Buffer.from(out.bytes.subarray(0, out.at));
}

function text(out: WireWriter, field: number, value: string): void {
  out.text(field, new TextEncoder().encode(value));
}

let rows = 0;

/** InsertRequest: the number of rows is field 7; the columns are stepped over. */
function countRows(request: Buffer): Buffer {
  const reader = new WireReader(request);
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === INSERT_ROWS) rows += reader.number();
    else reader.skip(f.type);
  }
  return OK;
}

/** GetStatisticsResponse: 2 = key-value pairs. */
function statistics(): Buffer {
  const [key, value] = ['row_count', String(rows)];
  return message((out) => {
    out.raw(OK);
    out.open(2, delimitedSize(key.length) + delimitedSize(value.length));
    text(out, 1, key);
    text(out, 2, value);
  });
}

/** DescribeCollectionResponse: 1 = status { 1 legacy code, 2 reason, 3 code }. */
function notFound(): Buffer {
  const reason = 'collection not found';
  return message((out) => {
    out.open(1, 2 + delimitedSize(reason.length) + 2);
    out.tagVarint(1);
    out.varint(4);
    text(out, 2, reason);
    out.tagVarint(3);
    out.varint(NOT_FOUND);
  });
}

const ANSWERS: Readonly<Record<string, (request: Buffer) => Buffer>> = {
  Connect: () => OK,
  GetVersion: () =>
    message((out) => {
      out.raw(OK);
      text(out, 2, 'v2.3.5');
    }),
  DescribeCollection: notFound,
  CreateCollection: () => {
    rows = 0;
    return Buffer.alloc(0);
  },
  Insert: countRows,
  Flush: () => OK,
  // GetFlushStateResponse: 2 = flushed.
  GetFlushState: () =>
    message((out) => {
      out.raw(OK);
      out.tagVarint(2);
      out.varint(1);
    }),
  GetCollectionStatistics: statistics,
  GetLoadState: () => OK,
  DescribeIndex: () => OK,
};

const asIs = (bytes: Buffer): Buffer => bytes;
const definition: ServiceDefinition = Object.fromEntries(
  Object.keys(ANSWERS).map((name) => [
    name,
    {
      path: `/milvus.proto.milvus.MilvusService/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]),
);
const implementation: UntypedServiceImplementation = {};
for (const [name, answer] of Object.entries(ANSWERS)) {
  implementation[name] = (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void): void =>
    callback(null, answer(call.request));
}

/**
 * A Milvus is a server of grpc-go, which widens what a client may send ahead from 64 KiB to 16 MiB by itself. That of Node stays
 * with 64 KiB, has no setting for it, and made the client wait 64 times a request, which was half of its CPU time.
 */
const WINDOW_BYTES = 16 << 20;
const { createServer } = http2;
http2.createServer = ((options: http2.ServerOptions) => {
  const made = createServer({ ...options, settings: { ...options.settings, initialWindowSize: WINDOW_BYTES } });
  return made.on('session', (session) => session.setLocalWindowSize(4 * WINDOW_BYTES));
}) as typeof createServer;

const server = new Server({ 'grpc.max_receive_message_length': -1 });
server.addService(definition, implementation);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
