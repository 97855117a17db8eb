import type { Schema } from 'apache-arrow';
import { describe, expect, it, vi } from 'vitest';
import type { WriterRequest } from '../../../src/adapters/types.js';
import { type FieldSpec, specsOf } from '../../../src/batch/fields.js';
import type { TransformStep } from '../../../src/config/transforms.js';
import type { CollectionParameter } from '../../../src/config/types.js';
import { schemaOf, specOf, textColumn } from '../batch/support.js';
import { fileSettings, openTarget } from './fake-registry.js';
import { keysIn, type Scene, type Stage, stage, TEN, targetOf, withNaN } from './run-support.js';
import {
  DIM,
  KEY,
  plainFile,
  textFileOf,
  useStateFolder,
  VECTOR,
  vectorsFor,
  WITH_TEXT_IDS,
  WITHOUT_IDS,
  withoutWaiting,
} from './support.js';

vi.mock('../../../src/registry.js', () => import('./fake-registry.js'));

useStateFolder();

interface Seen extends Stage {
  readonly requests: WriterRequest[];
  readonly schemas: Schema[];
}

/** A job with these steps; what the target is asked for is kept. */
function withSteps(scene: Scene, ...transforms: readonly TransformStep[]): Seen {
  const all = stage({ ...scene, config: { ...scene.config, transforms } });
  const requests: WriterRequest[] = [];
  const schemas: Schema[] = [];
  const { writer } = all;
  const plan = writer.plan.bind(writer);
  writer.plan = (schema, ...rest) => {
    schemas.push(schema);
    return plan(schema, ...rest);
  };
  const target = targetOf(writer);
  openTarget.mockReset().mockResolvedValue({
    ...target,
    writer(request) {
      requests.push(request);
      return target.writer(request);
    },
  });
  return { ...all, requests, schemas };
}

function parameter(more: Partial<CollectionParameter>): { parameter: CollectionParameter } {
  return { parameter: { idField: 'id', vectorField: 'embedding', load: false, ...more } };
}

const CUT: TransformStep = { kind: 'truncate_dim', fields: { embedding: { dim: 2, renormalize: false } } };

