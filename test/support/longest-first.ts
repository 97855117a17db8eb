import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/**
 * Files that take minutes. Begun last, one of them would run alone at the end. Those that back up the server by its files (only-one.ts) are
 * far from each other: side by side they wait.
 */
const LONG = [
  'crash/kills',
  'interop/legacy-mysql-runs',
  'e2e/collections',
  'e2e/backup-source',
  'e2e/fixtures',
  'e2e/lite-both-ways',
  'e2e/legacy-targets',
  'e2e/faiss-kinds',
  'e2e/old-documentation',
  'e2e/self-contained',
  'e2e/modes',
  'e2e/interrupted',
  'e2e/ids',
  'contract/milvus-readers',
  'crash/ledger',
  'crash/server',
  'interop/faiss-kinds',
  'e2e/restore',
  'e2e/page',
];

/** Files that need MinIO, which is built meanwhile where it was never needed before. */
const LAST = ['e2e/backup', 'e2e/restore-minio', 'e2e/shards-minio', 'contract/stores'];

function rank({ moduleId }: TestSpecification): number {
  const placeIn = (list: readonly string[]): number => list.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
  const first = placeIn(LONG);
  return first < 0 ? LONG.length + placeIn(LAST) + 1 : first;
}

/** Runs the longest files first, those that wait for something last, and the others in the order of the library. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted].sort((a, b) => rank(a) - rank(b));
  }
}
