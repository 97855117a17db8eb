import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** Files that take minutes. Begun last, one of them would run alone at the end. */
const LONG = [
  'crash/kills',
  'interop/legacy-mysql-runs',
  'e2e/collections',
  'e2e/fixtures',
  'e2e/lite-both-ways',
  'e2e/legacy-targets',
  'e2e/backup',
  'e2e/restore',
  'e2e/faiss-kinds',
  'e2e/old-documentation',
  'e2e/modes',
  'e2e/interrupted',
  'e2e/ids',
  'contract/milvus-readers',
  'crash/ledger',
  'crash/server',
  'interop/faiss-kinds',
];

function rank({ moduleId }: TestSpecification): number {
  const at = LONG.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
  return at < 0 ? LONG.length : at;
}

/** Runs the longest files first; the others in the order of the library. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted].sort((a, b) => rank(a) - rank(b));
  }
}
