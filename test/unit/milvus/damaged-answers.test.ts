import { Schema } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawColumns } from '../../../src/batch/columns.js';
import { type FieldSpec, toArrowField } from '../../../src/batch/fields.js';
import { answerBatch, answerKeys } from '../../../src/milvus/answer-batch.js';
import { AnswerMemory } from '../../../src/milvus/answer-memory.js';
import { countRows, deleteRows, mutate, query, readPoint } from '../../../src/milvus/data.js';
import { MilvusdmError } from '../../../src/util/errors.js';
import { fakeConnection } from '../adapters/milvus/fake-connection.js';
import { protoEncode } from './proto.js';

// Whatever comes back, a caller gets its answer or an error of the source or the target: never one that blames milvusdm.

const SPECS: readonly FieldSpec[] = [
  { name: 'id', type: 'INT64', primaryKey: true },
  { name: 'bool', type: 'BOOL' },
  { name: 'small', type: 'INT8' },
  { name: 'int', type: 'INT32', nullable: true },
  { name: 'float', type: 'FLOAT' },
  { name: 'double', type: 'DOUBLE' },
  { name: 'text', type: 'VARCHAR', nullable: true },
  { name: 'json', type: 'JSON' },
  { name: 'numbers', type: 'ARRAY', elementType: 'INT16' },
  { name: 'texts', type: 'ARRAY', elementType: 'VARCHAR' },
  { name: 'vec', type: 'FLOAT_VECTOR', dim: 3 },
  { name: 'bits', type: 'BINARY_VECTOR', dim: 16 },
  { name: 'half', type: 'FLOAT16_VECTOR', dim: 2 },
  { name: 'sparse', type: 'SPARSE_FLOAT_VECTOR' },
];
const SCHEMA = new Schema(SPECS.map(toArrowField));
const ROWS = 3;

const scalars = (name: string, body: object, more: object = {}): object => ({
  field_name: name,
  scalars: body,
  ...more,
});
const vectors = (name: string, dim: number, body: object): object => ({ field_name: name, vectors: { dim, ...body } });
const lists = (rows: readonly object[]): object => ({ array_data: { data: rows } });

const FIELDS: readonly object[] = [
  scalars('id', { long_data: { data: [1, 300, 70000] } }),
  scalars('bool', { bool_data: { data: [true, false, true] } }),
  scalars('small', { int_data: { data: [-1, 2, 3] } }),
  scalars('int', { int_data: { data: [7, -8] } }, { valid_data: [true, false, true] }),
  scalars('float', { float_data: { data: [1.5, 2.5, 3.5] } }),
  scalars('double', { double_data: { data: [1, 2, 3] } }),
  scalars('text', { string_data: { data: ['a', '', 'ccc'] } }, { valid_data: [true, false, true] }),
  scalars('json', { json_data: { data: [1, 2, 3].map((n) => new TextEncoder().encode(`{"n":${n}}`)) } }),
  scalars('numbers', lists([{ int_data: { data: [1, 2] } }, { int_data: {} }, { int_data: { data: [3] } }])),
  scalars('texts', lists([{ string_data: { data: ['x', 'yy'] } }, {}, { string_data: { data: ['z'] } }])),
  vectors('vec', 3, { float_vector: { data: [1, 2, 3, 4, 5, 6, 7, 8, 9] } }),
  vectors('bits', 16, { binary_vector: new Uint8Array(6).fill(5) }),
  vectors('half', 2, { float16_vector: new Uint8Array(12).fill(6) }),
  vectors('sparse', 9, { sparse_float_vector: { contents: [1, 2, 3].map((n) => new Uint8Array(8).fill(n)), dim: 9 } }),
];

const ANSWER = protoEncode('QueryResults', { status: {}, fields_data: FIELDS });

function connectionThatSays(bytes: Uint8Array): ReturnType<typeof fakeConnection> {
  return fakeConnection(() => bytes);
}

/** Everything that reading a page does with an answer. */
async function readPage(bytes: Uint8Array): Promise<number> {
  const memory = new AnswerMemory();
  const asked = { collection: 'c', expression: 'id > 0', outputFields: [], memory };
  const answer = await query(connectionThatSays(bytes), asked);
  const keys = answerKeys(answer, 'id', 'a page');
  if (answer.rows === 0) return 0;
  const batch = answerBatch(SCHEMA, answer, 'a page');
  for (let row = 0; row < answer.rows; row++) keys.at(row);
  expect(rawColumns(batch)).toHaveLength(SPECS.length);
  return batch.numRows;
}

async function outcomeOf(action: () => Promise<unknown>): Promise<unknown> {
  try {
    return await action();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(MilvusdmError);
    expect((thrown as MilvusdmError).code).toMatch(/^(SRC|DST)_/);
    return thrown;
  }
}

/** Bytes cut, changed, doubled, or with others put in. */
function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: bytes.length - 1 });
  const byte = fc.integer({ min: 0, max: 255 });
  const changes = fc.array(fc.tuple(at, byte), { minLength: 1, maxLength: 5 });
  const spliced = fc.tuple(at, fc.nat({ max: 20 }), fc.uint8Array({ maxLength: 20 }));
  return fc.oneof(
    changes.map((all) => {
      const out = Uint8Array.from(bytes); // slices of a Buffer share its memory
      for (const [i, value] of all) out[i] = value;
      return out;
    }),
    spliced.map(([i, gone, more]) => Uint8Array.of(...bytes.subarray(0, i), ...more, ...bytes.subarray(i + gone))),
    fc.tuple(at, at).map(([a, b]) => Uint8Array.of(...bytes.subarray(0, a), ...bytes.subarray(b))),
    fc.uint8Array({ maxLength: 80 }),
  );
}

