import { describe, expect, it } from 'vitest';
import { createBitmap } from '../../../src/batch/bitmap.js';
import { type RawValues, rawColumns } from '../../../src/batch/columns.js';
import type { FieldSpec } from '../../../src/batch/fields.js';
import { valueAt } from '../../../src/batch/values.js';
import { createDeleteSet } from '../../../src/binlog/delete-set.js';
import { LaneMemory } from '../../../src/binlog/lane.js';
import { countStoredRows, markDeleted, type RowPlace, readSegment, SEGMENT_START } from '../../../src/binlog/rows.js';
import type { LogGroup, SegmentFiles, StoredField } from '../../../src/binlog/segment.js';
import { memorySource } from '../../../src/binlog/source.js';
import { FACTS, fixture } from './support.js';

const factsOf = (name: string) => FACTS.find(([one]) => one === name)![1];

/** The log of a fixture as the k-th of a field. */
function log(name: string): LogGroup['logs'][number] {
  return memorySource(name, fixture(name));
}

function fieldOf(name: string, more: Partial<FieldSpec> = {}): StoredField {
  const { field, spec } = factsOf(name);
  return { id: BigInt(field!), spec: { ...spec!, ...more } };
}

const KEY = fieldOf('int64.v1');
const TITLE = fieldOf('varchar.v1');
const VECTOR = fieldOf('float_vector.v1');
const ROWS = 160;

/** Two chunks of each field. */
const SEGMENT: SegmentFiles = {
  name: 'segment 1',
  groups: ['int64', 'varchar', 'float_vector'].map((name) => ({
    id: fieldOf(`${name}.v1`).id,
    logs: [log(`${name}.v1`), log(`${name}.v1`)],
  })),
};

interface Read {
  readonly rows: unknown[][];
  readonly places: { readonly place: RowPlace; readonly rows: number }[];
}

async function readRows(
  segment: SegmentFiles,
  fields: readonly StoredField[],
  o: Partial<Parameters<typeof readSegment>[2]> = {},
): Promise<Read> {
  const out: Read = { rows: [], places: [] };
  const options = { after: SEGMENT_START, maxBytes: 2000, memory: new LaneMemory(), ...o };
  for await (const { batch, place } of readSegment(segment, fields, options)) {
    const columns = rawColumns(batch);
    for (let row = 0; row < batch.numRows; row++) {
      out.rows.push(columns.map((column) => valueAt(column, row, column.width > 1)));
    }
    out.places.push({ place, rows: out.rows.length });
  }
  return out;
}

describe('the rows of a segment', () => {
  it('go over its chunks in order', async () => {
    const { rows } = await readRows(SEGMENT, [KEY, TITLE, VECTOR]);
    expect(rows.length).toBe(2 * ROWS);
    expect(rows.slice(ROWS)).toStrictEqual(rows.slice(0, ROWS));
    expect(rows.slice(0, ROWS).map(([id]) => String(id))).toStrictEqual(factsOf('int64.v1').values);
  });

  it('go on behind every batch', async () => {
    const all = await readRows(SEGMENT, [KEY, TITLE, VECTOR]);
    expect(all.places.length).toBeGreaterThan(4);
    for (const { place, rows } of all.places) {
      const rest = await readRows(SEGMENT, [KEY, TITLE, VECTOR], { after: place, maxBytes: 700 });
      expect(rest.rows).toStrictEqual(all.rows.slice(rows));
    }
  });

  it('leave out those that are gone, with the same places', async () => {
    const gone = createBitmap(2 * ROWS);
    for (let row = 0; row < 2 * ROWS; row++) if (row % 3 === 1 || (row > 40 && row < 130)) gone.add(row);
    const all = await readRows(SEGMENT, [KEY, TITLE, VECTOR]);
    const left = await readRows(SEGMENT, [KEY, TITLE, VECTOR], { gone });
    expect(left.rows).toStrictEqual(all.rows.filter((_, row) => !gone.has(row)));
    for (const { place, rows } of left.places) {
      const rest = await readRows(SEGMENT, [KEY, TITLE, VECTOR], { gone, after: place, maxBytes: 900 });
      expect(rest.rows).toStrictEqual(left.rows.slice(rows));
    }
  });

  it('have null, or the default, where their field was added later', async () => {
    const late = { name: 'segment 1', groups: [SEGMENT.groups[0]!, { id: TITLE.id, logs: [log('varchar.v1')] }] };
    const nullable = { ...TITLE, spec: { ...TITLE.spec, nullable: true } };
    // A field that may be null is stored in another way than one that may not.
    const stored = { ...late, groups: [late.groups[0]!, { id: TITLE.id, logs: [log('varchar.nulls')] }] };
    const { rows } = await readRows(stored, [KEY, nullable]);
    expect(rows.slice(0, ROWS).every(([, title]) => title === null)).toBe(true);
    expect(rows.slice(ROWS).some(([, title]) => title !== null)).toBe(true);
    const standing = { ...TITLE, spec: { ...TITLE.spec, defaultValue: 'none' } };
    const filled = await readRows(late, [KEY, standing]);
    expect(filled.rows.slice(0, ROWS).every(([, t]) => Buffer.from(t as Uint8Array).toString() === 'none')).toBe(true);
    expect(filled.rows.slice(ROWS)).toStrictEqual((await readRows(SEGMENT, [KEY, TITLE])).rows.slice(ROWS));
    await expect(readRows(late, [KEY, TITLE])).rejects.toMatchObject({ code: 'SRC_CORRUPT' });
    const dynamic = { id: 999n, spec: { name: '$meta', type: 'JSON', dynamic: true } as const };
    const empty = await readRows(SEGMENT, [KEY, dynamic]);
    expect(Buffer.from(empty.rows[0]![1] as Uint8Array).toString()).toBe('{}');
  });

  it('are not put together from logs of different lengths', async () => {
    const odd = {
      name: 'segment 1',
      groups: [SEGMENT.groups[0]!, { id: 1n, logs: [log('packed.0'), log('packed.0')] }],
    };
    const cut = { ...odd, groups: [odd.groups[0]!, { id: 120n, logs: [log('array_int8.v1'), log('array_int8.v1')] }] };
    const tags = fieldOf('array_int8.v1');
    await expect(readRows(cut, [KEY, tags])).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringMatching(/40 rows.*160/),
    });
    const swapped = { ...odd, groups: [{ id: KEY.id, logs: [log('varchar.v1')] }] };
    await expect(readRows(swapped, [KEY])).rejects.toMatchObject({ message: expect.stringContaining('field 107') });
  });

  it('must have the dimension of the schema', async () => {
    const wide = { ...VECTOR, spec: { ...VECTOR.spec, dim: 16 } };
    await expect(readRows(SEGMENT, [wide])).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringContaining('32 bytes a row, which is no FLOAT_VECTOR of dimension 16'),
    });
  });
});

