import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Schema } from 'apache-arrow';
import { afterEach, beforeEach, vi } from 'vitest';
import type { PhaseProgress } from '../../../src/adapters/types.js';
import type { FieldSpec } from '../../../src/batch/fields.js';
import type { RunOptions, TaskConfig } from '../../../src/config/types.js';
import type { MemoryFile } from '../../support/memory-reader.js';
import type { StoredRow } from '../../support/memory-writer.js';
import { schemaOf, specOf, textColumn } from '../batch/support.js';

export const DIM = 4;
export const VECTOR: FieldSpec = specOf('FLOAT_VECTOR', 'embedding', { dim: DIM });
export const KEY: FieldSpec = { name: 'id', type: 'INT64', primaryKey: true };
export const TEXT_KEY: FieldSpec = { name: 'id', type: 'VARCHAR', maxLength: 64, primaryKey: true };

export const WITH_IDS: Schema = schemaOf(KEY, VECTOR);
export const WITH_TEXT_IDS: Schema = schemaOf(TEXT_KEY, VECTOR);
export const WITHOUT_IDS: Schema = schemaOf(VECTOR);

/** Vectors that tell which row of which file they are of: DIM numbers each. */
export function vectorsFor(rows: number, salt = 0): Float32Array {
  return Float32Array.from({ length: rows * DIM }, (_, i) => salt * 1000 + i + 0.5);
}

/** A file of rows with ids, for {@link WITH_IDS}. */
export function fileOf(
  ids: readonly (bigint | number)[],
  more: Partial<MemoryFile> & { salt?: number } = {},
): MemoryFile {
  const { salt, ...rest } = more;
  const columns = [BigInt64Array.from(ids, BigInt), vectorsFor(ids.length, salt)];
  return { name: 'a', rows: ids.length, columns, ...rest };
}

/** A file of rows with text ids, for {@link WITH_TEXT_IDS}. */
export function textFileOf(ids: readonly string[], name = 'a'): MemoryFile {
  return { name, rows: ids.length, columns: [textColumn(ids), vectorsFor(ids.length)] };
}

/** A file of rows without ids, for {@link WITHOUT_IDS}. */
export function plainFile(rows: number, name = 'a', more: Partial<MemoryFile> = {}): MemoryFile {
  return { name, rows, columns: [vectorsFor(rows)], ...more };
}

/** A row as a target holds it. */
export function storedRow(key: bigint | string, numbers: readonly number[] = [9, 9, 9, 9]): StoredRow {
  return { key, values: new Map([['embedding', new Uint8Array(Float32Array.from(numbers).buffer)]]) };
}

/** Bytes of a row of {@link vectorsFor}: batches of two rows and an id are 2 * (8 + 16) bytes. */
export const ROW_BYTES: number = 8 + DIM * 4;

export const OPTIONS: RunOptions = {
  idOffset: 0n,
  newIds: false,
  preflight: 'full',
  verify: 'sample',
  batchBytes: ROW_BYTES * 3,
  parallelism: 2,
  onDuplicateId: 'keep',
  onBadRow: 'error',
  quarantineLimit: 100,
  retryFor: 1,
};

/** A configuration of a run; the source that it names is never opened by these tests. */
export function taskConfig(options: Partial<RunOptions> = {}, more: Partial<TaskConfig> = {}): TaskConfig {
  return {
    task: 'H2M',
    source: {
      adapter: 'hdf5',
      files: [{ path: '/data/a.h5' }],
      dataset: 'embeddings',
      idsDataset: 'ids',
      idsOptional: true,
      columns: {},
    },
    dest: { at: { kind: 'server', address: '127.0.0.1:19530', tls: false } },
    mode: 'append',
    collection: 'books',
    parameter: { metric: 'L2', idField: 'id', vectorField: 'embedding', load: false },
    notes: [],
    secrets: [],
    ...more,
    options: { ...OPTIONS, ...options },
  };
}

export const SILENT: PhaseProgress = { phase() {}, progress() {} };

/** Gives every test of the file a state folder of its own, by $MILVUSDM_PATH. */
export function useStateFolder(): { readonly path: string } {
  let path = '';
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'milvusdm-state-'));
    vi.stubEnv('MILVUSDM_PATH', path);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(path, { recursive: true, force: true });
  });
  return {
    get path() {
      return path;
    },
  };
}

/** Waits for a promise while the clock of timers runs ahead of time: waits of seconds cost nothing. */
export async function withoutWaiting<T>(start: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  try {
    let done = false;
    const result = start().finally(() => {
      done = true;
    });
    result.catch(() => {});
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(50);
    }
    return await result;
  } finally {
    vi.useRealTimers();
  }
}
