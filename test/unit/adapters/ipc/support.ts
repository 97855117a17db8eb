import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { RecordBatch, Schema } from 'apache-arrow';
import { onTestFinished } from 'vitest';
import { openLogicalCatalog } from '../../../../src/adapters/ipc/index.js';
import { openLogicalTarget } from '../../../../src/adapters/ipc/target.js';
import type {
  Catalog,
  CollectionSettings,
  ResumePoint,
  SplitRows,
  Writer,
  WriterRequest,
} from '../../../../src/adapters/types.js';
import { decodeCollection, encodeManifest, type LogicalCollection } from '../../../../src/backup/logical.js';
import { encodeSideFile, SIDE_VERSION } from '../../../../src/backup/side-file.js';
import type { BackupSource, LogicalTarget } from '../../../../src/config/types.js';
import { createRanges, type RowRange, type RowRanges } from '../../../../src/util/row-ranges.js';

/** A folder that is gone behind the test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'milvusdm-logical-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A batch of any split. */
export interface Given {
  readonly batch: RecordBatch;
  readonly source: SplitRows;
}

export interface Write {
  readonly schema: Schema;
  /** Batches by partition; those that do not say where they come from follow each other in a split of the partition's name. */
  readonly parts: Readonly<Record<string, readonly (RecordBatch | Given)[]>>;
  /** Row of its split that the first batch of every partition begins with. */
  readonly first?: number;
  readonly settings?: CollectionSettings;
  readonly target?: Partial<LogicalTarget>;
  readonly resume?: ResumePoint;
  /** Stop behind so many batches, without completing anything. */
  readonly batches?: number;
  /** Told of rows that are in a complete file. */
  readonly onDurable?: (rows: SplitRows) => void;
}

function placed(split: string, batches: readonly (RecordBatch | Given)[], first: number): Given[] {
  let from = first;
  return batches.map((one) => {
    if ('source' in one) return one;
    const source = { split, from, to: from + one.numRows };
    from = source.to;
    return { batch: one, source };
  });
}

const QUIET = { phase() {}, progress() {} };

export const BOOKS_REQUEST: WriterRequest = {
  collection: 'books',
  mode: 'overwrite',
  parameter: { idField: 'id', vectorField: 'vec', load: false },
  metric: 'L2',
  ids: { type: 'INT64', stored: true, newIds: false },
  settings: {},
  description: '',
  parallelism: 1,
};

/** Writes a collection `books` into the backup `b` of a folder. */
export async function writeBooks(folder: string, o: Write): Promise<Writer> {
  const storage = { type: 'local', path: folder } as const;
  const full = { storage, name: 'b', db: 'default', compression: 'zstd', ...o.target } as const;
  await using target = await openLogicalTarget(full, () => {});
  await using writer = target.writer({ ...BOOKS_REQUEST, settings: o.settings ?? {} });
  const units = Object.keys(o.parts).map((partition) => ({ partition }));
  const plan = await writer.plan(o.schema, units, { exact: false, ...(o.resume ? { resume: o.resume } : {}) });
  await writer.prepare(plan);
  let left = o.batches ?? Number.POSITIVE_INFINITY;
  for (const [partition, batches] of Object.entries(o.parts)) {
    for (const { batch, source } of placed(partition, batches, o.first ?? 0)) {
      if (left-- === 0) return writer;
      const sent = await writer.write(batch, { partition, source, repeatable: true });
      await sent.ack;
      void sent.durable?.then(() => o.onDurable?.(source));
    }
    await writer.completeUnit?.({ partition });
  }
  await writer.commit(QUIET);
  return writer;
}

export function collectionOf(folder: string): LogicalCollection {
  const where = join(folder, 'b/data/default/books/collection.json');
  return decodeCollection(readFileSync(where), where);
}

/** Makes a backup of what was written. */
export async function complete(folder: string, change = (c: LogicalCollection): LogicalCollection => c): Promise<void> {
  const side = {
    version: SIDE_VERSION,
    tool: '0',
    state: 'complete',
    strategy: 'logical',
    started: '',
    server: '',
    milvus_version: '',
    linked: false,
    left_out: [],
    files: {},
  } as const;
  const files = {
    milvusdm: encodeSideFile(side),
    manifest: encodeManifest({
      databases: [],
      created: 'now',
      milvusVersion: 'v2',
      collections: [change(collectionOf(folder))],
    }),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(folder, `b/meta/${name}.json`);
    await mkdir(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}

export function openBooks(folder: string, more: Partial<BackupSource> = {}): Promise<Catalog> {
  const source: BackupSource = {
    adapter: 'backup',
    storage: { type: 'local', path: folder },
    name: 'b',
    select: { '*': null },
    ...more,
  };
  return openLogicalCatalog(source, { retryForMs: 0, log: () => {} });
}

/** Rows of several splits, as a ledger keeps those that are settled. */
export function settledRows() {
  const ranges = new Map<string, RowRanges>();
  const of = (split: string): RowRanges => {
    const found = ranges.get(split) ?? createRanges();
    ranges.set(split, found);
    return found;
  };
  return {
    add: ({ split, from, to }: SplitRows): void => of(split).add(from, to),
    missing: ({ split, from, to }: SplitRows): readonly RowRange[] => of(split).missing(from, to),
    get count(): number {
      return [...ranges.values()].reduce((sum, { count }) => sum + count, 0);
    },
  };
}
