import { createRequire } from 'node:module';
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { type KeptJob, Refused, SnapshotState, type StateOptions, type World } from './snapshot-state.js';

/**
 * A protocol double, not a Milvus: it speaks the calls of Milvus 3.0 about snapshots, as the SDK's proto describes them,
 * checks every field of a request and keeps state. All other calls it hands to a real server where it has one (2.3.5 in the
 * tests), so that what is restored can be looked at; else to made-up answers. No Milvus 3.0 is at hand.
 */
const description = createRequire(import.meta.url)('@zilliz/milvus2-sdk-node/dist/milvus/proto-json/milvus.js') as {
  readonly default: protobuf.INamespace;
};
const root = protobuf.Root.fromJSON(description.default);
const service = root.lookupService('milvus.proto.milvus.MilvusService');
const MILVUS = 'milvus.proto.milvus.';

type Message = Record<string, unknown>;
type Handler = (request: Message) => Promise<Message>;

/** `CreateSnapshotRequest`, or `common.Status`, as methods name them. */
function typeOf(name: string): protobuf.Type {
  return root.lookupType(name.includes('.') ? `milvus.proto.${name}` : `${MILVUS}${name}`);
}

function decode(name: string, bytes: Uint8Array): Message {
  const type = typeOf(name);
  return type.toObject(type.decode(bytes), { longs: String, defaults: true });
}

/** Throws for fields that the message does not have: a server would pass over them without a word. */
function strictDecode(name: string, bytes: Uint8Array): Message {
  const type = typeOf(name);
  const again = type.encode(type.decode(bytes)).finish();
  if (again.length !== bytes.length) throw new Error(`${name} has fields that the proto of Milvus 3.0 does not know`);
  return decode(name, bytes);
}

export interface ServerOptions extends StateOptions {
  /** host:port of a real Milvus for all other calls. */
  readonly backend?: string;
  readonly version?: string;
  /** Answers of all other calls, where there is no real Milvus. */
  readonly answers?: Readonly<Record<string, (request: Message) => Message>>;
  /** Statuses that calls are refused with. */
  readonly refuse?: Readonly<Record<string, { readonly code: number; readonly reason: string }>>;
  /** Calls that are done, and whose first answer is lost. */
  readonly loseAnswerOf?: string;
}

export interface SnapshotServer extends AsyncDisposable {
  readonly address: string;
  readonly state: SnapshotState;
  /** The calls about snapshots so far, with their requests. */
  readonly asked: { readonly method: string; readonly request: Message }[];
}

const text = (value: unknown): string => String(value ?? '');

/** An empty database is the default one. */
function place(db: unknown, collection: unknown): { db: string; collection: string } {
  return { db: text(db) || 'default', collection: text(collection) };
}

function jobInfo(job: KeptJob): Message {
  return {
    job_id: String(job.id),
    snapshot_name: job.snapshot.name,
    db_name: job.db,
    collection_name: job.collection,
    state: job.state,
    progress: job.progress,
    reason: job.reason,
    start_time: String(job.started),
    time_cost: String(job.timeCost),
  };
}

function handlersOf(state: SnapshotState): Readonly<Record<string, Handler>> {
  const of = (r: Message): { db: string; collection: string } => place(r.db_name, r.collection_name);
  return {
    async CreateSnapshot(r) {
      const { name, description: about, compaction_protection_seconds: protection } = r;
      await state.create({ ...of(r), name: text(name), description: text(about), protection: Number(protection) });
      return {};
    },
    async DropSnapshot(r) {
      await state.drop(of(r).db, of(r).collection, text(r.name));
      return {};
    },
    async ListSnapshots(r) {
      return { snapshots: await state.list(of(r).db, of(r).collection) };
    },
    async DescribeSnapshot(r) {
      await state.requireCollection(of(r).db, of(r).collection);
      const found = state.get(of(r).db, of(r).collection, text(r.name));
      return {
        name: found.name,
        description: found.description,
        collection_name: found.collection,
        partition_names: found.partitions,
        create_ts: String(BigInt(found.created) << 18n),
        s3_location: found.location,
      };
    },
    async RestoreSnapshot(r) {
      const to = place(r.target_db_name, r.target_collection_name);
      if (to.collection === '') throw new Refused({ code: 1101, reason: 'missing parameter: target_collection_name' });
      return { job_id: String(await state.restore({ ...of(r), name: text(r.name) }, to)) };
    },
    async GetRestoreSnapshotState(r) {
      return { info: jobInfo(await state.job(BigInt(text(r.job_id)))) };
    },
    async ListRestoreSnapshotJobs(r) {
      const { db, collection } = of(r);
      if (collection !== '') await state.requireCollection(db, collection);
      const jobs = state.jobs.filter((job) => job.db === db && (collection === '' || job.collection === collection));
      return { jobs: jobs.map(jobInfo) };
    },
  };
}