describe('deletes', () => {
  const keys = BigInt64Array.of(5n, -(2n ** 63n), 2n ** 53n + 1n, 5n);
  const times = BigInt64Array.of(100n, 7n, 2n ** 60n, 90n);

  it('remove rows of their key that were written strictly before', () => {
    const set = createDeleteSet('INT64');
    set.add(keys, times, 0, 4);
    expect(set.size).toBe(3);
    const rows: [key: bigint, time: bigint, gone: boolean][] = [
      [5n, 99n, true],
      [5n, 100n, false],
      [5n, 101n, false],
      [-(2n ** 63n), 6n, true],
      [-(2n ** 63n), 7n, false],
      [2n ** 53n, 1n, false],
      [2n ** 53n + 1n, 2n ** 60n - 1n, true],
      [2n ** 53n + 1n, 2n ** 60n, false],
      [-5n, 1n, false],
    ];
    const isGone = set.createLookup(
      BigInt64Array.from(rows, ([key]) => key),
      BigInt64Array.from(rows, ([, time]) => time),
    );
    expect(rows.map((_, i) => isGone(i))).toStrictEqual(rows.map(([, , gone]) => gone));
  });

  it('stay exact when there are many, and in bounded memory', () => {
    const many = 100_000;
    const set = createDeleteSet('INT64');
    const ids = BigInt64Array.from({ length: many }, (_, i) => BigInt(i) * 1_000_003n);
    set.add(ids, new BigInt64Array(many).fill(50n), 0, many);
    expect(set.size).toBe(many);
    expect(set.bytes).toBeLessThan(many * 40);
    const asked = BigInt64Array.from({ length: many }, (_, i) => BigInt(i) * 1_000_003n + BigInt(i % 2));
    const isGone = set.createLookup(asked, new BigInt64Array(many).fill(49n));
    for (let i = 0; i < many; i++) if (isGone(i) !== (i % 2 === 0)) throw new Error(`key ${i}`);
  });

  it('of text keys compare all bytes', () => {
    const text = (all: readonly string[]): RawValues => {
      const parts = all.map((one) => Buffer.from(one));
      const offsets = new Int32Array(all.length + 1);
      for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length;
      return { bytes: new Uint8Array(Buffer.concat(parts)), offsets };
    };
    const set = createDeleteSet('VARCHAR');
    const names = Array.from({ length: 5000 }, (_, i) => `key ${i} ${'é'.repeat(i % 9)}`);
    set.add(text(names), new BigInt64Array(5000).fill(9n), 0, 5000);
    const asked = ['', 'key 0 ', 'key 0', 'key 17 éééééééé', 'key 17 ééééééé', 'key 4999 ééé', 'key 4999 éééé'];
    const isGone = set.createLookup(text(asked), new BigInt64Array(asked.length).fill(8n));
    const known = new Set(names);
    expect(asked.map((_, i) => isGone(i))).toStrictEqual(asked.map((one) => known.has(one)));
  });

  it('are marked over the chunks of a segment, by key and time', async () => {
    const time = 1n;
    const group = { id: 0n, logs: [log('packed.0'), log('packed.0')] };
    const segment = { name: 'segment 1', groups: [group] };
    const key: StoredField = { id: 100n, spec: { name: 'id', type: 'INT64', primaryKey: true } };
    expect(await countStoredRows(segment, key)).toBe(2 * ROWS);
    const set = createDeleteSet('INT64');
    // Row i has the key i and the time 10 + i.
    set.add(BigInt64Array.of(3n, 4n, 5n, 1000n), BigInt64Array.of(13n + time, 14n, 2n ** 62n, 9n), 0, 4);
    const gone = createBitmap(2 * ROWS);
    await markDeleted(segment, key, set, gone);
    const marked = Array.from({ length: 2 * ROWS }, (_, row) => row).filter((row) => gone.has(row));
    expect(marked).toStrictEqual([3, 5, ROWS + 3, ROWS + 5]);
  });
});