describe('what is written is judged behind the steps', () => {
  it('the dimension', async () => {
    const cut = withSteps({ files: [TEN], config: parameter({ metric: 'L2', dimension: 2 }) }, CUT);
    expect((await withoutWaiting(() => cut.job.run())).status).toBe('done');
    const { job } = withSteps({ files: [TEN], config: parameter({ metric: 'L2', dimension: DIM }) }, CUT);
    await expect(job.plan()).rejects.toMatchObject({
      code: 'CFG_CONFLICT',
      message: 'collection_parameter.dimension is 4, but the vectors have 2 dimensions after the transforms',
    });
  });

  it('the type of the keys', async () => {
    const toNumbers: TransformStep = { kind: 'cast', fields: { id: { type: 'INT64' } } };
    const { job, requests, writer } = withSteps({ schema: WITH_TEXT_IDS, files: [textFileOf(['7', '8'])] }, toNumbers);
    expect((await withoutWaiting(() => job.run())).status).toBe('done');
    expect(requests.map((r) => r.ids)).toStrictEqual([{ type: 'INT64', stored: true, newIds: false }]);
    expect(keysIn(writer)).toStrictEqual([7n, 8n]);
  });

  const BITS: FieldSpec = specOf('BINARY_VECTOR', 'bits');
  const BOTH = { name: 'a', rows: 1, columns: [BigInt64Array.of(1n), vectorsFor(1), Uint8Array.of(1, 2)] };

  it.each([
    ['metric_type HAMMING goes with the vectors that stay', 'HAMMING', undefined],
    ['metric_type L2 does not', 'L2', 'metric_type L2 does not go with BINARY_VECTOR'],
  ] as const)('the metric: %s', async (_, metric, message) => {
    const scene = { schema: schemaOf(KEY, VECTOR, BITS), files: [BOTH], config: parameter({ metric }) };
    const { job } = withSteps(scene, { kind: 'drop', fields: ['embedding'] });
    if (message) await expect(job.plan()).rejects.toMatchObject({ code: 'CFG_CONFLICT', message });
    else expect(await job.plan()).toMatchObject({ metric });
  });

  it('indexes, metric, partition key and dynamic fields of the source', async () => {
    const tag: FieldSpec = { name: 'tag', type: 'VARCHAR', maxLength: 9, partitionKey: true };
    const meta: FieldSpec = { name: '$meta', type: 'JSON', dynamic: true };
    const year: FieldSpec = { name: 'year', type: 'INT64' };
    const columns = [...BOTH.columns, textColumn(['x']), textColumn(['{}']), BigInt64Array.of(1999n)];
    const index = (field: string, type: string, metric: string) => ({ field, type, metric, params: {} });
    fileSettings.mockResolvedValueOnce({
      metric: 'IP',
      indexes: [
        index('embedding', 'HNSW', 'IP'),
        index('bits', 'BIN_FLAT', 'JACCARD'),
        index('tag', 'Trie', ''),
        index('year', 'STL_SORT', ''),
      ],
      dynamic: true,
      partitionCount: 16,
      aliases: ['b'],
    });
    const { job, requests } = withSteps(
      {
        schema: schemaOf(KEY, VECTOR, BITS, tag, meta, year),
        files: [{ ...BOTH, columns }],
        config: parameter({}),
      },
      { kind: 'drop', fields: ['embedding', 'tag', '$meta'] },
      { kind: 'rename', fields: { bits: 'code' } },
      { kind: 'cast', fields: { year: { type: 'INT32' } } },
    );
    expect(await job.plan()).toMatchObject({ metric: 'JACCARD' });
    expect(requests.map((r) => r.settings)).toStrictEqual([
      { metric: 'JACCARD', indexes: [index('code', 'BIN_FLAT', 'JACCARD')], dynamic: false, aliases: ['b'] },
    ]);
  });
});

describe('the keys that a run adds', () => {
  const ROWS: Scene = { schema: WITHOUT_IDS, files: [plainFile(3)] };
  const keep = (...fields: string[]): TransformStep => ({ kind: 'keep', fields });

  it('can be named by the steps of a plan as of a run', async () => {
    const steps = [keep('id', 'embedding'), { kind: 'rename', fields: { id: 'pk' } }] as const;
    expect((await withSteps(ROWS, ...steps).job.plan()).status).toBe('planned');
    const { job, writer, schemas } = withSteps(ROWS, ...steps);
    expect((await withoutWaiting(() => job.run())).status).toBe('done');
    expect(schemas.map(specsOf)).toMatchObject([[{ name: 'pk', primaryKey: true }, { name: 'embedding' }]]);
    expect(keysIn(writer)).toStrictEqual([0n, 1n, 2n]);
  });

  it('cannot be left out, said by the plan', async () => {
    const { job, writer } = withSteps(ROWS, keep('embedding'));
    await expect(job.plan()).rejects.toMatchObject({ code: 'CFG_CONFLICT', message: expect.stringContaining('`id`') });
    expect(writer.steps).toStrictEqual(['plan']);
    const some = withSteps({ ...ROWS, target: { autoId: false, existing: { _default: [] } } }, keep('embedding'));
    const report = await withoutWaiting(() => some.job.run());
    expect(report).toMatchObject({ exit_code: 2, error: { code: 'CFG_CONFLICT' } });
    expect(some.writer.steps).not.toContain('prepare');
  });

  it('are none where the target makes them', async () => {
    const scene: Scene = { ...ROWS, target: { autoId: true } };
    const { job, writer, schemas } = withSteps(scene, keep('embedding'));
    expect((await withoutWaiting(() => job.run())).status).toBe('done');
    expect(specsOf(schemas.at(-1)!).map((f) => f.name)).toStrictEqual(['embedding']);
    expect(keysIn(writer)).toHaveLength(3);
    await expect(withSteps(scene, keep('id', 'embedding')).job.plan()).rejects.toMatchObject({
      code: 'CFG_CONFLICT',
      message: expect.stringContaining('there is no field `id`'),
    });
  });

  it('replace those of the source before any step, which the plan knows', async () => {
    const scene: Scene = { files: [TEN], options: { newIds: true }, target: { autoId: true } };
    const { job, writer } = withSteps(scene, { kind: 'where', expression: 'id > 3' });
    const report = await withoutWaiting(() => job.run());
    expect(report).toMatchObject({ exit_code: 2, error: { code: 'CFG_CONFLICT' } });
    expect(writer.steps).not.toContain('prepare');
  });

  it('keep the name that they have in the source when the target makes new ones', async () => {
    const schema = schemaOf({ ...KEY, name: 'book_id' }, VECTOR);
    const { job, requests } = withSteps({ schema, files: [TEN], options: { newIds: true }, target: { autoId: true } });
    await job.plan();
    expect(requests[0]!.parameter.idField).toBe('book_id');
  });
});

