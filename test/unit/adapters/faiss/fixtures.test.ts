import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectFaiss, isFaiss } from '../../../../src/adapters/faiss/index.js';
import { specsOf } from '../../../../src/batch/fields.js';
import { DEFAULT_BYTES, digestsOf, FIXTURES, fixtures, openFiles, readRows } from './support.js';

const rowBytes = (entry: { vector: string; dim: number; ids: string }): number =>
  (entry.vector === 'binary' ? entry.dim / 8 : entry.dim * 4) + (entry.ids === 'stored' ? 8 : 0);

describe.each(fixtures('ok'))('%s', (name, entry) => {
  const digests = { sha256: entry.sha256, sha256_ids: entry.sha256_ids };

  it('says what it is', async () => {
    await using reader = await openFiles(name);
    const vector = { type: entry.vector === 'binary' ? 'BINARY_VECTOR' : 'FLOAT_VECTOR', dim: entry.dim };
    const fields = [
      ...(entry.ids === 'stored' ? [{ name: 'id', type: 'INT64', primaryKey: true }] : []),
      { name: 'embedding', ...vector },
    ];
    expect(specsOf(reader.schema)).toEqual(fields);
    const info = await inspectFaiss(join(FIXTURES, name));
    expect(info).toEqual(reader.info[0]);
    expect(info).toMatchObject({ rows: entry.rows, dim: entry.dim, ids: entry.ids, vectorType: vector.type, fields });
    expect(info.kind).toContain(`(${entry.kind})`);
    const [split] = await reader.splits();
    expect(split).toMatchObject({ rows: entry.rows, bytes: entry.rows * rowBytes(entry) });
    expect(info.verdict).toBe(entry.verdict ?? 'exact');
    expect(reader.warnings.length).toBe(entry.verdict ? 1 : 0);
  });

  // One byte: a row a batch. 1000 and 4096 cut lists and id maps at odd places.
  it.each([1, 1000, 4096, DEFAULT_BYTES])('arrives bit for bit in batches of %i bytes', async (maxBytes) => {
    await using reader = await openFiles(name);
    const rows = await readRows(reader, { maxBytes });
    expect(rows.vectors.length).toBe(entry.rows);
    expect(rows.ids.length).toBe(entry.ids === 'stored' ? entry.rows : 0);
    expect(digestsOf(rows)).toEqual(digests);
    const most = Math.max(1, Math.floor(maxBytes / rowBytes(entry)));
    expect(Math.max(0, ...rows.sizes)).toBe(Math.min(most, entry.rows));
    expect(rows.firstRows).toEqual(rows.sizes.map((_, i) => i * most));
  });

  it('goes on behind any row', async () => {
    await using reader = await openFiles(name);
    const whole = await readRows(reader);
    for (const row of [0, 1, Math.floor(entry.rows / 3), entry.rows - 1, entry.rows]) {
      if (row < 0 || row > entry.rows) continue;
      const rest = await readRows(reader, { after: String(row), maxBytes: 777 });
      expect(rest.vectors).toEqual(whole.vectors.slice(row));
      expect(rest.ids).toEqual(whole.ids.slice(row));
      expect(rest.firstRows[0]).toBe(row === entry.rows ? undefined : row);
      expect(rest.cursors.at(-1)).toBe(row === entry.rows ? undefined : String(entry.rows));
    }
  });

  it('gives ids alone and vectors alone', async () => {
    await using reader = await openFiles(name);
    const whole = await readRows(reader);
    for (const maxBytes of [100, DEFAULT_BYTES]) {
      const vectors = await readRows(reader, { columns: ['embedding'], maxBytes });
      expect([vectors.ids, vectors.vectors]).toEqual([[], whole.vectors]);
      if (entry.ids === 'none') continue;
      const ids = await readRows(reader, { columns: ['id'], maxBytes });
      expect([ids.ids, ids.vectors]).toEqual([whole.ids, []]);
    }
  });
});

it('knows every fixture by its first bytes', () => {
  for (const [name] of fixtures()) expect(isFaiss(readFileSync(join(FIXTURES, name)).subarray(0, 4)), name).toBe(true);
  for (const text of ['', 'IxF', 'null', '\x89HDF', 'PK\x03\x04']) expect(isFaiss(Buffer.from(text)), text).toBe(false);
});
