import type { Schema } from 'apache-arrow';
import { expect } from 'vitest';
import type { Target } from '../../../src/adapters/types.js';
import type { RunOptions, TaskConfig } from '../../../src/config/types.js';
import type { JobEvent } from '../../../src/job/events.js';
import { createJob, type Job } from '../../../src/job/job.js';
import type { Report } from '../../../src/job/report.js';
import {
  type MemoryFile,
  type MemoryReader,
  type MemoryReaderOptions,
  memoryReader,
} from '../../support/memory-reader.js';
import { type MemoryWriter, type MemoryWriterOptions, memoryWriter } from '../../support/memory-writer.js';
import { openReader, openTarget } from './fake-registry.js';
import { DIM, fileOf, taskConfig, vectorsFor, WITH_IDS, withoutWaiting } from './support.js';

// For tests that have `vi.mock('../../../src/registry.js', () => import('./fake-registry.js'))`.

export interface Scene {
  readonly schema?: Schema;
  readonly files: readonly MemoryFile[];
  readonly reading?: MemoryReaderOptions;
  readonly target?: MemoryWriterOptions;
  /** Puts another writer around that of the target. */
  readonly wrap?: (writer: MemoryWriter) => MemoryWriter;
  readonly options?: Partial<RunOptions>;
  readonly config?: Partial<TaskConfig>;
}

interface MemoryTarget extends Target {
  readonly disposals: number;
}

export interface Stage {
  readonly job: Job;
  readonly reader: MemoryReader;
  readonly writer: MemoryWriter;
  readonly target: MemoryTarget;
  readonly events: JobEvent[];
}

/** A target that gives the same writer for every collection. */
export function targetOf(writer: MemoryWriter): MemoryTarget {
  let disposals = 0;
  return {
    server: writer.server,
    writer: () => writer,
    get disposals() {
      return disposals;
    },
    async [Symbol.asyncDispose]() {
      disposals++;
    },
  };
}

/** A job between a memory source and a memory target. */
export function stage(scene: Scene): Stage {
  const config = taskConfig(scene.options, scene.config);
  const reader = memoryReader(scene.schema ?? WITH_IDS, scene.files, scene.reading);
  const inner = memoryWriter({ mode: config.mode, ...scene.target });
  const writer = scene.wrap?.(inner) ?? inner;
  const target = targetOf(writer);
  current = writer;
  openReader.mockReset().mockResolvedValue(reader);
  openTarget.mockReset().mockResolvedValue(target);
  const job = createJob(config);
  const events: JobEvent[] = [];
  job.on((event) => events.push(event));
  return { job, reader, writer, target, events };
}

/** Whether everything that was opened is closed, once for each time. */
export function expectClosed({ reader, writer, target }: Stage): void {
  expect({ reader: reader.disposals, writer: writer.disposals, target: target.disposals }).toStrictEqual({
    reader: openReader.mock.calls.length,
    writer: 1,
    target: 1,
  });
}

/** The same, run to its end without waiting. */
export async function run(scene: Scene): Promise<Stage & { report: Report }> {
  const all = stage(scene);
  return { ...all, report: await withoutWaiting(() => all.job.run()) };
}

/** Keys of a partition of the target, in the order in which they were stored. */
export function keysIn(writer: MemoryWriter, partition = '_default'): (bigint | string)[] {
  return writer.collection!.partitions.get(partition)!.map((row) => row.key);
}

/** Vector of a row of the target. */
export function floatsIn(writer: MemoryWriter, key: bigint | string, partition = '_default'): number[] {
  const row = writer.collection!.partitions.get(partition)!.find((r) => r.key === key)!;
  return [...new Float32Array((row.values.get('embedding') as Uint8Array).slice().buffer)];
}

/** Ten rows with the ids 0 to 9. */
export const TEN: MemoryFile = fileOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

/** A file in which row `bad` has NaN. */
export function withNaN(ids: readonly number[], ...bad: readonly number[]): MemoryFile {
  const vectors = vectorsFor(ids.length);
  for (const row of bad) vectors[row * DIM + 1] = Number.NaN;
  return { name: 'a', rows: ids.length, columns: [BigInt64Array.from(ids, BigInt), vectors] };
}

let current: MemoryWriter | undefined;

/** The writer of the run in progress, for hooks that change the target behind its back. */
export function currentWriter(): MemoryWriter {
  return current!;
}
