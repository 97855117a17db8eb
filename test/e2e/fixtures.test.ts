import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digest, type FullDigest, makeCollection, partitionDigests } from '../support/python.js';
import { dropCollections, fixture, type Keys, QUICK, run, runOk, unique } from './support.js';

/** An entry of fixtures/{faiss,hdf5}/expected.json, as far as it matters here. */
interface Expected {
  readonly outcome: 'ok' | 'refuse' | 'unsupported';
  readonly code: string;
  readonly rows: number;
  readonly dim: number;
  readonly vector: 'float32' | 'binary';
  readonly sha256: string;
  readonly sha256_ids: string;
  readonly ids?: 'stored' | 'none';
  readonly idkind?: 'int64' | 'text' | 'none';
  readonly columns?: Readonly<Record<string, { readonly type: string; readonly sha256: string }>>;
  readonly options?: { dataset?: string; idsDataset?: string; columns?: Record<string, string>; vectorType?: string };
  readonly bad_rows?: readonly number[];
}

interface Case {
  readonly name: string;
  readonly expected: Expected;
  readonly keys: Keys;
}

/** Metrics that Milvus lacks: the YAML has to name one. */
const NEEDS_METRIC = ['flat_l1.index', 'flat_lp.index'];

function cases(folder: 'faiss' | 'hdf5'): Case[] {
  const { files } = JSON.parse(readFileSync(fixture(`${folder}/expected.json`), 'utf8')) as {
    files: Record<string, Expected>;
  };
  return Object.entries(files).map(([name, expected]) => {
    const { dataset, idsDataset, columns, vectorType } = expected.options ?? {};
    const keys = {
      data_path: fixture(`${folder}/${name}`),
      dataset,
      ids_dataset: idsDataset,
      columns,
      vector_type: vectorType,
      ...(NEEDS_METRIC.includes(name) ? { collection_parameter: { metric_type: 'L2' } } : {}),
    };
    return { name, expected, keys: Object.fromEntries(Object.entries(keys).filter(([, v]) => v !== undefined)) };
  });
}

const all = [...cases('faiss'), ...cases('hdf5')];
/** Some of every kind also run with nothing but defaults, into collections of their own. */
const BY_DEFAULT: Readonly<Record<string, { type: string; metric: string }>> = {
  'ivfflat_full.index': { type: 'AUTOINDEX', metric: 'L2' },
  'flat_ip.index': { type: 'AUTOINDEX', metric: 'IP' },
  'binary_ivf.index': { type: 'BIN_IVF_FLAT', metric: 'HAMMING' },
  'float32.h5': { type: 'AUTOINDEX', metric: 'L2' },
  'binary_uint8.h5': { type: 'BIN_IVF_FLAT', metric: 'HAMMING' },
};
/** Files in which ids repeat, and files with the smallest or largest id. */
const REPEATED = ['ids_duplicate.h5', 'ids_int8.h5', 'ids_uint16.h5', 'ivf_repeated_ids.index'];
const EXTREME = ['ids_extreme.h5', 'ids_uint64.h5', 'idmap_wide_ids.index', 'ivf_wide_ids.index'];
/** A query shows one row of each id, and none with the smallest or largest: these can only be counted. */
const COUNTED = [...REPEATED, ...EXTREME];

/**
 * The contract suite of the readers reads every fixture. On their way into a server every fourth will do, and those that are
 * special; `npm run test:soak` takes all.
 */
const SHARE = process.env.FIXTURES === 'all' ? 1 : 4;
const SPECIAL = new Set([...COUNTED, ...NEEDS_METRIC, ...Object.keys(BY_DEFAULT)]);
const some = (list: readonly Case[]): Case[] => list.filter((c, i) => i % SHARE === 0 || SPECIAL.has(c.name));
const arriving = some(all.filter((c) => c.expected.outcome === 'ok' && !c.expected.bad_rows));
const refused = some(all.filter((c) => c.expected.outcome !== 'ok' || c.expected.bad_rows));

const collections = new Map<string, string>();
const created = new Map<string, Promise<unknown>>();

/** Fixtures of one schema share a collection, each with a partition of its own: so it is loaded once for reading back. */
function collectionFor({ name, expected }: Case): string {
  const own = expected.idkind === 'text' || expected.columns ? name : '';
  const schema = `${expected.vector}_${expected.dim}_${own}`;
  const collection = collections.get(schema) ?? unique('fixtures');
  collections.set(schema, collection);
  return collection;
}

