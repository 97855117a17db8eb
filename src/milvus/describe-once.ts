import { createRequire } from 'node:module';

type FromJson = (description: object, options?: object) => object;

/**
 * Lets the SDK describe Milvus to itself once a process. Left alone, it works the protobuf description of all calls out twice
 * whenever a client is made, each time for a quarter of a second of CPU, and comes to the same result; most of a short run
 * was that. Called twice, it does nothing more.
 * @param loader the module that works it out; the SDK's own where absent
 */
export function describeOnce(loader: { fromJSON: FromJson & { once?: true } } = loaderOfSdk()): void {
  const { fromJSON } = loader;
  if (typeof fromJSON !== 'function' || fromJSON.once) return;
  const known: { readonly description: object; readonly options: object; readonly result: object }[] = [];
  const once: typeof loader.fromJSON = (description, options = {}) => {
    const found = known.find((one) => one.description === description && same(one.options, options));
    if (found) return found.result;
    const result = fromJSON(description, options);
    known.push({ description, options, result });
    return result;
  };
  once.once = true;
  try {
    loader.fromJSON = once;
  } catch {
    // A release that does not let itself be changed is slower, not wrong.
  }
}

/** Options are flags and, for the types of numbers, functions such as String. */
function same(a: object, b: object): boolean {
  const [left, right] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))];
  return left.length === right.size && left.every(([key, value]) => right.has(key) && right.get(key) === value);
}

function loaderOfSdk(): { fromJSON: FromJson } {
  const sdk = createRequire(import.meta.url).resolve('@zilliz/milvus2-sdk-node');
  return createRequire(sdk)('@grpc/proto-loader') as { fromJSON: FromJson };
}
