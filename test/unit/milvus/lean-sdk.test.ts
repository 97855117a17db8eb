import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeOnce, loadLater, partsOfSdk, type SdkParts } from '../../../src/milvus/lean-sdk.js';
import { MilvusClient } from '../../../src/milvus/sdk.js';

const SERVICE = 'milvus.proto.milvus.MilvusService';
const parts = partsOfSdk();
const ofSdk = createRequire(createRequire(import.meta.url).resolve('@zilliz/milvus2-sdk-node'));
const fromSdk = ofSdk('@grpc/proto-loader') as SdkParts['loader'];

type Definition = Record<string, Record<string, grpc.MethodDefinition<object, object>>>;

describe('the description of the services', () => {
  const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };

  /** What proto-loader itself makes of it: from a copy, which is not the SDK's own. */
  const original = fromSdk.fromJSON(structuredClone(parts.description), options) as Definition;
  const lean = fromSdk.fromJSON(parts.description, options) as Definition;

  it('has the same methods', () => {
    const methodsOf = (definition: Definition): object =>
      Object.fromEntries(
        Object.entries(definition).flatMap(([name, service]) =>
          'format' in service
            ? []
            : [[name, Object.values(service).map((m) => [m.path, m.requestStream, m.responseStream])]],
        ),
      );
    expect(methodsOf(lean)).toStrictEqual(methodsOf(original));
    expect(Object.keys(lean[SERVICE] ?? {}).length).toBeGreaterThan(90);
  });

  it('encodes and decodes as proto-loader does', () => {
    const [own, other] = [lean[SERVICE]!.DescribeCollection!, original[SERVICE]!.DescribeCollection!];
    const request = { collection_name: 'books', collectionID: '9007199254740993' };
    const bytes = own.requestSerialize(request);
    expect(bytes).toStrictEqual(other.requestSerialize(request));
    expect(own.requestDeserialize(bytes)).toStrictEqual(other.requestDeserialize(bytes));
    const answer = { status: { error_code: 4, reason: 'gone' }, consistency_level: 2, aliases: ['a', 'b'] };
    const answered = other.responseSerialize(answer);
    expect(own.responseSerialize(answer)).toStrictEqual(answered);
    expect(own.responseDeserialize(answered)).toStrictEqual(other.responseDeserialize(answered));
    expect(own.responseDeserialize(answered)).toMatchObject({ consistency_level: 'Bounded' });
  });

  it('is worked out once for the same options', () => {
    expect(fromSdk.fromJSON(parts.description, { ...options })).toBe(lean);
    expect(fromSdk.fromJSON(parts.description, { ...options, longs: Number })).not.toBe(lean);
  });

  it('is what the SDK takes', async () => {
    const results: object[] = [];
    const { fromJSON } = fromSdk;
    fromSdk.fromJSON = (description, o) => {
      expect(description).toBe(parts.description);
      results.push(fromJSON(description, o));
      return results.at(-1)!;
    };
    try {
      const o = { address: '127.0.0.1:1', __SKIP_CONNECT__: true, telemetry: { enabled: false } };
      await new MilvusClient(o).closeConnection();
      await new MilvusClient(o).closeConnection();
    } finally {
      fromSdk.fromJSON = fromJSON;
    }
    expect(results.length).toBeGreaterThan(1);
    expect(new Set(results).size).toBe(1);
  });

  it('leaves descriptions of others to the loader', () => {
    const asked: unknown[] = [];
    const loader: SdkParts['loader'] = {
      fromJSON(...given) {
        asked.push(given);
        return {};
      },
    };
    describeOnce({ ...parts, loader });
    const changed = loader.fromJSON;
    describeOnce({ ...parts, loader });
    expect(loader.fromJSON).toBe(changed);
    const foreign = {};
    loader.fromJSON(foreign, { longs: 1 });
    loader.fromJSON(parts.description);
    expect(asked).toStrictEqual([[foreign, { longs: 1 }]]);
  });
});

describe('a module that is loaded later', () => {
  let folder: string;
  let require: NodeJS.Require;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'milvusdm-later-'));
    require = createRequire(join(folder, 'user.cjs'));
    await writeFile(join(folder, 'late.cjs'), 'globalThis.loads = (globalThis.loads ?? 0) + 1; exports.answer = 42;');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is loaded when something of it is asked for, once', () => {
    const seen = globalThis as { loads?: number };
    loadLater(require, './late.cjs');
    const late = require('./late.cjs') as { answer: number };
    expect(seen.loads).toBeUndefined();
    expect(late.answer).toBe(42);
    expect({ ...late }).toEqual({ answer: 42 });
    expect('answer' in late).toBe(true);
    expect((require('./late.cjs') as { answer: number }).answer).toBe(42);
    expect(seen.loads).toBe(1);
  });

  it('stays what it is where it has been loaded already', () => {
    const before = require('./late.cjs') as object;
    loadLater(require, './late.cjs');
    expect(require('./late.cjs')).toBe(before);
  });
});

it('the SDK comes without its writer of Parquet, which is there when it is asked for', async () => {
  const main = new URL('../../../src/milvus/sdk.ts', import.meta.url).href;
  const script = `
    import { createRequire } from 'node:module';
    const { MilvusClient } = await import(${JSON.stringify(main)});
    const require = createRequire(createRequire(${JSON.stringify(import.meta.url)}).resolve('@zilliz/milvus2-sdk-node'));
    const loaded = () => Object.keys(require.cache).filter((path) => path.includes('@aws-sdk')).length > 0;
    const before = loaded();
    const { ParquetSchema } = require('@shanghaikid/parquetjs');
    console.log(JSON.stringify([typeof MilvusClient, before, typeof ParquetSchema, loaded()]));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    script,
  ]);
  expect(JSON.parse(stdout)).toEqual(['function', false, 'function', true]);
});
