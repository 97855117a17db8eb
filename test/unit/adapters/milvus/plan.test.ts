import { describe, expect, it } from 'vitest';
import { type PlanInput, planTarget, type TargetPlan, type TargetState } from '../../../../src/adapters/milvus/plan.js';
import type { WriteUnit } from '../../../../src/adapters/types.js';
import type { Mode } from '../../../../src/config/types.js';
import type { CollectionInfo } from '../../../../src/milvus/collections.js';
import { schemaOf } from '../../batch/support.js';
import { collectionOf, fieldOf, KEY, VECTOR } from './support.js';

const NOTHING: TargetState = { indexes: [], rows: new Map() };
const INDEX = {
  name: 'i',
  field: 'embedding',
  type: 'HNSW',
  metric: 'L2',
  params: {},
  indexedRows: 0,
  totalRows: 0,
  finished: true,
};

/** A collection with rows in these partitions. */
function standing(rows: Readonly<Record<string, number>>, info: Partial<CollectionInfo> = {}): TargetState {
  const total = Object.values(rows).reduce((a, b) => a + b, 0);
  return {
    info: collectionOf({ partitions: Object.keys(rows), ...info }),
    indexes: [INDEX],
    rows: new Map([['', total], ...Object.entries(rows)]),
  };
}

function input(mode: Mode, units: readonly WriteUnit[], more: Partial<PlanInput> = {}): PlanInput {
  return {
    collection: 'books',
    mode,
    parameter: { idField: 'id', vectorField: 'embedding', load: false },
    metric: 'L2',
    ids: { type: 'INT64', stored: true, newIds: false },
    schema: schemaOf(KEY, VECTOR),
    settings: {},
    units,
    ...more,
  };
}

/** What a plan comes down to. */
function outline(plan: TargetPlan): object {
  return {
    collection: plan.drop ? 'drop, create' : plan.create ? 'create' : 'keep',
    drop: plan.dropPartitions,
    empty: plan.emptyPartitions,
    create: plan.createPartitions,
    units: plan.units.map((u) => [u.partition ?? '', u.write, u.fresh, u.existingRows]),
    index: plan.indexes.map((i) => i.type),
    actions: plan.actions.map((a) => `${a.kind} ${a.target}`),
  };
}

const WHOLE: WriteUnit[] = [{}];
const ONE: WriteUnit[] = [{ partition: 'p' }];
const DEFAULT: WriteUnit[] = [{ partition: '_default' }];
const TWO: WriteUnit[] = [{ partition: 'p' }, { partition: 'q' }];

const KEPT = { collection: 'keep', drop: [], empty: [], create: [], index: [] };
const MADE = { collection: 'create', drop: [], empty: [], create: [], index: ['AUTOINDEX'] };

describe('a target that does not exist', () => {
  it.each<Mode>(['skip', 'append', 'overwrite'])('is made, with mode %s', (mode) => {
    expect(outline(planTarget(NOTHING, input(mode, WHOLE)))).toStrictEqual({
      ...MADE,
      units: [['', true, true, 0]],
      actions: ['create books', 'index books'],
    });
  });

  it.each<Mode>(['skip', 'append', 'overwrite'])('is made with its partitions, with mode %s', (mode) => {
    const units = [...TWO, { partition: '_default' }];
    expect(outline(planTarget(NOTHING, input(mode, units)))).toStrictEqual({
      ...MADE,
      create: ['p', 'q'],
      units: [
        ['p', true, true, 0],
        ['q', true, true, 0],
        ['_default', true, true, 0],
      ],
      actions: ['create books', 'create books/p', 'create books/q', 'index books'],
    });
  });

  it('needs no id_start and warns of nothing', () => {
    expect(planTarget(NOTHING, input('append', WHOLE))).toMatchObject({
      needsIdStart: false,
      warnings: [],
      autoId: false,
    });
  });

  it('is described by its key and fields', () => {
    const { actions } = planTarget(NOTHING, input('append', WHOLE));
    expect(actions[0]!.detail).toBe('id INT64 primary key; embedding FLOAT_VECTOR(4)');
    const made = planTarget(NOTHING, input('append', WHOLE, { ids: { type: 'INT64', stored: true, newIds: true } }));
    expect(made.autoId).toBe(true);
    expect(made.actions[0]!.detail).toContain('made by the server');
  });

  it('gets the key that the configuration names where the source has none', () => {
    const parameter = { idField: 'row', vectorField: 'embedding', load: true };
    const plan = planTarget(
      NOTHING,
      input('append', WHOLE, {
        schema: schemaOf(VECTOR),
        parameter,
        ids: { type: 'none', stored: false, newIds: false },
      }),
    );
    expect(plan.mapping).toMatchObject({ keyField: 'row', keyType: 'INT64', vectorField: 'embedding', autoId: false });
    expect(plan.actions.at(-1)).toMatchObject({ kind: 'load' });
  });

  it('gets no index when told so', () => {
    const parameter = { idField: 'id', vectorField: 'embedding', load: false, index: 'none' } as const;
    expect(outline(planTarget(NOTHING, input('append', WHOLE, { parameter })))).toMatchObject({
      index: [],
      actions: ['create books'],
    });
  });
});