describe('rows that were set aside', () => {
  it('do not shift the numbers in the errors of a step', async () => {
    const big = withNaN([10, 11, 12, 13], 1);
    (big.columns[1] as Float32Array)[3 * DIM] = 1e30;
    const cast: TransformStep = { kind: 'cast', fields: { embedding: { type: 'FLOAT16_VECTOR' } } };
    const { job } = withSteps({ files: [big], options: { onBadRow: 'quarantine', batchBytes: 1 << 20 } }, cast);
    const report = await withoutWaiting(() => job.run());
    expect(report).toMatchObject({ exit_code: 3, error: { code: 'SRC_BAD_ROW' } });
    expect(report.error!.message).toContain('row 3 (id 13)');
  });

  it.each(['full', 'headers'] as const)(
    'are not given to the steps, which could not treat them (%s)',
    async (preflight) => {
      const rows = withNaN([10, 11, 12, 13], 1);
      const cast: TransformStep = { kind: 'cast', fields: { embedding: { type: 'INT8_VECTOR', onLoss: 'report' } } };
      const scene: Scene = { files: [rows], options: { onBadRow: 'quarantine', preflight, batchBytes: 1 << 20 } };
      const { job, writer } = withSteps(scene, cast);
      expect(await withoutWaiting(() => job.run())).toMatchObject({
        exit_code: 7,
        targets: [{ rows_read: 4, rows_written: 3, rows_skipped: 1 }],
      });
      expect(keysIn(writer)).toStrictEqual([10n, 12n, 13n]);
    },
  );

  it.each(['full', 'headers'] as const)('are not those that a step makes: they are refused (%s)', async (preflight) => {
    const schema = schemaOf(KEY, VECTOR, { name: 'price', type: 'VARCHAR', maxLength: 9 });
    const columns = [BigInt64Array.of(7n, 8n), vectorsFor(2), textColumn(['1.5', 'NaN'])];
    const cast: TransformStep = { kind: 'cast', fields: { price: { type: 'DOUBLE' } } };
    const scene: Scene = {
      schema,
      files: [{ name: 'a', rows: 2, columns }],
      target: { finiteScalars: true },
      options: { onBadRow: 'quarantine', preflight },
    };
    const taken = withSteps({ ...scene, target: {} }, cast);
    expect((await withoutWaiting(() => taken.job.run())).error).toBe(null);
    const report = await withoutWaiting(() => withSteps(scene, cast).job.run());
    expect(report).toMatchObject({ exit_code: 3, error: { code: 'SRC_BAD_ROW' } });
    expect(report.error!.message).toContain('the row with the id 8 has NaN or infinity in the field price');
  });
});
