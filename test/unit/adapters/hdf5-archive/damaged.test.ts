import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOutputFile } from '../../../../src/adapters/hdf5/archive-file.js';
import type { Shape } from '../../../../src/adapters/hdf5/archive-layout.js';
import { openStream } from '../../../../src/adapters/hdf5/archive-stream.js';
import { inspectHdf5 } from '../../../../src/adapters/hdf5/index.js';
import type { FieldSpec } from '../../../../src/batch/fields.js';
import { MilvusdmError } from '../../../../src/util/errors.js';
import { schemaOf } from '../../batch/support.js';
import { errorOf } from '../hdf5/support.js';
import { batchOf, open, readBack, scratchFolder, write } from './support.js';

const folder = scratchFolder();

const SPECS: readonly FieldSpec[] = [
  { name: 'id', type: 'INT64', primaryKey: true },
  { name: 'vec', type: 'FLOAT_VECTOR', dim: 4 },
  { name: 'text', type: 'VARCHAR', maxLength: 50, nullable: true },
  { name: 'list', type: 'ARRAY', elementType: 'VARCHAR', maxCapacity: 5, maxLength: 9 },
  { name: 'sparse', type: 'SPARSE_FLOAT_VECTOR' },
];

async function sample(): Promise<Buffer> {
  const [batch] = fc.sample(batchOf(SPECS, { min: 200, max: 200 }), { numRuns: 1, seed: 11 });
  return readFileSync(await write(folder, schemaOf(...SPECS), [batch!]));
}

async function readFile(path: string): Promise<number> {
  await using reader = await open([path]);
  return (await readBack(reader, { maxBytes: 2000 })).rows.length;
}

describe('an archive that is cut off', () => {
  it('is refused at every sixteenth of its length, and without its last byte', async () => {
    const bytes = await sample();
    const lengths = Array.from({ length: 16 }, (_, part) => Math.floor((bytes.length * part) / 16));
    for (const length of [...lengths, bytes.length - 1]) {
      const path = join(folder, `cut-${length}.h5`);
      writeFileSync(path, bytes.subarray(0, length));
      const error = await errorOf(readFile(path));
      expect(error.exitCode).toBe(3);
      expect(error.code).toBe('SRC_TRUNCATED');
    }
  });
});

describe('an archive with damaged bytes', () => {
  it('never crashes the reader', async () => {
    const bytes = await sample();
    let seed = 4711;
    const next = (bound: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * bound);
    };
    const codes = new Set<string>();
    for (let round = 0; round < 100; round++) {
      const copy = Buffer.from(bytes);
      for (let i = 0; i < 4; i++) copy[next(copy.length)] = next(256);
      const path = join(folder, `damaged-${round}.h5`);
      writeFileSync(path, copy);
      try {
        codes.add(String(await readFile(path)));
      } catch (thrown) {
        if (!(thrown instanceof MilvusdmError)) throw thrown;
        expect(thrown.exitCode).toBe(3);
        codes.add(thrown.code);
      }
    }
    expect(codes).toContain('SRC_CORRUPT');
    expect(codes).toContain('200');
  });
});

type Part = readonly [name: string, shape: Shape, bytes: ArrayBufferView];

/** Writes datasets as they are given, whether they fit together or not. */
async function craft(name: string, parts: readonly Part[]): Promise<string> {
  const path = join(folder, `${name}.h5`);
  const file = await createOutputFile(path, true);
  for (const [dataset, shape, { buffer, byteOffset, byteLength }] of parts) {
    const stream = openStream(file, { name: dataset, shape, chunkBytes: 65_536, hash: () => 0n });
    stream.append(new Uint8Array(buffer, byteOffset, byteLength));
    stream.close();
  }
  file.close();
  await file.publish();
  return path;
}

function json(document: unknown): Part {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  return ['milvusdm_schema', { element: 'uint8' }, new TextEncoder().encode(text)];
}

const FIELDS = [
  { name: 'id', type: 'INT64', primaryKey: true, datasets: { values: 'ids' } },
  { name: 'text', type: 'VARCHAR', maxLength: 9, datasets: { values: 'text', offsets: 'text__offsets' } },
];
const SCHEMA = { format: 'milvusdm-archive', version: 1, rows: 2, fields: FIELDS, meta: {} };
const IDS: Part = ['ids', { element: 'int64' }, BigInt64Array.from([1n, 2n])];

function textParts(text: string | Uint8Array, offsets: readonly bigint[]): Part[] {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return [
    ['text', { element: 'uint8' }, bytes],
    ['text__offsets', { element: 'int64' }, BigInt64Array.from(offsets)],
  ];
}

