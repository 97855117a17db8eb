/**
 * Takes from the start of the SDK what no migration needs: half a second of CPU of every run, and 20 MiB. Must be imported before
 * the SDK is. What another release does otherwise is left as it is: slower, not wrong.
 */
import { createRequire } from 'node:module';

type FromJson = (description: object, options?: object) => object;

/** As `protobufjs` has it: of the parts of a description, services have methods, and namespaces have parts. */
interface Part {
  readonly fullName: string;
  readonly nestedArray?: readonly Part[];
  readonly methodsArray?: readonly Method[];
}

interface Method {
  readonly name: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
  readonly resolvedRequestType: Message;
  readonly resolvedResponseType: Message;
}

interface Message {
  decode(bytes: Uint8Array): object;
  toObject(message: object, options?: object): object;
  fromObject(plain: object): object;
  encode(message: object): { finish(): Uint8Array };
}

/** The modules of the SDK, as it finds them. */
export interface SdkParts {
  /** `fromJSON` makes of a description what grpc-js takes for a service. */
  readonly loader: { fromJSON: FromJson };
  /** The description of MilvusService. */
  readonly description: object;
  readonly protobuf: { readonly Root: { fromJSON(description: object): Part & { resolveAll(): void } } };
}

function serviceOf({ fullName, methodsArray = [] }: Part, options: object | undefined): object {
  const encode = (type: Message) => (plain: object) => type.encode(type.fromObject(plain)).finish();
  const decode = (type: Message) => (bytes: Uint8Array) => type.toObject(type.decode(bytes), options);
  return Object.fromEntries(
    methodsArray.map((method) => {
      const { name, resolvedRequestType: request, resolvedResponseType: response } = method;
      const definition = {
        path: `/${fullName.slice(1)}/${name}`,
        requestStream: method.requestStream ?? false,
        responseStream: method.responseStream ?? false,
        requestSerialize: encode(request),
        requestDeserialize: decode(request),
        responseSerialize: encode(response),
        responseDeserialize: decode(response),
      };
      return [name, definition];
    }),
  );
}

function servicesIn(part: Part): readonly Part[] {
  return part.methodsArray ? [part] : (part.nestedArray ?? []).flatMap(servicesIn);
}

/**
 * Lets the SDK describe its services to itself once a process. Left alone, it works that out twice whenever a client is made, with
 * a description of every message for servers that tell of themselves, each time for a quarter of a second of CPU. Other
 * descriptions are none of ours. Called twice, it does nothing more.
 */
export function describeOnce({ loader, description, protobuf }: SdkParts): void {
  const { fromJSON } = loader as { fromJSON: FromJson & { lean?: true } };
  if (typeof fromJSON !== 'function' || fromJSON.lean) return;
  let known: { readonly options: object; readonly result: object } | undefined;
  const lean: FromJson & { lean?: true } = (given, options = {}) => {
    if (given !== description) return fromJSON(given, options);
    if (known && same(known.options, options)) return known.result;
    const root = protobuf.Root.fromJSON(description);
    root.resolveAll();
    const services = servicesIn(root).map((part) => [part.fullName.slice(1), serviceOf(part, options)]);
    known = { options, result: Object.fromEntries(services) };
    return known.result;
  };
  lean.lean = true;
  loader.fromJSON = lean;
}

/** Options are flags and, for the types of numbers, functions such as String. */
function same(a: object, b: object): boolean {
  const [left, right] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))];
  return left.length === right.size && left.every(([key, value]) => right.has(key) && right.get(key) === value);
}

/**
 * Has a CommonJS module loaded when something of it is first asked for, and not with those that require it.
 * @param require of the module that requires it
 */
export function loadLater(require: NodeJS.Require, name: string): void {
  const id = require.resolve(name);
  if (require.cache[id]) return;
  const load = (): object => {
    if (require.cache[id] === standIn) delete require.cache[id];
    return require(id) as object;
  };
  const exports = new Proxy(
    {},
    {
      get: (_, key) => Reflect.get(load(), key) as unknown,
      has: (_, key) => Reflect.has(load(), key),
      ownKeys: () => Reflect.ownKeys(load()),
      getOwnPropertyDescriptor: (_, key) => {
        const found = Reflect.getOwnPropertyDescriptor(load(), key);
        return found && { ...found, configurable: true };
      },
    },
  );
  const standIn = {
    id,
    filename: id,
    path: id,
    loaded: true,
    exports,
    children: [],
    paths: [],
  } as unknown as NodeJS.Module;
  require.cache[id] = standIn;
}

/** The SDK's own modules. Throws where they are not to be found. */
export function partsOfSdk(): SdkParts {
  const ofSdk = requireOfSdk();
  const loader = ofSdk('@grpc/proto-loader') as SdkParts['loader'];
  const { default: description } = ofSdk('./proto-json/milvus') as { readonly default: object };
  const protobuf = createRequire(ofSdk.resolve('@grpc/proto-loader'))('protobufjs') as SdkParts['protobuf'];
  return { loader, description, protobuf };
}

function requireOfSdk(): NodeJS.Require {
  return createRequire(createRequire(import.meta.url).resolve('@zilliz/milvus2-sdk-node'));
}

try {
  // Its writer of Parquet files, which brings the client of S3 along.
  loadLater(requireOfSdk(), '@shanghaikid/parquetjs');
  describeOnce(partsOfSdk());
} catch {
  // As above: another release.
}