describe('skip', () => {
  it('of a collection that exists does nothing', () => {
    const plan = planTarget(standing({ _default: 5 }), input('skip', WHOLE));
    expect(outline(plan)).toStrictEqual({ ...KEPT, units: [['', false, false, 5]], actions: ['skip books'] });
    expect(plan).toMatchObject({ needsIdStart: false, warnings: [] });
    expect(plan.actions[0]!.detail).toContain('5 rows');
  });

  it('asks nothing of the schema of what it does not touch', () => {
    const other = standing({ _default: 5 }, { fields: [fieldOf('pk', 'VARCHAR', { primaryKey: true })] });
    expect(planTarget(other, input('skip', WHOLE)).units[0]!.write).toBe(false);
  });

  it('of a partition that is missing makes it', () => {
    expect(outline(planTarget(standing({ _default: 5 }), input('skip', ONE)))).toStrictEqual({
      ...KEPT,
      create: ['p'],
      units: [['p', true, true, 0]],
      actions: ['create books/p'],
    });
  });

  it('of several partitions leaves out those that exist', () => {
    expect(outline(planTarget(standing({ _default: 0, p: 7 }), input('skip', TWO)))).toStrictEqual({
      ...KEPT,
      create: ['q'],
      units: [
        ['p', false, false, 7],
        ['q', true, true, 0],
      ],
      actions: ['skip books/p', 'create books/q'],
    });
  });

  it('takes the default partition for one that exists', () => {
    expect(outline(planTarget(standing({ _default: 0 }), input('skip', DEFAULT)))).toMatchObject({
      units: [['_default', false, false, 0]],
    });
  });
});

describe('append', () => {
  it('keeps everything', () => {
    expect(outline(planTarget(standing({ _default: 5 }), input('append', WHOLE)))).toStrictEqual({
      ...KEPT,
      units: [['', true, false, 5]],
      actions: ['append books'],
    });
  });

  it.each<[string, WriteUnit[], object]>([
    ['a partition that exists', ONE, { create: [], units: [['p', true, false, 7]], actions: ['append books/p'] }],
    [
      'the default partition',
      DEFAULT,
      { create: [], units: [['_default', true, false, 5]], actions: ['append books/_default'] },
    ],
    ['one that exists and one that does not', TWO, { create: ['q'], actions: ['create books/q', 'append books/p'] }],
  ])('to %s', (_, units, expected) => {
    expect(outline(planTarget(standing({ _default: 5, p: 7 }), input('append', units)))).toMatchObject({
      ...KEPT,
      ...expected,
    });
  });

  it('to rows that stay needs a start for row numbers, wherever they are', () => {
    expect(planTarget(standing({ _default: 5, p: 0 }), input('append', ONE)).needsIdStart).toBe(true);
    expect(planTarget(standing({ _default: 0, p: 0 }), input('append', ONE)).needsIdStart).toBe(false);
  });

  it('refuses a schema that does not fit', () => {
    const other = standing(
      { _default: 5 },
      { fields: [fieldOf('pk', 'VARCHAR', { primaryKey: true }), fieldOf('v', 'FLOAT_VECTOR', { dim: 4 })] },
    );
    expect(() => planTarget(other, input('append', WHOLE))).toThrow(
      expect.objectContaining({ code: 'DST_SCHEMA_MISMATCH' }),
    );
  });

  it('through an alias is possible', () => {
    const state = standing({ _default: 5 }, { name: 'books_v2', aliases: ['books'] });
    expect(outline(planTarget(state, input('append', WHOLE)))).toMatchObject({ ...KEPT, actions: ['append books'] });
  });

  it('warns of indexes that are not what the configuration says', () => {
    const warnings = (state: TargetState, more: Partial<PlanInput> = {}): string =>
      planTarget(state, input('append', WHOLE, more)).warnings.join('\n');
    const state = standing({ _default: 5 });
    expect(warnings(state)).toBe('');
    expect(warnings({ ...state, indexes: [] })).toContain('has no index on embedding');
    expect(warnings(state, { metric: 'IP' })).toMatch(/indexed with L2, not with IP/);
    const parameter = {
      idField: 'id',
      vectorField: 'embedding',
      load: false,
      index: { type: 'FLAT', params: {} },
      shards: 4,
    };
    expect(warnings(state, { parameter })).toMatch(/index has no effect[\s\S]*shards has no effect/);
  });
});