describe('an archive that contradicts itself', () => {
  const good = [json(SCHEMA), IDS, ...textParts('abcd', [0n, 1n, 4n])];

  it('is read when it does not', async () => {
    expect(await readFile(await craft('good', good))).toBe(2);
  });

  it.each([
    ['falling', [0n, 5n, 4n]],
    ['negative', [-1n, 1n, 4n]],
    ['late', [1n, 2n, 4n]],
    ['short', [0n, 1n, 3n]],
    ['beyond', [0n, 1n, 2n ** 40n]],
    ['huge', [0n, 2n ** 62n, 2n ** 62n]],
  ])('is refused with %s offsets', async (name, offsets) => {
    const error = await errorOf(
      readFile(await craft(`offsets-${name}`, [json(SCHEMA), IDS, ...textParts('abcd', offsets)])),
    );
    expect(error.code).toBe('SRC_CORRUPT');
    expect(error.message).toMatch(/"text__offsets" of .* contradicts itself at row \d/);
  });

  it.each<[string, readonly Part[], RegExp]>([
    ['missing', [json(SCHEMA), IDS], /no dataset "text"/],
    ['rows', [json({ ...SCHEMA, rows: 3 }), ...good.slice(1)], /need 3 int64, have 2 int64/],
    [
      'type',
      [json(SCHEMA), ['ids', { element: 'float64' }, Float64Array.from([1, 2])], ...good.slice(2)],
      /need 2 int64/,
    ],
    ['fewer offsets', [json(SCHEMA), IDS, ...textParts('a', [0n, 1n])], /need 3 int64, have 2 int64/],
    ['no json', [json('{'), ...good.slice(1)], /is not JSON/],
    ['no schema', [json('[]'), ...good.slice(1)], /is not one of milvusdm/],
    ['no fields', [json({ ...SCHEMA, fields: [] }), ...good.slice(1)], /lacks rows or fields/],
    ['a field', [json({ ...SCHEMA, fields: [{ name: 'x', type: 'QUX' }] })], /has a field 1 that is none/],
    ['a dimension', [json({ ...SCHEMA, fields: [{ name: 'x', type: 'FLOAT_VECTOR', dim: 2 ** 40 }] })], /field 1/],
    [
      'no datasets',
      [json({ ...SCHEMA, fields: [{ name: 'x', type: 'INT8' }] })],
      /lacks the datasets of the field "x"/,
    ],
    ['a field twice', [json({ ...SCHEMA, fields: [FIELDS[0], FIELDS[0]] }), ...good.slice(1)], /"id" twice/],
  ])('is refused: %s', async (name, parts, message) => {
    const path = await craft(`refused-${name.replaceAll(' ', '-')}`, parts);
    const error = await errorOf(readFile(path));
    expect(error.code).toBe('SRC_CORRUPT');
    expect(error.message).toMatch(message);
    expect((await errorOf(inspectHdf5(path))).code).toBe('SRC_CORRUPT');
  });

  it('is refused when a later version wrote it', async () => {
    const error = await errorOf(readFile(await craft('later', [json({ ...SCHEMA, version: 2 }), ...good.slice(1)])));
    expect(error.code).toBe('SRC_UNSUPPORTED');
    expect(error.message).toMatch(/has format version 2; this milvusdm reads 1/);
  });

  it('is refused with text that is none, naming the row', async () => {
    const broken = await craft('utf8', [json(SCHEMA), IDS, ...textParts('aü', [0n, 2n, 3n])]);
    const error = await errorOf(readFile(broken));
    expect(error.code).toBe('SRC_BAD_ROW');
    expect(error.message).toMatch(/row 0 of dataset "text" of .* is not valid UTF-8/);
    const long = await craft('long', [json(SCHEMA), IDS, ...textParts('x'.repeat(70_000), [0n, 0n, 70_000n])]);
    expect((await errorOf(readFile(long))).message).toMatch(/row 1 .* has 70,000 bytes; text fields hold 65,535/);
  });

  it('is refused with half a pair of a sparse vector', async () => {
    const fields = [FIELDS[0], { ...FIELDS[1], type: 'SPARSE_FLOAT_VECTOR' }];
    const path = await craft('half', [
      json({ ...SCHEMA, fields }),
      IDS,
      ...textParts(new Uint8Array(12), [0n, 8n, 12n]),
    ]);
    expect((await errorOf(readFile(path))).message).toMatch(/row 1 .* has 4 bytes; sparse vectors are pairs of 8/);
  });
});
