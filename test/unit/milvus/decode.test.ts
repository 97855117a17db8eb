import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flat, isText, type RawValues } from '../../../src/batch/columns.js';
import { AnswerMemory } from '../../../src/milvus/answer-memory.js';
import { decodeMutation } from '../../../src/milvus/decode.js';
import { decodeQuery } from '../../../src/milvus/decode-query.js';
import { int64, LARGEST, SMALLEST } from '../batch/support.js';
import { protoDecode, protoEncode } from './proto.js';

const OK = { legacyCode: 0, code: 0, reason: '', retriable: false };

interface Answer {
  readonly name: string;
  readonly field: object;
  readonly width: number;
  readonly values: readonly unknown[];
}

const scalar = (name: string, member: string, data: readonly unknown[], values: readonly unknown[] = data): Answer => ({
  name,
  field: { field_name: name, field_id: 101, scalars: { [member]: { data } } },
  width: 1,
  values,
});

/** Columns of an answer with `rows` rows: what the server writes, and what is to be read. */
function answers(rows: number): fc.Arbitrary<Answer[]> {
  const many = <T>(item: fc.Arbitrary<T>, count = rows): fc.Arbitrary<T[]> =>
    fc.array(item, { minLength: count, maxLength: count });
  const bytes = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size });
  const float = fc.float();
  return fc.tuple(
    many(int64()).map((v) => scalar('id', 'long_data', v.map(longOf), v)),
    many(fc.boolean()).map((v) => scalar('bool', 'bool_data', v, v.map(Number))),
    many(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })).map((v) => scalar('int', 'int_data', v)),
    many(float).map((v) => scalar('float', 'float_data', v)),
    many(fc.double()).map((v) => scalar('double', 'double_data', v)),
    many(fc.string({ unit: 'grapheme', maxLength: 6 })).map((v) => scalar('text', 'string_data', v)),
    many(fc.json()).map((v) =>
      scalar(
        'json',
        'json_data',
        v.map((t) => new TextEncoder().encode(t)),
        v,
      ),
    ),
    many(float, rows * 3).map((v) => vector('floats', 3, { float_vector: { data: v } }, 3, v)),
    bytes(rows * 2).map((v) => vector('bits', 16, { binary_vector: v }, 2, [...v])),
    bytes(rows * 6).map((v) => vector('half', 3, { float16_vector: v }, 6, [...v])),
    bytes(rows * 6).map((v) => vector('brain', 3, { bfloat16_vector: v }, 6, [...v])),
    bytes(rows * 5).map((v) => vector('small', 5, { int8_vector: v }, 5, [...v])),
  );
}

function vector(name: string, dim: number, body: object, width: number, values: readonly unknown[]): Answer {
  return { name, field: { field_name: name, vectors: { dim, ...body } }, width, values };
}

/** A 64-bit integer as protobufjs takes it. */
function longOf(value: bigint): { low: number; high: number; unsigned: boolean } {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false };
}

function plain(values: RawValues): unknown[] {
  if (!isText(values)) return [...flat(values)];
  const { bytes, offsets } = values;
  return Array.from({ length: offsets.length - 1 }, (_, i) =>
    new TextDecoder().decode(bytes.subarray(offsets[i]!, offsets[i + 1]!)),
  );
}

function throws(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}

const sizes = fc.integer({ min: 0, max: 12 });

describe('decodeQuery', () => {
  it('reads what the proto writes, for every type, without rows, with one and with many', () => {
    const cases = sizes.chain((rows) => answers(rows).map((columns) => ({ rows, columns })));
    fc.assert(
      fc.property(cases, ({ rows, columns }) => {
        const bytes = protoEncode('QueryResults', {
          status: {},
          fields_data: columns.map((c) => c.field),
          collection_name: 'c',
        });
        const answer = decodeQuery(bytes);
        // The memory of a message is that of the next one.
        bytes.fill(0xa5);
        expect(answer.status).toStrictEqual(OK);
        expect(answer.rows).toBe(rows);
        expect(answer.columns.map((c) => [c.name, c.width])).toStrictEqual(columns.map((c) => [c.name, c.width]));
        for (const [i, column] of columns.entries())
          expect(plain(answer.columns[i]!.values)).toStrictEqual([...column.values]);
      }),
      { numRuns: 80 },
    );
  });

  it('counts no rows in an answer of an empty vector field', () => {
    const empty = protoEncode('QueryResults', { fields_data: [{ field_name: 'v', vectors: { float_vector: {} } }] });
    expect(decodeQuery(empty).rows).toBe(0);
    const bare = protoEncode('QueryResults', {
      fields_data: [
        { field_name: 'v', vectors: {} },
        { field_name: 'id', scalars: {} },
      ],
    });
    expect(decodeQuery(bare).rows).toBe(0);
    expect(decodeQuery(new Uint8Array(0))).toMatchObject({ status: OK, columns: [], rows: 0 });
  });

  it('reads vectors of 32,768 dimensions that lie misaligned', () => {
    const data = Array.from({ length: 2 * 32_768 }, (_, i) => Math.fround(Math.cos(i)));
    const message = protoEncode('QueryResults', {
      fields_data: [vector('v', 32_768, { float_vector: { data } }, 0, []).field],
    });
    for (let shift = 0; shift < 4; shift++) {
      const shifted = new Uint8Array(message.length + shift).subarray(shift);
      shifted.set(message);
      const { columns, rows } = decodeQuery(shifted);
      expect(rows).toBe(2);
      expect(plain(columns[0]!.values)).toStrictEqual(data);
    }
  });

  it('keeps nothing of the message: a reused buffer does not reach the answer', () => {
    const message = protoEncode('QueryResults', {
      fields_data: [
        scalar('t', 'string_data', ['abc']).field,
        vector('v', 2, { float_vector: { data: [1, 2] } }, 2, []).field,
      ],
    });
    const { columns } = decodeQuery(message);
    message.fill(0);
    expect(columns.map((c) => plain(c.values))).toStrictEqual([['abc'], [1, 2]]);
  });

  it('copies vectors into the memory that it is given, each answer over the one before', () => {
    const memory = new AnswerMemory();
    const message = (data: readonly number[]): Uint8Array =>
      protoEncode('QueryResults', {
        fields_data: [
          vector('bits', 8, { binary_vector: Uint8Array.from({ length: data.length / 2 }, (_, i) => i) }, 1, []).field,
          vector('v', 2, { float_vector: { data } }, 2, []).field,
        ],
      });
    const values = (data: readonly number[]): RawValues => decodeQuery(message(data), memory).columns[1]!.values;
    const first = values([1, 2, 3, 4]);
    const second = values([5, 6, 7, 8]);
    expect([plain(first), plain(second)]).toStrictEqual([
      [5, 6, 7, 8],
      [5, 6, 7, 8],
    ]);
    const many = Array.from({ length: 6000 }, (_, i) => i);
    expect(plain(values(many))).toStrictEqual(many);
    expect(plain(second)).toStrictEqual([5, 6, 7, 8]);
  });

  it('reads the status', () => {
    const status = { error_code: 4, reason: 'größe', code: 100, retriable: true };
    expect(decodeQuery(protoEncode('QueryResults', { status })).status).toStrictEqual({
      legacyCode: 4,
      code: 100,
      reason: 'größe',
      retriable: true,
    });
  });
});

