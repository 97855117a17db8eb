import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectHdf5, isHdf5, openHdf5 } from '../../../../src/adapters/hdf5/index.js';
import { fromArrowField } from '../../../../src/batch/fields.js';
import {
  type Content,
  EXPECTED,
  type Expected,
  errorOf,
  FIXTURES,
  NAMES,
  readAll,
  source,
  summarize,
} from './support.js';

const readable = EXPECTED.filter(([, entry]) => entry.outcome === 'ok');
const refused = EXPECTED.filter(([, entry]) => entry.outcome === 'refuse');

function open(name: string, entry: Expected): ReturnType<typeof openHdf5> {
  return openHdf5(source([join(FIXTURES, name)], entry.options ?? {}), NAMES);
}

function wanted(entry: Expected): Record<string, string> {
  const columns = Object.entries(entry.columns ?? {}).map(([field, column]) => [field, column.sha256]);
  return { ids: entry.sha256_ids, [NAMES.vectorField]: entry.sha256, ...Object.fromEntries(columns) };
}

/** Rows with a value that is not finite. */
function badRows(content: Content): number[] {
  const rows = content.fields.get(NAMES.vectorField) ?? [];
  const bad = (row: Buffer): boolean => {
    for (let at = 0; at < row.length; at += 4) if (!Number.isFinite(row.readFloatLE(at))) return true;
    return false;
  };
  return rows.flatMap((row, i) => (bad(row) ? [i] : []));
}

describe.each(readable)('%s', (name, entry) => {
  it('has the schema that is expected', async () => {
    await using reader = await open(name, entry);
    const specs = reader.schema.fields.map(fromArrowField);
    const vector = specs.find((spec) => spec.name === NAMES.vectorField);
    expect(vector).toMatchObject({
      type: entry.vector === 'binary' ? 'BINARY_VECTOR' : 'FLOAT_VECTOR',
      dim: entry.dim,
    });
    const key = specs.find((spec) => spec.primaryKey);
    expect(key?.type).toBe({ int64: 'INT64', text: 'VARCHAR', none: undefined }[entry.idkind]);
    if (entry.max_length !== undefined) expect(key?.maxLength).toBe(entry.max_length);
    for (const [field, column] of Object.entries(entry.columns ?? {})) {
      expect(specs.find((spec) => spec.name === field)?.type).toBe(column.type);
    }
    const [info] = reader.info;
    expect(info).toMatchObject({ rows: entry.rows, dim: entry.dim, ids: entry.idkind === 'none' ? 'none' : 'stored' });
    expect(info?.metric).toBe(entry.metric);
    const [split] = await reader.splits();
    expect(split).toMatchObject({ rows: entry.rows, source: join(FIXTURES, name) });
    expect(await isHdf5(join(FIXTURES, name))).toBe(true);
  });

  it.each([1, 700, 4096, 8 << 20])('gives the same rows in batches of at most %i bytes', async (maxBytes) => {
    await using reader = await open(name, entry);
    const content = await readAll(reader, { maxBytes });
    expect(summarize(reader, content)).toEqual(wanted(entry));
    expect(content.fields.get(NAMES.vectorField)?.length ?? 0).toBe(entry.rows);
    expect(content.largest).toBeLessThanOrEqual(maxBytes);
    if (maxBytes === 1) expect(content.starts.length).toBe(entry.rows);
    if (entry.vector === 'float32') expect(badRows(content)).toEqual(entry.bad_rows ?? []);
  });

  it('goes on behind any row', async () => {
    await using reader = await open(name, entry);
    const whole = await readAll(reader, { maxBytes: 1 << 20 });
    for (const row of [0, 1, 63, 64, 65, Math.floor(entry.rows / 2), entry.rows - 1, entry.rows]) {
      if (row < 0 || row > entry.rows) continue;
      const rest = await readAll(reader, { maxBytes: 3000, after: String(row) });
      if (row < entry.rows) {
        expect(rest.starts[0]).toBe(row);
        expect(rest.cursors.at(-1)).toBe(String(entry.rows));
      }
      for (const [field, rows] of whole.fields) {
        expect(Buffer.concat(rest.fields.get(field) ?? []).equals(Buffer.concat(rows.slice(row)))).toBe(true);
      }
    }
  });

  it('gives any selection of fields', async () => {
    await using reader = await open(name, entry);
    const whole = await readAll(reader, { maxBytes: 1 << 20 });
    for (const field of reader.schema.fields.map((f) => f.name)) {
      const some = await readAll(reader, { maxBytes: 2000, columns: [field] });
      expect([...some.fields.keys()]).toEqual(entry.rows === 0 ? [] : [field]);
      expect(Buffer.concat(some.fields.get(field) ?? []).equals(Buffer.concat(whole.fields.get(field) ?? []))).toBe(
        true,
      );
    }
  });

  it('is described', async () => {
    const info = await inspectHdf5(join(FIXTURES, name));
    expect(info.rows).toBe(entry.rows);
    expect(info.details.join('\n')).toContain(`dataset ${entry.options?.dataset ?? 'embeddings'}`);
  });
});

describe.each(refused)('%s', (name, entry) => {
  it(`is refused with ${entry.code}`, async () => {
    if (entry.at === 'open') {
      const error = await errorOf(open(name, entry));
      expect([error.code, error.exitCode]).toEqual([entry.code, 3]);
      expect(error.message).toContain(join(FIXTURES, name));
      return;
    }
    await using reader = await open(name, entry);
    for (const maxBytes of [1, 3000, 8 << 20]) {
      const error = await errorOf(readAll(reader, { maxBytes }));
      expect([error.code, error.exitCode]).toEqual([entry.code, 3]);
      expect(error.message).toContain(join(FIXTURES, name));
    }
  });
});
