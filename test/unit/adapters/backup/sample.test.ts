import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Reader } from '../../../../src/adapters/types.js';
import { isList, isText, type RawColumn, rawColumns, rowBytes } from '../../../../src/batch/columns.js';
import { PROJECT } from '../../../support/environments.js';
import { openAt, SAMPLE } from './support.js';

interface Part {
  readonly rows: number;
  readonly sha256: string;
  readonly sha256_ids: string;
  readonly sample: Readonly<Record<string, unknown>>;
}

const EXPECTED = readFileSync(join(PROJECT, 'fixtures/milvus-backup/expected.json'), 'utf8');
/** Of all collections by their partitions. Integers beyond 2^53 as text. */
const PARTS = JSON.parse(EXPECTED.replace(/(?<=: )-?\d{16,}/g, '"$&"')) as Record<string, Record<string, Part>>;

interface Row {
  readonly id: bigint;
  readonly vector: Buffer;
  readonly scalars: Readonly<Record<string, unknown>>;
}

/** Values as Python gives them; integers beyond 2^53 as text. */
function shown({ values, width, field }: RawColumn, row: number): unknown {
  if (isList(values)) {
    const items = { values: values.items, width: 1, field, rows: 0 } as RawColumn;
    const [from, to] = [values.offsets[row]!, values.offsets[row + 1]!];
    return Array.from({ length: to - from }, (_, i) => shown(items, from + i));
  }
  if (isText(values)) {
    const text = Buffer.from(rowBytes({ values, width }, row)).toString();
    const json = field.metadata.get('milvus.type') === 'JSON';
    return json ? JSON.parse(text.replace(/(?<=:)-?\d{16,}/g, '"$&"')) : text;
  }
  const value = values[row]!;
  if (field.metadata.get('milvus.type') === 'BOOL') return value === 1;
  return typeof value === 'bigint' && Math.abs(Number(value)) < 2 ** 53
    ? Number(value)
    : typeof value === 'bigint'
      ? String(value)
      : value;
}

async function rowsOf(reader: Reader, partition: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const split of (await reader.splits()).filter((s) => s.partition === partition)) {
    let count = 0;
    for await (const { batch, firstRow } of reader.read(split, { maxBytes: 16 * 1024 })) {
      expect(firstRow).toBe(count);
      const columns = rawColumns(batch);
      for (let row = 0; row < batch.numRows; row++) {
        const scalars = columns.filter((c) => c.width === 1).map((c) => [c.field.name, shown(c, row)] as const);
        const { $meta, ...named } = Object.fromEntries(scalars);
        const id = (columns[0]!.values as BigInt64Array)[row]!;
        const vector = Buffer.from(rowBytes(columns[1]!, row));
        rows.push({ id, vector, scalars: { ...named, ...($meta as object | undefined) } });
      }
      count += batch.numRows;
    }
    expect(count).toBe(split.rows);
  }
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function sha256(parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function idBytes(id: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(id);
  return bytes;
}

describe('the sample of milvus-backup', () => {
  for (const [collection, parts] of Object.entries(PARTS)) {
    it.each(Object.entries(parts))(
      `${collection}/%s holds what a query of its source gave`,
      async (partition, part) => {
        await using catalog = await openAt(SAMPLE);
        const found = catalog.collections.find(({ name }) => name === collection)!;
        await found.check!();
        await using reader = await found.open();
        const rows = await rowsOf(reader, partition);
        expect(rows.length).toBe(part.rows);
        expect(sha256(rows.map(({ vector }) => vector))).toBe(part.sha256);
        expect(sha256(rows.map(({ id }) => idBytes(id)))).toBe(part.sha256_ids);
        for (const [id, expected] of Object.entries(part.sample)) {
          expect(rows.find((row) => String(row.id) === id)!.scalars).toMatchObject(expected as object);
        }
      },
    );
  }

  it('says what its collections were', async () => {
    await using catalog = await openAt(SAMPLE);
    expect(catalog.collections.map(({ name }) => name)).toStrictEqual(['fingerprints', 'articles']);
    expect(catalog.warnings).toStrictEqual([]);
    expect(catalog.collections[1]!.settings).toMatchObject({
      description: 'sample of a milvus-backup archive',
      metric: 'IP',
      indexes: [{ field: 'embedding', type: 'IVF_FLAT', metric: 'IP', params: { nlist: expect.anything() } }],
      shards: 2,
      consistency: 'Bounded',
      properties: { 'collection.ttl.seconds': expect.any(String) },
      aliases: [expect.any(String)],
      dynamic: true,
      autoId: false,
      partitions: ['_default', 'p_2024', 'p_empty'],
    });
    await using reader = await catalog.collections[1]!.open();
    expect(reader.info[0]).toMatchObject({ format: 'backup', rows: 1875, dim: 16, vectorType: 'FLOAT_VECTOR' });
    expect(reader.schema.fields.map(({ name }) => name)).toStrictEqual([
      'id',
      'embedding',
      'title',
      'score',
      'ok',
      'small',
      'tags',
      'info',
      '$meta',
    ]);
  });

  it('has the same splits whenever it is opened', async () => {
    const splits = async () => {
      await using catalog = await openAt(SAMPLE);
      await using reader = await catalog.collections[1]!.open();
      return await reader.splits();
    };
    const first = await splits();
    expect(await splits()).toStrictEqual(first);
    expect(new Set(first.map(({ fingerprint }) => fingerprint)).size).toBe(first.length);
  });
});
