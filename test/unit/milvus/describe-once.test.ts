import { createRequire } from 'node:module';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, it } from 'vitest';
import { describeOnce } from '../../../src/milvus/describe-once.js';

const asked: unknown[] = [];
const loader = {
  fromJSON(description: object, options?: object): object {
    asked.push(description, options);
    return { of: description };
  },
};

describe('what is described once', () => {
  it('is not worked out again for the same description with the same options', () => {
    const [first, second] = [{}, {}];
    describeOnce(loader);
    const changed = loader.fromJSON;
    describeOnce(loader);
    expect(loader.fromJSON).toBe(changed);
    const result = loader.fromJSON(first, { enums: String });
    expect(result).toStrictEqual({ of: first });
    expect(loader.fromJSON(first, { enums: String })).toBe(result);
    expect(loader.fromJSON(second, { enums: String })).not.toBe(result);
    expect(loader.fromJSON(first, { longs: 1 })).not.toBe(result);
    expect(loader.fromJSON(first)).not.toBe(result);
    expect(asked).toHaveLength(8);
  });

  it('is told from another by functions among the options', () => {
    const one = {};
    expect(loader.fromJSON(one, { longs: String })).not.toBe(loader.fromJSON(one, { longs: Number }));
  });

  it('is where the SDK looks for it', async () => {
    describeOnce();
    const sdk = createRequire(import.meta.url).resolve('@zilliz/milvus2-sdk-node');
    const own = createRequire(sdk)('@grpc/proto-loader') as { fromJSON: (json: object, o?: object) => object };
    const results = new Set<object>();
    const { fromJSON } = own;
    own.fromJSON = (json, o) => {
      const result = fromJSON(json, o);
      results.add(result);
      return result;
    };
    try {
      for (let i = 0; i < 2; i++) {
        const options = { address: '127.0.0.1:1', __SKIP_CONNECT__: true, telemetry: { enabled: false } };
        await new MilvusClient(options).closeConnection();
      }
    } finally {
      own.fromJSON = fromJSON;
    }
    expect(results.size).toBe(1);
  });
});