describe('overwrite', () => {
  it('of a collection drops it with all that is in it, and says so', () => {
    const state = standing(
      { _default: 5, p: 1200 },
      { aliases: ['b1', 'b2'], properties: { 'collection.ttl.seconds': '60' } },
    );
    const plan = planTarget(state, input('overwrite', WHOLE));
    expect(outline(plan)).toStrictEqual({
      collection: 'drop, create',
      drop: [],
      empty: [],
      create: [],
      units: [['', true, true, 1205]],
      index: ['AUTOINDEX'],
      actions: ['drop books', 'create books', 'index books'],
    });
    expect(plan.actions[0]!.detail).toBe(
      'lost with it: its 1,205 rows; partitions: _default, p; aliases: b1, b2; properties: collection.ttl.seconds=60; indexes: HNSW on embedding',
    );
    expect(plan.needsIdStart).toBe(false);
  });

  it('of a collection asks nothing of its old schema', () => {
    const other = standing({ _default: 5 }, { fields: [fieldOf('pk', 'VARCHAR', { primaryKey: true })] });
    expect(planTarget(other, input('overwrite', WHOLE)).drop).toBe(true);
  });

  it('of a partition drops only that one', () => {
    const plan = planTarget(standing({ _default: 5, p: 7, q: 9 }), input('overwrite', ONE));
    expect(outline(plan)).toStrictEqual({
      ...KEPT,
      drop: ['p'],
      create: ['p'],
      units: [['p', true, true, 7]],
      actions: ['drop books/p', 'create books/p'],
    });
    expect(plan.needsIdStart).toBe(true);
  });

  it('of the only partition with rows leaves no row', () => {
    expect(planTarget(standing({ _default: 0, p: 7 }), input('overwrite', ONE)).needsIdStart).toBe(false);
  });

  it('of a partition that is missing makes it', () => {
    expect(outline(planTarget(standing({ _default: 5 }), input('overwrite', ONE)))).toMatchObject({
      ...KEPT,
      create: ['p'],
      units: [['p', true, true, 0]],
    });
  });

  it('of the default partition deletes its rows: it cannot be dropped', () => {
    expect(outline(planTarget(standing({ _default: 5, p: 7 }), input('overwrite', DEFAULT)))).toStrictEqual({
      ...KEPT,
      empty: ['_default'],
      units: [['_default', true, true, 5]],
      actions: ['empty books/_default'],
    });
  });

  it('of several partitions treats each by itself', () => {
    const units = [...TWO, { partition: '_default' }];
    expect(outline(planTarget(standing({ _default: 5, p: 7 }), input('overwrite', units)))).toMatchObject({
      ...KEPT,
      drop: ['p'],
      empty: ['_default'],
      create: ['p', 'q'],
      actions: ['drop books/p', 'empty books/_default', 'create books/p', 'create books/q'],
    });
  });

  it('of a whole collection whose rows lie in partitions drops the collection', () => {
    const units = TWO.map((unit) => ({ ...unit, whole: true }));
    expect(outline(planTarget(standing({ _default: 5, p: 7 }), input('overwrite', units)))).toMatchObject({
      collection: 'drop, create',
      drop: [],
      create: ['p', 'q'],
    });
  });

  it('through an alias is refused, naming both', () => {
    const state = standing({ _default: 5 }, { name: 'books_v2', aliases: ['books'] });
    for (const units of [WHOLE, ONE]) {
      expect(() => planTarget(state, input('overwrite', units))).toThrow(
        expect.objectContaining({
          code: 'DST_REFUSED',
          message: expect.stringMatching(/"books" is an alias of collection "books_v2"/),
          hint: expect.stringContaining('books_v2'),
        }),
      );
    }
  });
});