const partitionFor = ({ name }: Case): string => `p_${name.replaceAll('.', '_')}`;

/** Whoever comes first makes the collection; the others wait for that. */
async function inTurn<T>(collection: string, work: () => Promise<T>): Promise<T> {
  const first = created.get(collection);
  if (first) await first;
  const mine = work();
  if (!first)
    created.set(
      collection,
      mine.catch(() => {}),
    );
  return mine;
}

afterAll(dropCollections);

describe.concurrent('a fixture that can be read', () => {
  test.for(arriving)('$name is written', async (one) => {
    const { expected } = one;
    const collection = collectionFor(one);
    const numbered = (expected.ids ?? expected.idkind) === 'none';
    const target = { dest_collection_name: collection, dest_partition_name: partitionFor(one), mode: 'skip' };
    const parameter = { ...QUICK.collection_parameter, ...(one.keys.collection_parameter ?? {}) };
    const keys = { ...QUICK, ...one.keys, ...target, ...(numbered ? { id_start: 0 } : {}) };
    const done = await inTurn(collection, () => runOk({ ...keys, collection_parameter: parameter }));
    expect(done.target).toMatchObject({
      rows_read: expected.rows,
      rows_written: expected.rows,
      rows_skipped: 0,
      verified: 'count',
      target_rows: expected.rows,
    });
    expect((done.target.duplicates ?? 0) > 0).toBe(REPEATED.includes(one.name));
    expect(done.report.warnings.some((w) => w.includes('2^63-1'))).toBe(EXTREME.includes(one.name));
  });
});

test('and holds in Milvus 2.3.5 what expected.json says', async () => {
  const found = await partitionDigests([...collections.values()]);
  const differences: unknown[] = [];
  for (const one of arriving) {
    const { expected, name } = one;
    const { partition_counts, parts, fields } = found.get(collectionFor(one))!;
    const part = parts[partitionFor(one)]!;
    const key = fields.find((field) => field.primary)!.name;
    const facts = { count: partition_counts[partitionFor(one)], dim: part.dim };
    const wanted = { count: expected.rows, dim: expected.dim };
    const [have, need] = COUNTED.includes(name)
      ? [facts, wanted]
      : [
          { ...facts, vectors: part.sha256, ids: part.columns[key]!.sha256, columns: without(part.columns, key) },
          { ...wanted, vectors: expected.sha256, ids: expected.sha256_ids, columns: expected.columns ?? {} },
        ];
    if (JSON.stringify(sorted(have)) !== JSON.stringify(sorted(need))) differences.push({ name, have, need });
  }
  expect(differences).toEqual([]);
});

function without<T>(record: Readonly<Record<string, T>>, key: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
}

/** With keys in a fixed order, at every depth. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

describe.concurrent('with nothing but defaults', () => {
  test.for(all.filter((c) => c.name in BY_DEFAULT))('$name', async ({ name, expected, keys }) => {
    const collection = unique('default');
    const done = await runOk({ ...keys, mode: 'skip', dest_collection_name: collection });
    expect(done.target).toMatchObject({
      rows_written: expected.rows,
      verified: 'sample',
      target_rows: expected.rows,
      digest: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const found = await digest({ collection });
    expect(found).toMatchObject({ rows: expected.rows, count: expected.rows, dim: expected.dim });
    expect(found.sha256).toBe(expected.sha256);
    expect(found.indexes).toEqual([{ field: 'embedding', ...BY_DEFAULT[name]! }]);
    expect(found.load_state).toBe('NotLoad');
  });
});

describe('a fixture that cannot', () => {
  const target = unique('untouched');
  let before: FullDigest;
  beforeAll(async () => {
    const fields = [
      { name: 'id', type: 'INT64', primary: true },
      { name: 'embedding', type: 'FLOAT_VECTOR', dim: 16 },
    ];
    await makeCollection({ collection: target, fields, insert: [{ rows: 20 }], aliases: [`${target}_alias`] });
    before = await digest({ collection: target });
  });

  test.concurrent.for(refused)('$name is refused', async ({ name, expected, keys }) => {
    const done = await run({ ...keys, mode: 'overwrite', dest_collection_name: target });
    expect(done.code, done.stdout).toBe(3);
    expect(done.report).toMatchObject({ status: 'failed', error: { code: expected.code ?? 'SRC_BAD_ROW' } });
    expect(done.report.error!.message).toContain(name);
  });

  test('and leaves the target as it was', async () => {
    expect(await digest({ collection: target })).toEqual(before);
  });
});