describe('decodeMutation', () => {
  it('reads keys, counts and failed rows', () => {
    fc.assert(
      fc.property(
        fc.array(int64()),
        fc.array(fc.nat()),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (ids, failed, inserted, deleted, upserted) => {
          const keys = [...ids, LARGEST, SMALLEST, -1n];
          const bytes = protoEncode('MutationResult', {
            status: {},
            IDs: { int_id: { data: keys.map(longOf) } },
            succ_index: [1, 2, 300],
            err_index: failed,
            acknowledged: true,
            insert_cnt: inserted,
            delete_cnt: deleted,
            upsert_cnt: upserted,
            timestamp: longOf(447_000_000_000_000_001n),
          });
          const mutation = decodeMutation(bytes);
          expect(mutation).toStrictEqual({
            status: OK,
            keys: BigInt64Array.from(keys),
            inserted,
            deleted,
            upserted,
            failed: failed.length,
          });
        },
      ),
    );
  });

  it('reads text keys as none, and an answer that is only a status', () => {
    const text = protoEncode('MutationResult', { IDs: { str_id: { data: ['a', 'b'] } }, insert_cnt: 2 });
    expect(decodeMutation(text)).toMatchObject({ keys: new BigInt64Array(0), inserted: 2 });
    const refused = protoEncode('MutationResult', { status: { error_code: 1, reason: 'no', code: 1100 } });
    expect(decodeMutation(refused)).toMatchObject({ status: { code: 1100, legacyCode: 1, reason: 'no' }, inserted: 0 });
  });

  it('counts failed rows also where they are not packed', () => {
    expect(decodeMutation(Uint8Array.of(0x20, 1, 0x20, 2, 0x22, 2, 3, 4)).failed).toBe(4);
  });
});

describe('a broken answer', () => {
  it('is an error at every length at which protobufjs finds one, and never hangs', () => {
    const [columns] = fc.sample(answers(3), { numRuns: 1, seed: 7 });
    const query = protoEncode('QueryResults', { status: { reason: 'x' }, fields_data: columns!.map((c) => c.field) });
    const mutation = protoEncode('MutationResult', {
      IDs: { int_id: { data: [1, 300, -1] } },
      err_index: [1],
      insert_cnt: 3,
    });
    let broken = 0;
    for (const [name, bytes, decode] of [
      ['QueryResults', query, decodeQuery],
      ['MutationResult', mutation, decodeMutation],
    ] as const) {
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length);
        const bad = throws(() => protoDecode(name, cut));
        expect(
          throws(() => decode(cut)),
          `${name} cut to ${length} of ${bytes.length} bytes`,
        ).toBe(bad);
        if (bad) broken++;
      }
    }
    expect(broken).toBeGreaterThan(200);
  });

  it('is an error where packed values end inside a value', () => {
    // QueryResults { fields_data { scalars { long_data { data: one byte that says "more follows" } } } }
    const cut = Uint8Array.of(0x12, 7, 0x1a, 5, 0x1a, 3, 0x0a, 1, 0x80);
    expect(throws(() => protoDecode('QueryResults', cut))).toBe(true);
    expect(() => decodeQuery(cut)).toThrow(RangeError);
    const floats = Uint8Array.of(0x12, 9, 0x1a, 7, 0x22, 5, 0x0a, 3, 1, 2, 3);
    expect(() => decodeQuery(floats)).toThrow(RangeError);
  });

  it('ends with a result or an error, whatever the bytes', () => {
    const [columns] = fc.sample(answers(4), { numRuns: 1, seed: 11 });
    const good = protoEncode('QueryResults', { fields_data: columns!.map((c) => c.field) });
    const damage = fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          expect(decodeQuery(bytes).columns.length).toBeLessThan(1000);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        for (const decode of [decodeQuery, decodeMutation]) {
          try {
            decode(bytes);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(RangeError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
