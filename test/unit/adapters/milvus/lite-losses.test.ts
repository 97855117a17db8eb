import { describe, expect, it } from 'vitest';
import { liteLosses } from '../../../../src/adapters/milvus/lite-losses.js';
import { type PlanInput, planTarget, type TargetState } from '../../../../src/adapters/milvus/plan.js';
import { schemaOf } from '../../batch/support.js';
import { collectionOf, KEY, VECTOR } from './support.js';

const NOTHING: TargetState = { indexes: [], rows: new Map() };

function losses(state: TargetState, more: Partial<PlanInput> = {}): string[] {
  const input: PlanInput = {
    collection: 'books',
    mode: 'append',
    parameter: { idField: 'id', vectorField: 'embedding', load: false },
    metric: 'L2',
    ids: { type: 'INT64', stored: true, newIds: false },
    schema: schemaOf(KEY, VECTOR),
    settings: {},
    units: [{}],
    ...more,
  };
  return liteLosses(state, input, planTarget(state, input));
}

describe('liteLosses', () => {
  it('says nothing where nothing is lost', () => {
    expect(losses(NOTHING)).toEqual([]);
    expect(losses(NOTHING, { units: [{ partition: 'a' }], settings: { shards: 1, consistency: 'Strong' } })).toEqual(
      [],
    );
  });

  it('says that ids of one partition leave the others, where several are written or others have rows', () => {
    const text = /one row per id in all of "books"/;
    const units = [{ partition: 'a' }, { partition: 'b' }];
    expect(losses(NOTHING, { units })).toEqual([expect.stringMatching(text)]);
    const info = collectionOf({ partitions: ['_default', 'a', 'old'] });
    const held = new Map([
      ['', 5],
      ['_default', 0],
      ['a', 0],
      ['old', 5],
    ]);
    const state = { info, indexes: [], rows: held };
    expect(losses(state, { units: [{ partition: 'a' }] })).toEqual([expect.stringMatching(text)]);
    const empty = {
      ...state,
      rows: new Map([
        ['', 0],
        ['old', 0],
      ]),
    };
    expect(losses(empty, { units: [{ partition: 'a' }] })).toEqual([]);
    expect(losses(state, { mode: 'skip', units: [{ partition: 'a' }] })).toEqual([]);
  });

  it('lists what a new collection does not keep', () => {
    const texts = { name: 'tags', type: 'ARRAY', elementType: 'VARCHAR', maxLength: 9, maxCapacity: 4 } as const;
    const schema = schemaOf(KEY, { ...VECTOR, description: 'of the title' }, texts);
    const settings = { description: 'all books', shards: 4, consistency: 'Bounded' };
    expect(losses(NOTHING, { schema, settings })).toEqual([
      'Milvus Lite does not keep of "books": the description; the descriptions of embedding; its 4 shards; the consistency level Bounded; how long texts may be in tags',
    ]);
  });
});