/** The status of an answer, which is the answer itself where a call gives nothing else. */
function withStatus(type: string, answer: Message, status: Message): Message {
  return type.endsWith('common.Status') ? status : { ...answer, status };
}

async function answered(
  handler: Handler,
  method: protobuf.Method,
  request: Message,
  refusal?: Message,
): Promise<Buffer> {
  const encode = (message: Message): Buffer => {
    const type = typeOf(method.responseType);
    return Buffer.from(type.encode(type.fromObject(message)).finish());
  };
  try {
    if (refusal) throw new Refused(refusal as { code: number; reason: string });
    return encode(withStatus(method.responseType, await handler(request), { code: 0, reason: '' }));
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    return encode(withStatus(method.responseType, {}, { error_code: 1, ...thrown.status }));
  }
}

/** A gRPC server with every method of MilvusService, all of them in bytes. */
function listen(
  take: (method: protobuf.Method, bytes: Buffer, metadata: grpc.Metadata) => Promise<Buffer>,
): grpc.Server {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  const same = (bytes: Buffer): Buffer => bytes;
  for (const method of service.methodsArray) {
    const path = `/${MILVUS}MilvusService/${method.name}`;
    const form = { path, requestStream: false, responseStream: false } as const;
    const bytes = {
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    server.addService(
      { [method.name]: { ...form, ...bytes } },
      {
        [method.name](call: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) {
          take(method, call.request, call.metadata).then(
            (answer) => reply(null, answer),
            (thrown: Partial<grpc.ServiceError>) =>
              reply({ code: thrown.code ?? grpc.status.INTERNAL, details: thrown.details ?? String(thrown) }),
          );
        },
      },
    );
  }
  return server;
}

/** Starts the double. Whoever starts it disposes of it. */
export async function startSnapshotServer(world: World, o: ServerOptions = {}): Promise<SnapshotServer> {
  const state = new SnapshotState(world, o);
  const handlers = handlersOf(state);
  const asked: SnapshotServer['asked'] = [];
  const client =
    o.backend === undefined
      ? undefined
      : new grpc.Client(o.backend, grpc.credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  let lost = o.loseAnswerOf;
  const forward = (path: string, bytes: Buffer, metadata: grpc.Metadata): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const same = (part: Buffer): Buffer => part;
      client!.makeUnaryRequest(path, same, same, bytes, metadata, (error, answer) =>
        error ? reject(error) : resolve(answer as Buffer),
      );
    });
  const server = listen(async (method, bytes, metadata) => {
    const { name, requestType } = method;
    const own = handlers[name];
    if (own) {
      const request = strictDecode(requestType, bytes);
      asked.push({ method: name, request });
      const answer = await answered(own, method, request, o.refuse?.[name]);
      if (lost !== name) return answer;
      lost = undefined;
      throw { code: grpc.status.UNAVAILABLE, details: 'the answer was lost' };
    }
    if (name === 'GetVersion') {
      return await answered(async () => ({ version: o.version ?? 'v3.0.0' }), method, {});
    }
    const made = o.answers?.[name];
    if (made) return await answered(async (r) => made(r), method, decode(requestType, bytes), o.refuse?.[name]);
    if (client) return await forward(`/${MILVUS}MilvusService/${name}`, bytes, metadata);
    throw { code: grpc.status.UNIMPLEMENTED, details: name };
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    state,
    asked,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
      client?.close();
    },
  };
}