describe('a page', () => {
  it('is read where it is whole, null rows with a place of their own', async () => {
    expect(await readPage(ANSWER)).toBe(ROWS);
    const answer = await query(connectionThatSays(ANSWER), { collection: 'c', expression: '', outputFields: [] });
    const columns = rawColumns(answerBatch(SCHEMA, answer, 'a page'));
    const int = columns.find((c) => c.field.name === 'int')!;
    expect([int.values, int.valid]).toEqual([Int32Array.of(7, 0, -8), Uint8Array.of(1, 0, 1)]);
    const small = columns.find((c) => c.field.name === 'small')!;
    expect(small.values).toEqual(Int8Array.of(-1, 2, 3));
    const text = columns.find((c) => c.field.name === 'text')!;
    expect([text.values, text.valid]).toMatchObject([{ offsets: Int32Array.of(0, 1, 1, 4) }, Uint8Array.of(1, 0, 1)]);
  });

  it('that is cut at any byte is an error of the server, never an empty page', async () => {
    for (let length = 0; length < ANSWER.length; length++) {
      expect(await outcomeOf(() => readPage(ANSWER.subarray(0, length)))).toBeInstanceOf(MilvusdmError);
    }
  });

  it('that is damaged in any way is rows or an error of the server', async () => {
    await fc.assert(
      fc.asyncProperty(damaged(ANSWER), async (bytes) => {
        await outcomeOf(() => readPage(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it.each(SPECS.map((spec) => spec.name))(
    'without "%s", or with another field in its place, is an error',
    async (name) => {
      const others = FIELDS.filter((field) => (field as { field_name: string }).field_name !== name);
      const read = (fields: readonly object[]): Promise<unknown> =>
        readPage(protoEncode('QueryResults', { fields_data: [...fields] }));
      await expect(read(others)).rejects.toMatchObject({ code: 'DST_REFUSED', message: expect.stringContaining(name) });
      for (const other of others) await outcomeOf(() => read([...others, { ...other, field_name: name }]));
    },
  );

  it.each([
    ['a column of other length', scalars('bool', { bool_data: { data: [true] } }), /"bool" 1/],
    [
      'marks of null for other rows',
      scalars('bool', { bool_data: { data: [true, true, true] } }, { valid_data: [false] }),
      /marks of null/,
    ],
    [
      'vectors of another dimension',
      vectors('vec', 2, { float_vector: { data: [1, 2, 3, 4, 5, 6] } }),
      /2 values a row in "vec"/,
    ],
    ['vectors that end inside a row', vectors('vec', 3, { float_vector: { data: [1, 2, 3, 4] } }), /"vec" 1\.3/],
    ['text where numbers belong', scalars('float', { string_data: { data: ['a', 'b', 'c'] } }), /no FLOAT/],
    ['numbers where text belongs', scalars('text', { long_data: { data: [1, 2, 3] } }), /no VARCHAR/],
    ['one value where an array belongs', scalars('numbers', { int_data: { data: [1, 2, 3] } }), /no ARRAY/],
    ['arrays of other elements', scalars('numbers', lists([{ string_data: { data: ['x'] } }, {}, {}])), /no ARRAY/],
    [
      'arrays of mixed elements',
      scalars('numbers', lists([{ int_data: { data: [1] } }, { long_data: { data: [1] } }, {}])),
      /several types/,
    ],
    [
      'arrays within arrays',
      scalars('numbers', lists([lists([{ int_data: { data: [1] } }]), {}, {}])),
      /inside an array/,
    ],
    ['text keys where numbers were', scalars('id', { string_data: { data: ['1', '2', '3'] } }), /no INT64/],
  ])('with %s is an error that says so', async (_, field, message) => {
    const name = (field as { field_name: string }).field_name;
    const fields = FIELDS.map((other) => ((other as { field_name: string }).field_name === name ? field : other));
    const page = readPage(protoEncode('QueryResults', { fields_data: fields }));
    await expect(page).rejects.toMatchObject({ code: 'DST_REFUSED', message: expect.stringMatching(message) });
  });
});

describe('a short answer', () => {
  const count = protoEncode('QueryResults', { fields_data: [scalars('count(*)', { long_data: { data: [5] } })] });
  const mutation = protoEncode('MutationResult', {
    status: {},
    IDs: { int_id: { data: [1, 300, -1] } },
    err_index: [],
    insert_cnt: 3,
  });
  // AllocTimestampResponse: 1 status, 2 timestamp
  const timestamp = Uint8Array.of(0x0a, 0, 0x10, 0xff, 0xff, 0xff, 0xff, 0x0f);

  it.each<readonly [string, Uint8Array, (bytes: Uint8Array) => Promise<unknown>]>([
    ['count(*)', count, (bytes) => countRows(connectionThatSays(bytes), 'c')],
    ['Insert', mutation, (bytes) => mutate(connectionThatSays(bytes), 'Insert', new Uint8Array(1), 'insert')],
    ['Delete', mutation, (bytes) => deleteRows(connectionThatSays(bytes), 'c', '_default', 'id in [1]')],
    ['AllocTimestamp', timestamp, (bytes) => readPoint(connectionThatSays(bytes))],
  ])('to %s that is damaged in any way is a value or an error of the server', async (_, bytes, ask) => {
    expect(String(await outcomeOf(() => ask(bytes)))).not.toContain('Error');
    for (let length = 0; length < bytes.length; length++) await outcomeOf(() => ask(bytes.subarray(0, length)));
    await fc.assert(
      fc.asyncProperty(damaged(bytes), async (changed) => {
        await outcomeOf(() => ask(changed));
      }),
      { numRuns: 500 },
    );
  });
});
